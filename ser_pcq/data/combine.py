"""Several data directories as one: names are kept apart, emotions are brought together.

What Kaldi's `combine_data.sh` does, with the prefixes of its `copy_data_dir.sh`: ids of utterances,
speakers, sessions, sentences and raters begin with the corpus that they are of.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ser_pcq.data.copy_names import originals_by_name
from ser_pcq.data.corpus_names import is_prefixed, own_name, prefixed
from ser_pcq.data.directory import DataDir
from ser_pcq.data.labels import Relabelling
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Utterance
from ser_pcq.errors import DataError, few

# What a corpus knows of all of its utterances or of none, and the file that says it.
_WHOLE = {
    "gender": "spk2gender",
    "session": "utt2session",
    "sentence": "utt2sentence",
    "split": "utt2split",
    "text": "text",
}

Part = tuple[DataDir, str, list[Utterance]]
"""The utterances of a directory that are of one corpus, and its name."""


def combine(
    directories: Sequence[DataDir], relabelling: Relabelling, *, common: bool = True
) -> Prepared:
    """Bring data directories together.

    Args:
        directories: Of one corpus or several each.
        relabelling: Emotions to rename and to leave out, by their names in a corpus or by their
            common names.
        common: Whether emotions get the names that they have in the corpora of this package.

    Returns:
        The utterances, each with its corpus, and what a user should know of them.

    Raises:
        DataError: When a directory does not name its corpus, two utterances get the same id,
            emotions do not fit together, or nothing is left.
    """
    parts = [part for directory in directories for part in _parts(directory)]
    _check_spelling(corpus for _, corpus, _ in parts)
    named = [(directory, corpus, _named(of, corpus)) for directory, corpus, of in parts]
    _check_ids(named)
    utterances = [u for _, _, of in named for u in of]
    utterances, copies = _with_originals(utterances)
    utterances, lost = _whole(utterances)
    utterances, renamed = _relabelled(utterances, relabelling, common)
    ordered = sorted(utterances, key=lambda u: u.utterance_id.encode())
    return Prepared(ordered, (*renamed, *copies, *lost, *_notes(ordered)))


def _corpus(utterance: Utterance) -> str:
    """Return the corpus of an utterance, which is known here."""
    return utterance.corpus or ""


def _by_corpus(utterances: Iterable[Utterance]) -> Iterator[tuple[str, list[Utterance]]]:
    """Yield each corpus with its utterances, sorted by its name."""
    for corpus, of in groupby(sorted(utterances, key=_corpus), _corpus):
        yield corpus, list(of)


def _parts(directory: DataDir) -> Iterator[Part]:
    """Take a directory apart into its corpora."""
    if any(u.corpus is None for u in directory.utterances):
        raise DataError(
            "the data directory does not say which corpus it is of, and names of other corpora "
            "could not be kept apart from its own",
            given=directory.path,
            accepted="a file `corpus` with one name",
            do=f"write it: echo NAME > {directory.path / 'corpus'}",
        )
    for corpus, of in _by_corpus(directory.utterances):
        yield directory, corpus, of


def _check_spelling(corpora: Iterable[str]) -> None:
    """Refuse one corpus under two names that differ in case."""
    spelt: dict[str, str] = {}
    for corpus in corpora:
        if (earlier := spelt.setdefault(corpus.casefold(), corpus)) != corpus:
            raise DataError(
                "the name of a corpus is written in two ways",
                given=f"{earlier} and {corpus}",
                do="write the same name into the file `corpus` of both, or another one",
            )


def _renamed(corpus: str, names: Iterable[str]) -> dict[str, str]:
    """Return names of a corpus with its own name before them, unless all of them have it."""
    found = set(names)
    if all(is_prefixed(corpus, name) for name in found):
        return {name: name for name in found}
    return {name: prefixed(corpus, name) for name in found}


def _named(utterances: Sequence[Utterance], corpus: str) -> list[Utterance]:
    """Give utterances of a corpus in one directory the names that no other corpus has."""
    ids = _renamed(corpus, (i for u in utterances for i in (u.utterance_id, u.original) if i))
    speakers = _renamed(corpus, {u.speaker for u in utterances} - {UNKNOWN_SPEAKER})
    speakers[UNKNOWN_SPEAKER] = UNKNOWN_SPEAKER
    sessions = _renamed(corpus, (u.session for u in utterances if u.session))
    sentences = _renamed(corpus, (u.sentence for u in utterances if u.sentence))
    raters = _renamed(corpus, (r.partition(":")[0] for u in utterances for r in u.ratings))

    def rating(word: str) -> str:
        rater, colon, said = word.partition(":")
        return raters[rater] + colon + said

    return [
        replace(
            u,
            utterance_id=ids[u.utterance_id],
            original=ids[u.original] if u.original else None,
            speaker=speakers[u.speaker],
            session=sessions[u.session] if u.session else None,
            sentence=sentences[u.sentence] if u.sentence else None,
            ratings=tuple(map(rating, u.ratings)),
        )
        for u in utterances
    ]


def _check_ids(parts: Iterable[Part]) -> None:
    """Refuse an id that two utterances get."""
    first: dict[str, Part] = {}
    for part in parts:
        twice = [u.utterance_id for u in part[2] if u.utterance_id in first]
        if twice:
            (one, of_one, _), (other, of_other, _) = first[twice[0]], part
            whose = of_one if of_one == of_other else f"{of_one} and {of_other}"
            raise DataError(
                f"two data directories of {whose} have utterances with the same ids",
                given=f"{few(twice)} in {one.path} and {other.path}",
                do="leave one of them out, with ser-data subset or altogether; if they are of two "
                "corpora, write another name into the file `corpus` of one",
            )
        first |= {u.utterance_id: part for u in part[2]}


def _with_originals(utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[str]]:
    """Say of all utterances what they are copies of, where any is one.

    Where a corpus does not say it, names do, as in `sp0.9-03a01Fa`: they are looked at now, since
    they would no longer be understood with that of the corpus before them.
    """
    by_name: dict[str, str] = {}
    for corpus, of in _by_corpus(utterances):
        found = originals_by_name(own_name(corpus, u.utterance_id) for u in of)
        by_name |= {prefixed(corpus, i): prefixed(corpus, root) for i, root in found.items()}
    unsaid = [u.utterance_id for u in utterances if u.original is None]
    copies = [i for i in unsaid if by_name[i] != i]
    if not copies and len(unsaid) == len(utterances):
        return list(utterances), []
    notes = [f"copies by their names, written to utt2uniq: {few(copies)}"] if copies else []
    return [replace(u, original=u.original or by_name[u.utterance_id]) for u in utterances], notes


def _whole(utterances: Iterable[Utterance]) -> tuple[list[Utterance], list[str]]:
    """Leave out what is known of a part of a corpus only, where its directories differ."""
    kept: list[Utterance] = []
    notes = []
    for corpus, of in _by_corpus(utterances):
        genders = {u.speaker: u.gender for u in of if u.gender is not None}
        genders.pop(UNKNOWN_SPEAKER, None)  # several people
        some = [replace(u, gender=u.gender or genders.get(u.speaker)) for u in of]
        for fact, file in _WHOLE.items():
            counted = [u for u in some if fact != "gender" or u.speaker != UNKNOWN_SPEAKER]
            lacking = sum(getattr(u, fact) is None for u in counted)
            if 0 < lacking < len(counted):
                unsaid: dict[str, Any] = {fact: None}
                some = [replace(u, **unsaid) for u in some]
                notes.append(
                    f"{file} of {corpus} is left out: it is not known of {lacking} of "
                    f"{len(counted)} utterances"
                )
        kept += some
    return kept, notes


def _relabelled(
    utterances: Sequence[Utterance], relabelling: Relabelling, common: bool
) -> tuple[list[Utterance], list[str]]:
    """Give emotions their new names, leave some out, and say what was renamed."""
    labels = {corpus: {u.emotion for u in of} for corpus, of in _by_corpus(utterances)}
    names = relabelling.for_corpora(labels, common=common)
    kept = [
        replace(u, emotion=names[_corpus(u)][u.emotion])
        for u in utterances
        if u.emotion in names[_corpus(u)]
    ]
    if not kept:
        raise DataError(
            "no utterance is left", given=f"every emotion is dropped: {sorted(relabelling.drop)}"
        )
    counts = Counter((_corpus(u), u.emotion) for u in utterances)
    notes = [
        f"emotions of {corpus} were renamed: "
        + ", ".join(f"{old} to {new} ({counts[corpus, old]} utterances)" for old, new in changed)
        for corpus, of in names.items()
        if (changed := [(old, new) for old, new in of.items() if old != new])
    ]
    gone = [corpus for corpus in labels if not names[corpus]]
    return kept, notes + [f"no utterance of {corpus} is left" for corpus in gone]


def _notes(utterances: Sequence[Utterance]) -> list[str]:
    """Say what a user should know of corpora that are now together."""
    corpora = dict(_by_corpus(utterances))
    notes = [
        f"who speaks is not known of {n} of {len(of)} utterances of {corpus}: the speaker stays "
        f"`{UNKNOWN_SPEAKER}`"
        for corpus, of in corpora.items()
        if (n := sum(u.speaker == UNKNOWN_SPEAKER for u in of))
    ]
    if len(corpora) < 2:
        return notes
    has = {
        emotion: {_corpus(u) for u in utterances if u.emotion == emotion}
        for emotion in sorted({u.emotion for u in utterances})
    }
    counts = Counter(u.emotion for u in utterances)
    alone = [f"{e} ({next(iter(of))}, {counts[e]})" for e, of in has.items() if len(of) == 1]
    if alone:
        notes.append(f"emotions of one corpus only, with their utterances: {', '.join(alone)}")
    for fact, file in _WHOLE.items():
        having = [c for c, of in corpora.items() if any(getattr(u, fact) is not None for u in of)]
        if 0 < len(having) < len(corpora):
            notes.append(f"{file} is known of {', '.join(having)} only")
    rated = [corpus for corpus, of in corpora.items() if any(u.vad for u in of)]
    if len(rated) > 1:
        notes.append(f"utt2vad has the scale of each corpus: {', '.join(rated)}")
    return notes
