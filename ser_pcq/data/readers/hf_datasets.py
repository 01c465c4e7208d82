"""Hugging Face datasets in a folder: their rows to utterances, embedded audio to files.

Audio is never decoded, so that nothing but the package `datasets` is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ser_pcq.data.prepared import Prepared
from ser_pcq.data.readers.columns import DEFAULTS, Columns, choose_columns, unread
from ser_pcq.data.readers.entry import Entry, prepared
from ser_pcq.data.readers.hf_audio import file_names, placed, suffix_of
from ser_pcq.data.readers.hf_splits import Part, open_parts
from ser_pcq.data.readers.recordings import names_below, refuse_missing
from ser_pcq.data.readers.values import SPLITS
from ser_pcq.errors import DataError, few, suggest

_FACTS = tuple(fact for fact in DEFAULTS if fact != "split")
_USUAL = Columns()  # every column by its usual names


@dataclass(frozen=True)
class Source:
    """What was read of datasets.

    Attributes:
        prepared: The utterances; those with embedded audio name files that are still to be written.
        parts: The splits.
        column: The column with the audio.
        files: For each row of all parts, in order, the file that its audio is to be written to;
            None where it is a file already.
    """

    prepared: Prepared
    parts: tuple[Part, ...]
    column: str
    files: tuple[Path | None, ...]

    def extracted(self, wanted: set[Path]) -> AbstractContextManager[None]:
        """Write embedded audio, whole or not at all; remove it when the block raises.

        Args:
            wanted: Of the files, those that are needed.

        Raises:
            DataError: When the folder for the audio holds something else.
        """
        folders = {path.parent for path in self.files if path in wanted and path is not None}
        if not folders:
            return nullcontext()
        return placed(folders.pop(), self._contents(wanted))

    def _contents(self, wanted: set[Path]) -> Iterator[tuple[str, bytes]]:
        """Yield the names and contents of the files that are wanted."""
        values = (row[self.column] for part in self.parts for row in part.rows([self.column]))
        for path, value in zip(self.files, values, strict=True):
            if path is not None and path in wanted:
                yield path.name, value["bytes"]


@dataclass(frozen=True)
class _Row:
    """One row: where it is, what it says, its audio as a file or the name of embedded audio."""

    split: str
    where: str
    facts: dict[str, str]
    path: Path | None
    name: str
    suffix: str


def read_datasets(
    folder: Path,
    audio_dir: Path,
    *,
    split: str | None = None,
    columns: Columns = _USUAL,
) -> Source:
    """Read a folder of datasets, all of its splits or one.

    Rows without an emotion (None, or the class -1) are left out.

    Args:
        folder: What `save_to_disk` wrote; or a folder with parquet files; or an audio folder with
            `metadata.csv` or `metadata.jsonl`.
        audio_dir: Where embedded audio is to be written.
        split: Take this one only. When None take all, and, where there are several with the names
            of training, validation and test, say so in `Utterance.split`.
        columns: Those that the user names; `path` is the audio.

    Raises:
        DataError: When the folder is none of these, or its rows cannot be read.
    """
    parts = _chosen(open_parts(folder), split)
    names = [n for n in parts[0].columns if all(n in part.columns for part in parts)]
    asked = columns
    if asked.path is None and len(parts[0].audio) == 1:
        asked = replace(asked, path=parts[0].audio[0])
    chosen = choose_columns(names, asked, _FACTS, options={"path": "--audio"})
    rows = [row for part in parts for row in _rows(part, chosen)]
    files = _files(rows, audio_dir)
    paths = [cast(Path, r.path or file) for r, file in zip(rows, files, strict=True)]
    do = "fetch the recordings, or embed them before the datasets are saved"
    refuse_missing(*_existing(rows), do)
    sides, notes = _splits(parts)
    entries = [
        Entry(row.where, name, path, {**row.facts, **sides[row.split]})
        for row, name, path in zip(rows, names_below(paths), paths, strict=True)
        if row.facts["emotion"]
    ]
    if unlabelled := [row.where for row in rows if not row.facts["emotion"]]:
        notes.append(f"left out: {len(unlabelled)} rows without an emotion: {few(unlabelled)}")
    if all(row.facts["emotion"].isdigit() for row in rows if row.facts["emotion"]):
        notes.append("the emotions are numbers: --map 0=anger,1=… names them")
    made = prepared(entries, notes + unread(names, chosen))
    return Source(made, tuple(parts), chosen["path"], tuple(files))


def _chosen(parts: Sequence[Part], split: str | None) -> list[Part]:
    """Return the parts that are wanted."""
    if split is None:
        return list(parts)
    found = [part for part in parts if part.split == split]
    if not found:
        names = [part.split for part in parts]
        raise DataError("the split does not exist", given=split, do=suggest(split, names))
    return found


def _splits(parts: Sequence[Part]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return what the name of each part says, if all of several say it; and a note if not."""
    names = [part.split for part in parts]
    if len(set(names)) < 2:
        return {name: {} for name in names}, []
    if all(name.lower() in SPLITS for name in names):
        return {name: {"split": SPLITS[name.lower()]} for name in names}, []
    note = f"the splits are not training, validation and test, and are forgotten: {few(names)}"
    return {name: {} for name in names}, [note]


def _rows(part: Part, chosen: Mapping[str, str]) -> Iterator[_Row]:
    """Read the rows of a part."""
    for n, row in enumerate(part.rows(list(dict.fromkeys(chosen.values())))):
        where = f"{part.split}[{n}]"
        facts = {
            fact: part.text(column, row[column], where)
            for fact, column in chosen.items()
            if fact != "path"
        }
        yield _Row(part.split, where, facts, *_sound(row[chosen["path"]], part, where))


def _sound(value: Any, part: Part, where: str) -> tuple[Path | None, str, str]:
    """Return the file of a recording, or None with the name and the suffix of embedded audio."""
    given, content = (
        (value.get("path"), value.get("bytes")) if isinstance(value, dict) else (value, None)
    )
    if isinstance(content, bytes):
        name = Path(given or "").name
        return None, Path(name).stem, Path(name).suffix or suffix_of(content)
    if not isinstance(given, str) or not given or "://" in given:
        raise DataError(
            "a row has no recording that can be read",
            given=f"{value!r} in {where}"[:200],
            accepted="the content of an audio file, or the path of one on this machine",
            do="name the column with --audio, or embed the audio before the datasets are saved",
        )
    beside = part.folder / given
    return beside if beside.is_file() else Path(given), "", ""


def _files(rows: Sequence[_Row], audio_dir: Path) -> list[Path | None]:
    """Plan a file for each row with embedded audio."""
    embedded = [row for row in rows if row.path is None]
    names = file_names([(row.name, row.where, row.suffix) for row in embedded])
    planned = iter(names)
    return [audio_dir / next(planned) if row.path is None else None for row in rows]


def _existing(rows: Sequence[_Row]) -> tuple[list[str], list[Path]]:
    """Return the places and paths of the rows whose audio is a file."""
    found = [(row.where, row.path) for row in rows if row.path is not None]
    return [where for where, _ in found], [path for _, path in found]
