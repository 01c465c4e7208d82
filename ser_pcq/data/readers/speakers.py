"""Speakers who may be one person under two names, or not a person: noted, never changed."""

import re
from collections.abc import Iterable

from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Utterance
from ser_pcq.errors import few

NOTHING = frozenset({"nan", "na", "n/a", "#n/a", "none", "null", "nil", "?", "-"})
"""What tables hold where nothing is known, in lower case."""

_NUMBER = re.compile(r"0*(\d+?)(?:\.0+)?")


def speaker_notes(utterances: Iterable[Utterance]) -> list[str]:
    """Note the speakers that are perhaps one person, or not a person.

    Compared are names without regard to case, and numbers by their value: `Anna` and `anna`, `3`,
    `03` and `3.0`.
    """
    speakers = sorted({u.speaker for u in utterances})
    alike: dict[str, list[str]] = {}
    for name in speakers:
        number = _NUMBER.fullmatch(name)
        alike.setdefault(number[1] if number else name.casefold(), []).append(name)
    notes = []
    if twice := [", ".join(names) for names in alike.values() if len(names) > 1]:
        notes.append(
            f"speakers that are perhaps one person, and are taken for several: {few(twice)}; if "
            "they are one, name them alike, or scores will leak"
        )
    odd = [s for s in speakers if s.casefold() in NOTHING or _is_unknown(s)]
    if odd:
        notes.append(
            f"speakers that are perhaps not names: {few(odd)}; leave the cell empty where "
            "the speaker is not known"
        )
    return notes


def _is_unknown(name: str) -> bool:
    """Say whether a name is the one of unknown speakers but for the case."""
    return name != UNKNOWN_SPEAKER and name.casefold() == UNKNOWN_SPEAKER
