"""What a source says of each utterance, in words, and the checked utterances that it becomes.

A source may be anybody's table, so nothing is guessed: what cannot be read is refused with the
rows that hold it, and what was mended is told in a note.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ser_pcq.data.prepared import Prepared
from ser_pcq.data.readers.ids import made_id, numbered, word
from ser_pcq.data.readers.speakers import NOTHING, speaker_notes
from ser_pcq.data.readers.values import VALUES
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Utterance
from ser_pcq.errors import DataError, few

FACTS = (
    *("id", "emotion", "speaker", "gender", "session", "sentence", "text", "start", "end"),
    *("split", "original", "valence", "activation", "dominance", "ratings"),
)
"""What a source can say of an utterance, beside its audio."""

_WORDS = ("emotion", "speaker", "id", "session", "sentence", "original")
_ALL_OR_NONE = ("id", "session", "sentence", "split", "original")


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance as a source tells of it.

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
        notes: What the source itself has to tell.

    Raises:
        DataError: When an entry has no emotion, a value cannot be read, something is known of some
            utterances only that must be known of all, an id stands for two utterances, or a
            speaker has two genders.
    """
    if not entries:
        raise DataError("there are no utterances to prepare")
    entries, said = _without_repeats(entries)
    told: dict[str, Sequence[Any]] = {fact: _words(entries, fact) for fact in _WORDS}
    for fact, (parse, accepted) in VALUES.items():
        told[fact] = _parsed(entries, fact, parse, accepted)
    _check_complete(entries, told)
    told["speaker"] = [speaker or UNKNOWN_SPEAKER for speaker in told["speaker"]]
    utterances = [
        Utterance(
            utterance_id=told["id"][n] or "",
            audio=entry.audio,
            speaker=told["speaker"][n],
            emotion=told["emotion"][n],
            gender=told["gender"][n],
            session=told["session"][n],
            sentence=told["sentence"][n],
            original=told["original"][n],
            text=entry.facts.get("text"),
            split=told["split"][n],
            vad=_vad(entry, told, n),
            ratings=told["ratings"][n] or (),
            start=told["start"][n] or None,
            end=_end(entry, told, n),
        )
        for n, entry in enumerate(entries)
    ]
    utterances = _named(entries, utterances)
    utterances, found = _with_genders(utterances)
    changed = _changed(entries) + found + _case_notes(utterances) + speaker_notes(utterances)
    ordered = sorted(utterances, key=lambda u: u.utterance_id)
    return Prepared(ordered, (*notes, *said, *changed))


def refuse(wrong: str, places: Sequence[str], n: int, **details: Any) -> DataError:
    """Build the error for entries at some places, of `n` in all."""
    return DataError(wrong, given=f"{len(places)} of {n}: {few(places, 5)}", **details)


def _words(entries: Sequence[Entry], fact: str) -> list[str | None]:
    return [word(entry.facts.get(fact, "")) or None for entry in entries]


def _parsed(
    entries: Sequence[Entry], fact: str, parse: Callable[[str], Any], accepted: str
) -> list[Any]:
    """Read the values of one fact; None where nothing is said."""
    values, odd = [], []
    for entry in entries:
        text = entry.facts.get(fact, "")
        try:
            values.append(parse(text) if text else None)
        except (ValueError, KeyError):
            odd.append(f"{entry.where} ({text!r})")
    if odd:
        raise refuse(f"the {fact} cannot be read", odd, len(entries), accepted=accepted)
    return values


def _check_complete(entries: Sequence[Entry], told: Mapping[str, Sequence[Any]]) -> None:
    """Refuse what is missing where it may not be."""
    n = len(entries)
    if empty := _places(entries, told["emotion"]):
        raise refuse("utterances have no emotion", empty, n, do="fill it in, or remove them")
    for fact in _ALL_OR_NONE:
        empty = _places(entries, told[fact])
        if 0 < len(empty) < n:
            raise refuse(
                f"the {fact} of some utterances is not known, and of others it is",
                empty,
                n,
                accepted="all or none",
                do=f"fill it in, or leave the {fact} out",
            )


def _places(entries: Sequence[Entry], values: Sequence[Any]) -> list[str]:
    """Say where a value is missing."""
    return [e.where for e, value in zip(entries, values, strict=True) if value is None]


def _vad(
    entry: Entry, told: Mapping[str, Sequence[Any]], n: int
) -> tuple[float, float, float] | None:
    """Bring the three dimensions of an utterance together."""
    valence, activation, dominance = (
        told[name][n] for name in ("valence", "activation", "dominance")
    )
    known = [value for value in (valence, activation, dominance) if value is not None]
    if len(known) in (1, 2):
        raise DataError(
            "only some of valence, activation and dominance are given",
            given=entry.where,
            accepted="all three or none",
        )
    return (valence, activation, dominance) if known else None


def _end(entry: Entry, told: Mapping[str, Sequence[Any]], n: int) -> float | None:
    """Return the end of an utterance, s; None for the end of the recording."""
    start, end = told["start"][n] or 0.0, told["end"][n]
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
            "an utterance stands twice, with different content",
            clashes,
            len(entries),
            accepted="one entry for each id, or, without ids, for each stretch of a recording",
        )
    notes = [f"left out, since they stand twice: {few(repeats)}"] if repeats else []
    return list(first.values()), notes


def _named(entries: Sequence[Entry], utterances: Sequence[Utterance]) -> list[Utterance]:
    """Give ids to utterances that came without; refuse an id that stands for two."""
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
                "an id stands for two utterances, blanks in it being written as _",
                given=f"{u.utterance_id}: {seen[u.utterance_id].where}, {entry.where}",
            )
        seen[u.utterance_id] = entry
    return list(utterances)


def _with_genders(utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[str]]:
    """Give each speaker the gender that any of the utterances tells, or leave gender out."""
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
    """Tell of words that could not be written as they were."""
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
    """Tell of emotions that are perhaps the same one."""
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
