"""One file of a data directory: its lines as a plain table, and what can be wrong with them.

A table maps the first field of each line to the rest of that line.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ser_pcq.errors import few

REQUIRED = ("wav.scp", "utt2spk", "utt2emo")
# One line for each utterance; in a directory of several corpora for each of those that have it.
PER_UTTERANCE = ("utt2corpus", "utt2session", "utt2sentence", "utt2uniq", "utt2split", "text")
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


def read_table(path: Path) -> tuple[Table | None, list[Problem]]:
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
