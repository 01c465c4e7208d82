"""Who speaks in which recording, as names of files say it."""

import re
from collections.abc import Sequence

from ser_pcq.errors import SerError, few

EXAMPLE = r"(?P<speaker>[^/_]+)_[^/]*$"


def speakers_of(names: Sequence[str], pattern: str) -> list[str]:
    """Return the speaker of each recording.

    Args:
        names: Paths of recordings, `/` between folders.
        pattern: A regular expression that is searched in each, with a group named `speaker`.

    Raises:
        SerError: When it is no such expression, or finds no speaker in one of the names.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SerError(
            f"the pattern is not a regular expression ({error})",
            given=pattern,
            accepted=f"for example {EXAMPLE}",
        ) from error
    if "speaker" not in compiled.groupindex:
        raise SerError(
            "the pattern has no group named speaker",
            given=pattern,
            accepted=f"for example {EXAMPLE}",
            do="put what names the speaker between (?P<speaker> and )",
        )
    matches = [compiled.search(name) for name in names]
    speakers = [(match and match["speaker"]) or "" for match in matches]
    odd = [name for name, speaker in zip(names, speakers, strict=True) if not speaker]
    if odd:
        raise SerError(
            f"the pattern finds no speaker in {len(odd)} of {len(names)} recordings",
            given=f"{pattern} in {few(odd)}",
            accepted="one that finds a speaker in each",
            do="correct the pattern, or leave these recordings out",
        )
    return speakers
