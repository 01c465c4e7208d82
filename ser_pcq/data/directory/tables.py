"""The files of a Kaldi-style data directory as plain tables, and everything that can be wrong.

A table maps the first field of each line to the rest of that line. `ser_pcq.data.directory` gives
the tables their meaning; this module reads them and checks them against each other.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ser_pcq.data.directory.values import (
    SEGMENT_SLACK,
    SPLITS,
    parse_ratings,
    parse_segment,
    parse_vad,
)
from ser_pcq.data.utterance import UNKNOWN_SPEAKER
from ser_pcq.errors import AudioError, few, suggest

REQUIRED = ("wav.scp", "utt2spk", "utt2emo")
# One line for each utterance.
PER_UTTERANCE = ("utt2session", "utt2sentence", "utt2uniq", "utt2split", "text")
# At most one line for each utterance.
PARTIAL = ("utt2vad", "utt2ratings")
OPTIONAL = ("spk2gender", *PER_UTTERANCE, *PARTIAL, "segments", "labels", "corpus")
FILES = REQUIRED + OPTIONAL
"""Every file of a data directory that this package knows."""

GENDERS = ("m", "f", "o")

_FIELDS = {
    "wav.scp": (2, None),
    "text": (1, None),
    "segments": (4, 4),
    "labels": (1, 1),
    "corpus": (1, 1),
    "utt2vad": (4, 4),
    "utt2ratings": (2, None),
}
"""Least and greatest number of fields; two for every other file. None: the last may hold blanks."""

Table = dict[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a data directory.

    Attributes:
        kind: A short stable word: `missing-file`, `empty-file`, `bad-line`, `unsorted`,
            `duplicate-id`, `id-mismatch`, `inconsistent-speaker`, `unknown-label`, `bad-segment`,
            `bad-value`, `missing-audio` or `bad-audio`.
        message: What is wrong, beginning with the name of the file.
    """

    kind: str
    message: str


def audio_path(folder: Path, entry: str) -> Path:
    """Resolve an entry of wav.scp: against the data directory, else the current directory."""
    beside = folder / entry
    # Not Path.exists(), which raises where a folder on the way may not be entered.
    if not os.path.exists(beside) and os.path.exists(entry):  # noqa: PTH110
        return Path(entry)
    return beside


def _line_fault(name: str, line: str) -> str | None:
    """Say what is wrong with one line; None when nothing is."""
    if "\r" in line:
        return "a carriage return; turn CR LF line ends into LF: sed -i 's/\\r$//'"
    if line.startswith("\ufeff"):
        return "a byte order mark; save the file as UTF-8 without it"
    if line[:1] in ("", " ", "\t"):
        return "an empty line, or a blank before the id"
    least, most = _FIELDS.get(name, (2, 2))
    fields = re.split(r"[ \t]+", line.strip(" \t"))
    if len(fields) < least or (most and len(fields) > most):
        wanted = f"{least}" if least == most else f"{least} or more"
        return f"{len(fields)} fields instead of {wanted}, separated by one blank"
    if name == "wav.scp" and (fields[1].startswith("|") or fields[-1].endswith("|")):
        return "a pipe command; give the path of an audio file, commands are never run"
    return None


def _read_table(path: Path) -> tuple[Table | None, list[Problem]]:
    """Read one file. The table is None when lines are bad, so that a fault is reported once."""
    name = path.name
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        return None, [Problem("missing-file", f"{name}: cannot be read ({error.strerror})")]
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        message = f"{name}: line {number} is not UTF-8; convert it: iconv -f LATIN1 -t UTF-8"
        return None, [Problem("bad-line", message)]
    if lines == [""]:
        return None, [Problem("empty-file", f"{name}: has no lines")]
    faults: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        if fault := _line_fault(name, line):
            faults.setdefault(fault, []).append(str(number))
    if faults:
        found = faults.items()
        return None, [Problem("bad-line", f"{name}: line {few(n)}: {fault}") for fault, n in found]
    # The first blank or tab ends the id; any further ones belong to the value (paths, text).
    pairs = [(*re.split(r"[ \t]", line, maxsplit=1), "")[:2] for line in lines]
    table: Table = {}
    for key, value in pairs:
        table.setdefault(key, value.strip(" \t"))
    return table, _key_problems(name, [key for key, _ in pairs])


def _key_problems(name: str, keys: list[str]) -> list[Problem]:
    """Check that the ids of a file are unique and in the order of their bytes, as Kaldi sorts."""
    problems = []
    if len(set(keys)) < len(keys):
        twice = [key for key, count in Counter(keys).items() if count > 1]
        problems.append(Problem("duplicate-id", f"{name}: more than once: {few(twice)}"))
    late = [b for a, b in pairwise(keys) if b.encode() < a.encode()]
    if late and name != "labels":
        message = f"{name}: not sorted at {few(late)}; sort it: LC_ALL=C sort -k1,1"
        problems.append(Problem("unsorted", message))
    return problems


def _differences(a_name: str, a: Iterable[str], b_name: str, b: Iterable[str]) -> list[str]:
    """Report the ids that are in one file and not in the other, in both directions."""
    one, other = set(a), set(b)
    sides = ((a_name, b_name, one - other), (b_name, a_name, other - one))
    return [
        f"{here}: {len(ids)} not in {there}: {few(sorted(ids))}"
        for here, there, ids in sides
        if ids
    ]


def _check_ids(tables: dict[str, Table]) -> list[Problem]:
    """Check that all files list the same utterances, recordings and speakers."""
    problems = []
    main = "segments" if "segments" in tables else "wav.scp"
    for name in ("utt2spk", "utt2emo", *PER_UTTERANCE, *PARTIAL):
        if name in tables and main in tables:
            known = set(tables[main])
            wanted = known & set(tables[name]) if name in PARTIAL else known
            found = _differences(main, wanted, name, tables[name])
            problems += [Problem("id-mismatch", message) for message in found]
    if "spk2gender" in tables and "utt2spk" in tables:
        speakers = set(tables["utt2spk"].values()) - {UNKNOWN_SPEAKER}
        known = set(tables["spk2gender"])
        found = _differences("utt2spk", speakers, "spk2gender", known)
        problems += [Problem("inconsistent-speaker", message) for message in found]
    odd = [s for s, gender in tables.get("spk2gender", {}).items() if gender not in GENDERS]
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
            table, found = _read_table(path / name)
            problems += found
            if table is not None:
                tables[name] = table
    problems += _check_ids(tables) + _check_labels(tables, labels) + _check_values(tables)
    durations: dict[str, float] = {}
    if check_audio and "wav.scp" in tables:
        durations, found = _check_audio(path, tables["wav.scp"])
        problems += found
    return tables, problems + _check_segments(tables, durations)
