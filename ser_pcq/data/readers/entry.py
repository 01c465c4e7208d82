"""What a source says of each utterance, in words, and the checked utterances made from that.

A source may be any table, so nothing is guessed: what cannot be read is refused with the
rows that hold it, and a note says what was corrected.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ser_pcq.data.prepared import Prepared
from ser_pcq.data.readers.ids import made_id, numbered, word
from ser_pcq.data.readers.speakers import NOTHING, speaker_notes
from ser_pcq.data.readers.values import END, GENDER, NUMBER, RATINGS, SPLIT, START, Value
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Split, Utterance
from ser_pcq.errors import DataError, few

FACTS = (
    *("id", "emotion", "speaker", "gender", "session", "sentence", "text", "start", "end"),
    *("split", "original", "valence", "activation", "dominance", "ratings"),
)
"""What a source can say of an utterance, beside its audio."""

T = TypeVar("T")

_WORDS = ("emotion", "speaker", "id", "session", "sentence", "original")
_ALL_OR_NONE = ("id", "session", "sentence", "split", "original")


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance as a source describes it.

    Attributes:
        where: Its place in the source, for messages: `row 7`, or a path.
        name: What an id can be made from.
        audio: The file it is in.
        facts: Some of `FACTS` to what is said, blanks around it removed; empty where nothing is.
            Times are s.
    """

    where: str
    name: str
    audio: Path
    facts: Mapping[str, str]


def prepared(entries: Sequence[Entry], notes: Sequence[str] = ()) -> Prepared:
    """Make utterances of entries.

    Args:
        entries: In the order in which ids that collide are numbered.
        notes: Those of the source itself.

    Raises:
        DataError: When an entry has no emotion, a value cannot be read, something is known of some
            utterances only that must be known of all, two utterances have one id, or a
            speaker has two genders.
    """
    if not entries:
        raise DataError("no utterances to prepare")
    entries, repeats = _without_repeats(entries)
    said = _read(entries)
    utterances = [_utterance(e, s) for e, s in zip(entries, said, strict=True)]
    utterances = _named(entries, utterances)
    utterances, found = _with_genders(utterances)
    changed = _changed(entries) + found + _case_notes(utterances) + speaker_notes(utterances)
    ordered = sorted(utterances, key=lambda u: u.utterance_id)
    return Prepared(ordered, (*notes, *repeats, *changed))


def refuse(
    wrong: str,
    places: Sequence[str],
    n: int,
    *,
    accepted: str | None = None,
    do: str | None = None,
) -> DataError:
    """Build the error for entries at some places, of `n` in all."""
    given = f"{len(places)} of {n}: {few(places, 5)}"
    return DataError(wrong, given=given, accepted=accepted, do=do)


@dataclass(frozen=True, slots=True)
class _Said:
    """What an entry says, read; None where it says nothing. Words come first, as in `_WORDS`."""

    emotion: str | None
    speaker: str | None
    id: str | None
    session: str | None
    sentence: str | None
    original: str | None
    gender: str | None
    split: Split | None
    start: float | None
    end: float | None
    valence: float | None
    activation: float | None
    dominance: float | None
    ratings: tuple[str, ...] | None


def _read(entries: Sequence[Entry]) -> list[_Said]:
    """Read what entries say; refuse what cannot be read, or is missing where it may not be."""
    columns = zip(
        *(_words(entries, fact) for fact in _WORDS),
        _parsed(entries, "gender", GENDER),
        _parsed(entries, "split", SPLIT),
        _parsed(entries, "start", START),
        _parsed(entries, "end", END),
        _parsed(entries, "valence", NUMBER),
        _parsed(entries, "activation", NUMBER),
        _parsed(entries, "dominance", NUMBER),
        _parsed(entries, "ratings", RATINGS),
        strict=True,
    )
    said = [_Said(*values) for values in columns]
    _check_complete(entries, said)
    return said


def _utterance(entry: Entry, said: _Said) -> Utterance:
    """Make the utterance of an entry; its id is empty where it has none."""
    return Utterance(
        utterance_id=said.id or "",
        audio=entry.audio,
        speaker=said.speaker or UNKNOWN_SPEAKER,
        emotion=said.emotion or "",
        gender=said.gender,
        session=said.session,
        sentence=said.sentence,
        original=said.original,
        text=entry.facts.get("text"),
        split=said.split,
        vad=_vad(entry, said),
        ratings=said.ratings or (),
        start=said.start or None,
        end=_end(entry, said),
    )


def _words(entries: Sequence[Entry], fact: str) -> list[str | None]:
    return [word(entry.facts.get(fact, "")) or None for entry in entries]


def _parsed(entries: Sequence[Entry], fact: str, value: Value[T]) -> list[T | None]:
    """Read the values of one fact; None where nothing is said."""
    values: list[T | None] = []
    odd = []
    for entry in entries:
        text = entry.facts.get(fact, "")
        try:
            values.append(value.parse(text) if text else None)
        except (ValueError, KeyError):
            odd.append(f"{entry.where} ({text!r})")
    if odd:
        raise refuse(f"the {fact} cannot be read", odd, len(entries), accepted=value.accepted)
    return values


def _check_complete(entries: Sequence[Entry], said: Sequence[_Said]) -> None:
    """Refuse what is missing where it may not be."""
    n = len(entries)
    if empty := [e.where for e, s in zip(entries, said, strict=True) if s.emotion is None]:
        raise refuse("utterances have no emotion", empty, n, do="fill it in, or remove them")
    for fact in _ALL_OR_NONE:
        empty = [e.where for e, s in zip(entries, said, strict=True) if getattr(s, fact) is None]
        if 0 < len(empty) < n:
            raise refuse(
                f"the {fact} of some utterances is not known, and of others it is",
                empty,
                n,
                accepted="all or none",
                do=f"fill it in, or leave the {fact} out",
            )


def _vad(entry: Entry, said: _Said) -> tuple[float, float, float] | None:
    """Bring the three dimensions of an utterance together."""
    known = [v for v in (said.valence, said.activation, said.dominance) if v is not None]
    if len(known) in (1, 2):
        raise DataError(
            "only some of valence, activation and dominance are given",
            given=entry.where,
            accepted="all three or none",
        )
    return (known[0], known[1], known[2]) if known else None


def _end(entry: Entry, said: _Said) -> float | None:
    """Return the end of an utterance, s; None for the end of the recording."""
    start, end = said.start or 0.0, said.end
    if end is not None and end <= start:
        raise DataError(
            "the end of an utterance does not follow its start",
            given=f"{start} to {end} s in {entry.where}",
        )
    return end


def _without_repeats(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Leave out entries that repeat an earlier one; refuse those that contradict one."""
    first: dict[tuple[str, ...], Entry] = {}
    repeats: list[str] = []
    clashes: list[str] = []
    for entry in entries:
        given = entry.facts.get("id", "")
        stretch = (str(entry.audio), entry.facts.get("start", ""), entry.facts.get("end", ""))
        key = (given,) if given else stretch
        earlier = first.setdefault(key, entry)
        if earlier is entry:
            continue
        same = (earlier.audio, earlier.facts) == (entry.audio, entry.facts)
        (repeats if same else clashes).append(f"{entry.where} (as {earlier.where})")
    if clashes:
        raise refuse(
            "an utterance is listed twice, with different content",
            clashes,
            len(entries),
            accepted="one entry for each id, or, without ids, for each stretch of a recording",
        )
    notes = [f"left out, since they are listed twice: {few(repeats)}"] if repeats else []
    return list(first.values()), notes


def _named(entries: Sequence[Entry], utterances: Sequence[Utterance]) -> list[Utterance]:
    """Give ids to utterances that have none; refuse an id that two of them have."""
    if not utterances[0].utterance_id:
        ids = numbered(
            made_id(e.name, None if u.speaker == UNKNOWN_SPEAKER else u.speaker, u.start, u.end)
            for e, u in zip(entries, utterances, strict=True)
        )
        return [replace(u, utterance_id=i) for u, i in zip(utterances, ids, strict=True)]
    seen: dict[str, Entry] = {}
    for entry, u in zip(entries, utterances, strict=True):
        if u.utterance_id in seen:
            raise DataError(
                "two utterances have one id, blanks in it being written as _",
                given=f"{u.utterance_id}: {seen[u.utterance_id].where}, {entry.where}",
            )
        seen[u.utterance_id] = entry
    return list(utterances)


def _with_genders(utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[str]]:
    """Give each speaker the gender that any of the utterances says, or leave gender out."""
    genders: dict[str, set[str]] = {u.speaker: set() for u in utterances}
    for u in utterances:
        if u.gender is not None:
            genders[u.speaker].add(u.gender)
    two = sorted(s for s, found in genders.items() if len(found) > 1 and s != UNKNOWN_SPEAKER)
    if two:
        raise DataError(
            "speakers have two genders",
            given=few(two, 5),
            do="a speaker is one person: correct the gender, or leave it out",
        )
    if all(len(found) == 1 for found in genders.values()):
        return [replace(u, gender=next(iter(genders[u.speaker]))) for u in utterances], []
    lacking = sorted(s for s, found in genders.items() if len(found) != 1)
    notes = [f"gender left out: it is not known of every speaker ({few(lacking)})"]
    known = any(genders.values())
    return [replace(u, gender=None) for u in utterances], notes if known else []


def _changed(entries: Sequence[Entry]) -> list[str]:
    """Note the words that could not be written as they were."""
    changed = {
        e.facts[f]
        for e in entries
        for f in _WORDS
        if word(e.facts.get(f, "")) != unicodedata.normalize("NFC", e.facts.get(f, ""))
    }
    if not changed:
        return []
    return [f"blanks in names became _: {few(sorted(map(repr, changed)))}"]


def _case_notes(utterances: Sequence[Utterance]) -> list[str]:
    """Note the emotions that are perhaps the same one."""
    alike: dict[str, list[str]] = {}
    for emotion in sorted({u.emotion for u in utterances}):
        alike.setdefault(emotion.lower(), []).append(emotion)
    odd = sorted(name for names in alike.values() for name in names if name.casefold() in NOTHING)
    notes = [f"emotions that are perhaps none: {few(odd)}; --drop leaves them out"] if odd else []
    return notes + [
        f"emotions that differ in case only are different ones: {', '.join(names)}; "
        f"--map {names[0]}={names[1]} makes them one"
        for names in alike.values()
        if len(names) > 1
    ]
