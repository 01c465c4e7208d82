"""A data directory as a database in audformat, which `ser-data prepare audformat` reads back.

One table, `emotion`, has a row for each utterance and a column for each thing that is known. The
gender is with the labels of the scheme `speaker`, as is usual in audformat.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_pcq.data.directory import DataDir
from ser_pcq.data.readers.audformat import library
from ser_pcq.data.readers.recordings import names_below, refuse_missing
from ser_pcq.data.writers.table import facts, known
from ser_pcq.errors import DataError, few

TABLE = "emotion"

_GENDERS = {"m": "male", "f": "female", "o": "other"}
_NUMBERS = ("valence", "activation", "dominance")
_DESCRIPTION = "Emotions of utterances; written by ser-pcq from a data directory."


def export_audformat(
    data: DataDir,
    out_dir: Path,
    *,
    name: str | None = None,
    license_name: str | None = None,
    author: str | None = None,
    copy_audio: bool = False,
) -> None:
    """Write a database: all of it or, when anything is wrong, nothing.

    Times are kept to the nanosecond, as audformat has them.

    Args:
        data: The data directory.
        out_dir: Must not exist, or be empty.
        name: Of the database; that of the corpus, or of the data directory, when None.
        license_name: As the header is to state it; nothing when None.
        author: Likewise.
        copy_audio: Copy the recordings into the folder `audio` of the database; otherwise it names
            them where they are, with absolute paths.

    Raises:
        DataError: When audformat is missing, the folder holds something, a recording is missing, or
            two utterances are the same stretch of a recording.
    """
    audformat = library()
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise DataError("the folder for the database is not empty", given=out_dir)
    recordings = _recordings(data)
    files = _copies(recordings) if copy_audio else {p: str(p) for p in recordings}
    database = audformat.Database(
        name or data.corpus or data.path.resolve().name,
        usage=audformat.define.Usage.OTHER,
        description=_DESCRIPTION,
        license=license_name,
        author=author,
    )
    _fill(database, data, [files[_absolute(u.audio)] for u in data.utterances])
    try:
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=f".{out_dir.name}-") as folder:
            made = Path(folder) / "database"
            database.save(str(made))
            for path, file in files.items() if copy_audio else ():
                (made / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, made / file)
            made.replace(out_dir)
    except OSError as error:
        raise DataError(
            f"the database cannot be written ({error.strerror})", given=out_dir
        ) from error


def _absolute(audio: Path) -> Path:
    # Links on the way are resolved, since `..` after one would lead elsewhere; the last one stays.
    return audio.parent.resolve() / audio.name


def _recordings(data: DataDir) -> list[Path]:
    """List the recordings, each once; refuse those that are missing."""
    first = {_absolute(u.audio): u.utterance_id for u in reversed(data.utterances)}
    refuse_missing(list(first.values()), list(first), "check the data: ser-data validate")
    return sorted(first)


def _copies(recordings: Sequence[Path]) -> dict[Path, str]:
    """Return the path of each copy in the database."""
    names = names_below(recordings)
    return {p: f"audio/{n}{p.suffix}" for p, n in zip(recordings, names, strict=True)}


def _fill(database: Any, data: DataDir, files: Sequence[str]) -> None:
    """Add schemes, the table and its columns."""
    audformat = library()
    rows = facts(data)
    index = _index(data, files)
    if index.has_duplicates:
        twice = [row["id"] or "" for row, d in zip(rows, index.duplicated(), strict=True) if d]
        raise DataError(
            "utterances are the same stretch of a recording as others, which audformat cannot hold",
            given=few(twice),
            do="leave them out",
        )
    database[TABLE] = audformat.Table(index, description="One row for each utterance.")
    for name in known(rows):
        if name in ("gender", "start", "end"):
            continue
        column = "utterance_id" if name == "id" else name
        labels: Any = None
        if name == "emotion":
            labels = list(data.labels)
        if name == "speaker":
            labels = _speakers(data)
        kind = "float" if name in _NUMBERS else "str"
        database.schemes[column] = audformat.Scheme(kind, labels=labels)
        database[TABLE][column] = audformat.Column(scheme_id=column)
        values = [row[name] for row in rows]
        database[TABLE][column].set(
            [None if v is None else float(v) for v in values] if kind == "float" else values
        )


def _index(data: DataDir, files: Sequence[str]) -> Any:
    """Return the index of the table: files, or segments where any utterance is one."""
    audformat = library()
    import pandas

    if all(u.start is None and u.end is None for u in data.utterances):
        return audformat.filewise_index(list(files))
    return audformat.segmented_index(
        list(files),
        [_time(u.start or 0.0) for u in data.utterances],
        [pandas.NaT if u.end is None else _time(u.end) for u in data.utterances],
    )


def _time(seconds: float) -> Any:
    """Return a time to the nanosecond; a float of pandas' own is cut, not rounded."""
    import pandas

    return pandas.Timedelta(round(seconds * 1e9), unit="ns")


def _speakers(data: DataDir) -> Any:
    """Return the labels of the scheme of speakers: with their genders where these are known."""
    if any(u.gender is None for u in data.utterances):
        return list(data.speakers)
    genders = {u.speaker: _GENDERS[u.gender or "o"] for u in data.utterances}
    return {speaker: {"gender": gender} for speaker, gender in sorted(genders.items())}
