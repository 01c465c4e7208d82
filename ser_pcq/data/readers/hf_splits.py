"""The splits of a folder of Hugging Face datasets, in any of the usual files.

Read are: what `Dataset.save_to_disk` and `DatasetDict.save_to_disk` write; folders with parquet
files, as repositories on the hub hold them; and audio folders with `metadata.csv` or
`metadata.jsonl` (https://huggingface.co/docs/datasets/audio_dataset).
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ser_pcq.data.readers.values import SPLITS
from ser_pcq.errors import DataError

Row = Mapping[str, Any]

_ROWS = 64  # read at once: embedded audio is large
_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}")
_METADATA = ("metadata.csv", "metadata.jsonl")
_ACCEPTED = (
    "a folder that save_to_disk wrote, one with parquet files, or an audio folder with "
    "metadata.csv or metadata.jsonl"
)


@dataclass(frozen=True)
class Part:
    """One split.

    Attributes:
        split: Its name.
        columns: The names of its columns.
        rows: From names of columns to the rows with these, in order.
        folder: Where relative paths begin.
        audio: The columns that hold audio by their type.
        classes: Columns whose numbers are classes, to the names of these.
    """

    split: str
    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[Row]]
    folder: Path
    audio: tuple[str, ...] = ()
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def text(self, column: str, value: Any, where: str) -> str:
        """Return a value as text; empty for None, NaN and the class -1.

        Raises:
            DataError: When it is neither text nor a number.
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if column in self.classes and isinstance(value, int):
            return "" if value < 0 else self.classes[column][value]
        if not isinstance(value, str | int | float):
            raise DataError(
                f"column {column} holds neither text nor numbers",
                given=f"{value!r} in {where}"[:200],
                do="name another column",
            )
        return str(value).strip()


def open_parts(folder: Path) -> list[Part]:
    """Open the splits of a folder, in the order of their names as far as it has none.

    Raises:
        DataError: When the folder holds no datasets, or more than one kind.
    """
    if not folder.is_dir():
        raise DataError("the folder does not exist", given=folder, accepted=_ACCEPTED)
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return _saved(folder)
    tables = [p for p in _visible(folder, "*.parquet") if p.name != "metadata.parquet"]
    metadata = [p for name in _METADATA for p in _visible(folder, name)]
    if tables and metadata:
        raise DataError(
            "the folder holds parquet files as well as metadata of an audio folder",
            given=f"{tables[0]}, {metadata[0]}",
            do="name the folder of one of them",
        )
    if tables:
        return _parquet(folder, tables)
    if metadata:
        return _audio_folder(folder, metadata)
    raise DataError(
        "the folder holds no datasets",
        given=folder,
        accepted=_ACCEPTED,
        do="folders with a folder for each emotion are read by `ser-data prepare folder`",
    )


def _visible(folder: Path, pattern: str) -> list[Path]:
    """List the files of a name at any depth, hidden ones and those in hidden folders left out."""
    found = sorted(p for p in folder.rglob(pattern) if p.is_file())
    return [p for p in found if not any(n.startswith(".") for n in p.relative_to(folder).parts)]


def _library() -> Any:
    """Import the package `datasets`."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            "reading these files needs the package datasets, which is not installed",
            do="install it: pip install 'ser-pcq[datasets]'",
        ) from error
    return datasets


def _audio_columns(features: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that hold audio by their type."""
    audio = _library().Audio
    return tuple(name for name, kind in features.items() if isinstance(kind, audio))


def _class_columns(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns whose numbers are classes, with the names of these."""
    label = _library().ClassLabel
    return {name: list(kind.names) for name, kind in features.items() if isinstance(kind, label)}


def _saved(folder: Path) -> list[Part]:
    """Open what `save_to_disk` wrote."""
    library = _library()
    try:
        found = library.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"the datasets cannot be read ({error})", given=folder) from error
    if not isinstance(found, dict):
        found = {str(found.split or "all"): found}
    return [_saved_part(split, data, folder) for split, data in found.items()]


def _saved_part(split: str, data: Any, folder: Path) -> Part:
    """Make the part of a dataset."""

    def rows(columns: Sequence[str]) -> Iterator[Row]:
        # As Arrow tables, since rows of the dataset would be decoded.
        for table in data.select_columns(list(columns)).with_format("arrow").iter(_ROWS):
            yield from table.to_pylist()

    audio, classes = _audio_columns(data.features), _class_columns(data.features)
    return Part(split, tuple(data.column_names), rows, folder, audio, classes)


def _parquet(folder: Path, tables: Sequence[Path]) -> list[Part]:
    """Open parquet files, those of a split together."""
    splits: dict[str, list[Path]] = {}
    for path in tables:
        splits.setdefault(_split_name(path, folder), []).append(path)
    for split, paths in splits.items():
        if len({path.parent for path in paths}) > 1:
            raise DataError(
                f"parquet files of the split {split} lie in several folders",
                given=f"{paths[0]}, {paths[-1]}",
                do="name the folder of one of them",
            )
    return [_parquet_part(split, paths, folder) for split, paths in splits.items()]


def _parquet_part(split: str, paths: Sequence[Path], folder: Path) -> Part:
    """Make the part of parquet files."""
    library = _library()
    import pyarrow
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(paths[0])
        features = library.Features.from_arrow_schema(schema)
        names = [set(parquet.read_schema(path).names) for path in paths]
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
        raise DataError(
            f"the parquet files cannot be read ({error})",
            given=f"{paths[0]} ({len(paths)} files of the split {split})",
        ) from error

    def rows(columns: Sequence[str]) -> Iterator[Row]:
        for path in paths:
            try:
                with parquet.ParquetFile(path) as file:
                    for batch in file.iter_batches(_ROWS, columns=list(columns)):
                        yield from batch.to_pylist()
            except (OSError, pyarrow.ArrowException) as error:
                why = " ".join(str(error).split())  # on one line
                raise DataError(f"the parquet file is damaged ({why})", given=path) from error

    columns = tuple(n for n in schema.names if all(n in found for found in names))
    audio, classes = _audio_columns(features), _class_columns(features)
    return Part(split, columns, rows, folder, audio, classes)


def _split_name(path: Path, folder: Path) -> str:
    """Return the split of a parquet file: from its name, else from its folder, else `train`."""
    if match := _SHARD.match(path.stem):
        return match["split"]
    for name in (path.stem, *reversed(path.relative_to(folder).parts[:-1])):
        if name.lower() in SPLITS:
            return name
    return "train"


def _audio_folder(folder: Path, metadata: Sequence[Path]) -> list[Part]:
    """Open audio folders; the split is the first folder on the way with the name of one."""
    splits: dict[str, list[dict[str, Any]]] = {}
    for path in metadata:
        for row in _metadata_rows(path):
            given = row.get("file_name")
            if not isinstance(given, str) or not given or Path(given).is_absolute():
                raise DataError(
                    "a row of the metadata has no file_name that can be used",
                    given=f"{row} in {path}"[:200],
                    accepted="a path that begins in the folder of the metadata",
                )
            below = (path.parent / given).relative_to(folder)
            split = next((n for n in below.parts[:-1] if n.lower() in SPLITS), "train")
            splits.setdefault(split, []).append({**row, "file_name": below.as_posix()})
    return [_audio_folder_part(split, rows, folder) for split, rows in splits.items()]


def _audio_folder_part(split: str, found: Sequence[Row], folder: Path) -> Part:
    """Make the part of rows that are already read."""

    def rows(columns: Sequence[str]) -> Iterator[Row]:
        return ({name: row.get(name) for name in columns} for row in found)

    columns = tuple(dict.fromkeys(name for row in found for name in row))
    return Part(split, columns, rows, folder, audio=("file_name",))


def _metadata_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a metadata file."""
    if path.suffix == ".csv":
        from ser_pcq.data.readers.table import read_cells

        table = read_cells(path, "comma")
        yield from (dict(zip(table.names, row, strict=False)) for _, row in table.rows)
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError("the metadata is not UTF-8", given=path, do="save it as UTF-8") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError) as error:
                raise DataError(
                    f"line {number} of the metadata is not a JSON object ({error})", given=path
                ) from error
