"""The errors that a user can meet, and the one form in which they are written.

Every message says what was wrong, what was given, what is accepted and what to do. Library code
raises `SerError` or a kind of it; the commands print the message as one line on stderr and exit 1.
"""

import difflib
from collections.abc import Iterable


class SerError(Exception):
    """Something that the user can put right.

    Args:
        wrong: What was wrong, as a phrase without a final stop.
        given: What was given, shown as it was.
        accepted: What is accepted instead.
        do: What to do next.
    """

    def __init__(
        self, wrong: str, *, given: object = None, accepted: object = None, do: str | None = None
    ) -> None:
        self.wrong = wrong
        parts = [wrong]
        if given is not None:
            parts.append(f"given: {given}")
        if accepted is not None:
            parts.append(f"accepted: {accepted}")
        if do is not None:
            parts.append(do)
        super().__init__("; ".join(parts))


class ConfigError(SerError):
    """A configuration file or a `--set` value that does not fit."""


class DataError(SerError):
    """A corpus or a data directory that is not what it should be."""


class CheckpointError(SerError):
    """A checkpoint package that is missing, damaged or of a foreign format."""


class ScoreError(SerError):
    """Predictions that cannot be scored."""


class AudioError(SerError):
    """An audio file that cannot be used.

    Attributes:
        reason: A short stable word for programs, for example `unreadable` or `empty`.
    """

    def __init__(self, reason: str, wrong: str, **details: object) -> None:
        super().__init__(wrong, **details)  # type: ignore[arg-type]
        self.reason = reason


def suggest(given: str, accepted: Iterable[str]) -> str:
    """Return "did you mean X?" for a near miss, else the list of what is accepted."""
    names = sorted(accepted)
    near = difflib.get_close_matches(given, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(names)}"


def few(names: Iterable[str], limit: int = 3) -> str:
    """Return the first few names and the number of the others."""
    listed = list(names)
    rest = len(listed) - limit
    return ", ".join(listed[:limit]) + (f" and {rest} more" if rest > 0 else "")
