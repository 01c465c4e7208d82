"""The errors that a user can meet, and the one form in which they are written.

Every message says what was wrong, what was given, what is accepted and what to do. Library code
raises `SerError` or a kind of it; the commands print the message as one line on stderr and exit 1.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why something is as it is: a word for programs, and a sentence for people.

    `str()` gives all of it in one line: `too_short: the audio is too short; given: 0.05 s`.

    Attributes:
        word: Short and stable, `unreadable` or `too_short` for example.
        sentence: What it means here, without a final stop.
        details: What else a message says: what was given, what is accepted, what to do.
    """

    word: str
    sentence: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join((self.short, *self.details))

    @property
    def short(self) -> str:
        """The word and the sentence, without details."""
        return f"{self.word}: {self.sentence}"


class SerError(Exception):
    """Something that the user can correct.

    Args:
        wrong: What was wrong, as a phrase without a final stop.
        given: What was given, shown as it was.
        accepted: What is accepted instead.
        do: What to do next.

    Attributes:
        wrong: As given.
        details: The other parts of the message, each a phrase.
    """

    def __init__(
        self, wrong: str, *, given: object = None, accepted: object = None, do: str | None = None
    ) -> None:
        details = []
        if given is not None:
            details.append(f"given: {given}")
        if accepted is not None:
            details.append(f"accepted: {accepted}")
        if do is not None:
            details.append(do)
        self.wrong = wrong
        self.details = tuple(details)
        super().__init__("; ".join((wrong, *details)))


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

    Args:
        word: A short stable word for programs, for example `unreadable` or `empty`.
        wrong, given, accepted, do: As in `SerError`.

    Attributes:
        reason: The word with the message.
    """

    def __init__(
        self,
        word: str,
        wrong: str,
        *,
        given: object = None,
        accepted: object = None,
        do: str | None = None,
    ) -> None:
        super().__init__(wrong, given=given, accepted=accepted, do=do)
        self.reason = Reason(word, wrong, self.details)


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
