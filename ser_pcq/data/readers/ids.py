"""Ids of utterances that have none: made from their paths and speakers."""

import unicodedata
from collections.abc import Iterable


def word(text: str) -> str:
    """Return a text as one word: blanks and what cannot be printed become `_`.

    Accented letters become one character (Unicode NFC): file names from macOS hold two, and one
    speaker would be two people.
    """
    composed = unicodedata.normalize("NFC", text)
    return "".join(c if c.isprintable() and not c.isspace() else "_" for c in composed)


def made_id(name: str, speaker: str | None, start: float | None, end: float | None) -> str:
    """Make the id of an utterance.

    Args:
        name: Path of its audio below some folder, without suffix; `/` between folders.
        speaker: Put in front, as is Kaldi's custom, unless the name begins with it; None: unknown.
        start: Of a segment, s; None for the beginning.
        end: Of a segment, s; None for the end of the recording.
    """
    made = word(name).replace("/", "-")
    if speaker is not None and not _begins_with(made, speaker):
        made = f"{speaker}-{made}"
    if start is None and end is None:
        return made
    last = "end" if end is None else f"{round(end * 1000):07d}"
    return f"{made}-{round((start or 0) * 1000):07d}-{last}"


def _begins_with(name: str, speaker: str) -> bool:
    """Say whether a name begins with a speaker, and not with a longer one: `03a01` with `03`."""
    rest = name.removeprefix(speaker)
    longer = rest[:1].isdigit() if speaker[-1:].isdigit() else rest[:1].isalnum()
    return rest != name and not longer


def numbered(ids: Iterable[str]) -> list[str]:
    """Make ids unique: those that occur again get `-2` and so on."""
    wanted = list(ids)
    taken = set(wanted)
    seen: set[str] = set()
    unique = []
    for name in wanted:
        made, n = name, 1
        while made in seen or (n > 1 and made in taken):
            n += 1
            made = f"{name}-{n}"
        seen.add(made)
        unique.append(made)
    return unique
