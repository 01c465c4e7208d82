"""Patterns that find in the path of a recording who speaks, for example."""

import re

from ser_pcq.errors import SerError

_EXAMPLE = r"(?P<speaker>[^/_]+)_[^/]*$"
_ACCEPTED = f"for example {_EXAMPLE}"


def name_pattern(pattern: str, error: type[SerError] = SerError) -> re.Pattern[str]:
    """Return a pattern that can be searched in paths.

    Args:
        pattern: A regular expression, whose groups have names.
        error: What is raised.

    Raises:
        SerError: When it is no such expression; of the kind `error`.
    """
    try:
        return re.compile(pattern)
    except re.error as wrong:
        raise error(
            f"the pattern is not a regular expression ({wrong})", given=pattern, accepted=_ACCEPTED
        ) from wrong


def no_speaker(pattern: str, error: type[SerError] = SerError) -> SerError:
    """Return what to raise for a pattern that does not say who speaks; of the kind `error`."""
    return error(
        "the pattern has no group named speaker",
        given=pattern,
        accepted=_ACCEPTED,
        do="put what names the speaker between (?P<speaker> and )",
    )
