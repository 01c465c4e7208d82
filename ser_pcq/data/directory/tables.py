"""The files of a Kaldi-style data directory as plain tables, checked against each other.

`ser_pcq.data.directory` gives the tables their meaning.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ser_pcq.data.directory.lines import (
    FILES,
    GENDERS,
    PARTIAL,
    PER_UTTERANCE,
    REQUIRED,
    Problem,
    Table,
    audio_path,
    read_table,
)
from ser_pcq.data.directory.values import (
    SEGMENT_SLACK,
    SPLITS,
    parse_ratings,
    parse_segment,
    parse_vad,
)
from ser_pcq.data.utterance import UNKNOWN_SPEAKER
from ser_pcq.errors import AudioError, few, suggest


def _differences(a_name: str, a: Iterable[str], b_name: str, b: Iterable[str]) -> list[str]:
    """Report the ids that are in one file and not in the other, in both directions."""
    one, other = set(a), set(b)
    sides = ((a_name, b_name, one - other), (b_name, a_name, other - one))
    return [
        f"{here}: {len(ids)} not in {there}: {few(sorted(ids))}"
        for here, there, ids in sides
        if ids
    ]


def _expected(ids: set[str], listed: Iterable[str], corpus_of: Table) -> set[str]:
    """Return the ids that a file has to list: all, or those of corpora of which it lists any.

    Of several corpora one may have sessions and another none; within a corpus it is all or nothing.
    """
    if not corpus_of:
        return ids
    having = {corpus_of[i] for i in listed if i in corpus_of}
    return {i for i in ids if corpus_of.get(i) in having}


def _check_ids(tables: dict[str, Table]) -> list[Problem]:
    """Check that all files list the same utterances and recordings."""
    problems = []
    main = "segments" if "segments" in tables else "wav.scp"
    corpus_of = tables.get("utt2corpus", {})
    for name in ("utt2spk", "utt2emo", *PER_UTTERANCE, *PARTIAL):
        if name in tables and main in tables:
            known = set(tables[main])
            if name in PARTIAL:
                known &= set(tables[name])
            elif name in PER_UTTERANCE and name != "utt2corpus":
                known = _expected(known, tables[name], corpus_of)
            found = _differences(main, known, name, tables[name])
            problems += [Problem("id-mismatch", message) for message in found]
    return problems


def _check_speakers(tables: dict[str, Table]) -> list[Problem]:
    """Check that speakers are those of the utterances, of one gender and of one corpus each."""
    problems = []
    corpus_of: Table = {}
    two = set()
    for utterance_id, corpus in tables.get("utt2corpus", {}).items():
        speaker = tables.get("utt2spk", {}).get(utterance_id, UNKNOWN_SPEAKER)
        if speaker != UNKNOWN_SPEAKER and corpus_of.setdefault(speaker, corpus) != corpus:
            two.add(speaker)
    if two:
        message = f"utt2corpus: speakers of more than one corpus: {few(sorted(two))}"
        problems.append(Problem("inconsistent-speaker", message))
    genders = tables.get("spk2gender", {})
    if "spk2gender" in tables and "utt2spk" in tables:
        speakers = set(tables["utt2spk"].values()) - {UNKNOWN_SPEAKER}
        speakers = _expected(speakers, genders, corpus_of)
        found = _differences("utt2spk", speakers, "spk2gender", genders)
        problems += [Problem("inconsistent-speaker", message) for message in found]
    odd = [s for s, gender in genders.items() if gender not in GENDERS]
    if odd:
        message = f"spk2gender: not one of {', '.join(GENDERS)}: {few(odd)}"
        problems.append(Problem("inconsistent-speaker", message))
    return problems


def _check_labels(tables: dict[str, Table], labels: Sequence[str] | None) -> list[Problem]:
    """Check utt2emo against the labels given, else against the file `labels`, else not at all."""
    accepted = labels if labels is not None else tables.get("labels")
    if accepted is None:
        return []
    problems = []
    for label in sorted(set(tables.get("utt2emo", {}).values()) - set(accepted)):
        ids = [i for i, emotion in tables["utt2emo"].items() if emotion == label]
        message = f"utt2emo: unknown label {label!r} ({few(ids)}); {suggest(label, accepted)}"
        problems.append(Problem("unknown-label", message))
    return problems


def _check_values(tables: dict[str, Table]) -> list[Problem]:
    """Check the values of optional files."""
    problems = []
    rules: tuple[tuple[str, Callable[[str], object], str], ...] = (
        ("utt2split", SPLITS.index, f"not one of {', '.join(SPLITS)}"),
        ("utt2vad", parse_vad, "not three numbers: valence, activation, dominance"),
        ("utt2ratings", parse_ratings, "not <rater>:<label>[,<label>] or <rater>:<v>/<a>/<d>"),
    )
    for name, parse, wrong in rules:
        odd = []
        for key, value in tables.get(name, {}).items():
            try:
                parse(value)
            except ValueError:
                odd.append(key)
        if odd:
            problems.append(Problem("bad-value", f"{name}: {wrong}: {few(odd)}"))
    if len(tables.get("corpus", {})) > 1:
        problems.append(Problem("bad-value", "corpus: more than one name"))
    if "corpus" in tables and "utt2corpus" in tables:
        message = "corpus: names one for all utterances, and utt2corpus one for each; keep one file"
        problems.append(Problem("bad-value", message))
    return problems


def _check_segments(tables: dict[str, Table], durations: dict[str, float]) -> list[Problem]:
    """Check that each segment is a stretch of a recording; `durations` (s) where they are known."""
    faults: dict[str, list[str]] = {}
    for segment_id, value in tables.get("segments", {}).items():
        try:
            recording, start, end = parse_segment(value)
        except ValueError:
            fault = "start and end are not 0 <= start < end (or -1 for the end of the recording)"
            faults.setdefault(fault, []).append(segment_id)
            continue
        length = durations.get(recording, float("inf"))
        if "wav.scp" in tables and recording not in tables["wav.scp"]:
            faults.setdefault("the recording is not in wav.scp", []).append(segment_id)
        elif start >= length or end > length + SEGMENT_SLACK:
            faults.setdefault("reaches beyond its recording", []).append(segment_id)
    return [Problem("bad-segment", f"segments: {few(ids)}: {why}") for why, ids in faults.items()]


def _check_audio(folder: Path, recordings: Table) -> tuple[dict[str, float], list[Problem]]:
    """Read the header of every recording; return the durations (s) and what cannot be used."""
    from ser_pcq.audio.waveform import MIN_DURATION, duration

    durations = {}
    refused: dict[str, list[str]] = {}
    first: dict[str, AudioError] = {}
    for recording, entry in recordings.items():
        try:
            path = audio_path(folder, entry)
            durations[recording] = duration(path)
            if durations[recording] < MIN_DURATION:
                raise AudioError(
                    "too_short",
                    "the recording is too short",
                    given=path,
                    accepted=f"{MIN_DURATION} s",
                )
        except AudioError as error:
            refused.setdefault(error.reason.word, []).append(recording)
            first.setdefault(error.reason.word, error)
    return durations, [
        Problem(
            "missing-audio" if reason == "missing" else "bad-audio",
            f"wav.scp: {len(ids)} recordings cannot be used, {few(ids)}: {first[reason]}",
        )
        for reason, ids in refused.items()
    ]


def read_tables(
    path: Path, *, check_audio: bool, labels: Sequence[str] | None
) -> tuple[dict[str, Table], list[Problem]]:
    """Read all files of a data directory and check them one by one and against each other.

    Args:
        path: The data directory.
        check_audio: Whether to read the header of every recording too.
        labels: Accepted emotions; those of the file `labels` when None.

    Returns:
        The tables of the files that are there and well formed, by file name; and all problems.
    """
    if not path.is_dir():
        return {}, [Problem("missing-file", f"{path}: the folder does not exist")]
    tables = {}
    problems = []
    for name in FILES:
        if name in REQUIRED or os.path.lexists(path / name):
            table, found = read_table(path / name)
            problems += found
            if table is not None:
                tables[name] = table
    problems += _check_ids(tables) + _check_speakers(tables)
    problems += _check_labels(tables, labels) + _check_values(tables)
    durations: dict[str, float] = {}
    if check_audio and "wav.scp" in tables:
        durations, found = _check_audio(path, tables["wav.scp"])
        problems += found
    return tables, problems + _check_segments(tables, durations)
