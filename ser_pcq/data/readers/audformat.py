"""Databases in audformat (https://audeering.github.io/audformat): one or more tables of emotions.

A fact is looked for by the name of a column or of its scheme: first in the tables that were chosen,
then in all others, by segment and by file; also among what the labels of a scheme say, as the
gender of speakers is usually stored.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ser_pcq.data.prepared import Prepared
from ser_pcq.data.readers.columns import DEFAULTS
from ser_pcq.data.readers.entry import Entry, prepared
from ser_pcq.data.readers.recordings import names_below, refuse_missing
from ser_pcq.data.readers.values import SPLITS
from ser_pcq.errors import DataError, few, suggest

HEADER = "db.yaml"

Place = tuple[str, str, str | None]
"""A table, a column of it, and the field of the labels of its scheme; None for the label itself."""

Key = tuple[str, int, int | None]
"""A file with start and end, ns; the end None where it is the end of the file."""

# Other names could belong to other tables, and an id has to be unique.
_NAMES = {**DEFAULTS, "id": ("utterance_id",)}
_FACTS = tuple(fact for fact in _NAMES if fact not in ("path", "start", "end", "emotion"))


def read_audformat(
    folder: Path,
    *,
    tables: Sequence[str] = (),
    emotion: str | None = None,
    speaker: str | None = None,
) -> Prepared:
    """Read a database.

    Rows without an emotion are left out.

    Args:
        folder: Holds `db.yaml` and the tables.
        tables: Those to take; when there are none, the only one with emotions. Where the tables
            belong to splits, `Utterance.split` says so.
        emotion: Column or scheme; `emotion` or `label` when None.
        speaker: Column or scheme; one that `DEFAULTS` names when None, the empty string for none.

    Raises:
        DataError: When it is not a database, its files are missing, or it does not say clearly
            which emotion is meant.
    """
    database = _load(folder)
    chosen = _tables(database, tables, (emotion,) if emotion else _NAMES["emotion"])
    keys, places, emotions = [], [], []
    sides = _sides(database, [table for table, *_ in chosen])
    facts: list[dict[str, str]] = []
    for place in chosen:
        for key, value in _values(database, place):
            keys.append(key)
            places.append(_where(place[0], key))
            emotions.append(value)
            facts.append({"emotion": value, **_times(key), **sides.get(place[0], {})})
    notes = []
    if unlabelled := [p for p, value in zip(places, emotions, strict=True) if not value]:
        notes.append(f"left out: {len(unlabelled)} rows without an emotion: {few(unlabelled)}")
    wanted = {**_NAMES, **({} if speaker is None else {"speaker": (speaker,) if speaker else ()})}
    for fact in _FACTS:
        found = _found(database, wanted[fact], [table for table, *_ in chosen])
        if fact == "speaker" and speaker and not found:
            raise DataError("the column or scheme does not exist", given=speaker)
        if found:
            _add(facts, keys, fact, database, found)
    paths = [folder / file for file, *_ in keys]
    refuse_missing(places, paths, "fetch the files of the database, and put them where it says")
    entries = [
        Entry(*entry)
        for entry in zip(places, names_below(paths), paths, facts, strict=True)
        if entry[3]["emotion"]
    ]
    return prepared(entries, notes)


def library() -> Any:
    """Import the package `audformat`.

    Raises:
        DataError: When it is not installed.
    """
    try:
        import audformat
    except ImportError as error:
        raise DataError(
            "databases need the package audformat, which is not installed",
            do="install it: pip install 'ser-pcq[audformat]'",
        ) from error
    return audformat


def _load(folder: Path) -> Any:
    """Load the header of a database, after a look that nothing in it can run code."""
    header = folder / HEADER
    if not header.is_file():
        raise DataError(
            "this is not a database in audformat",
            given=folder,
            accepted=f"a folder with {HEADER} and tables",
        )
    if pickles := sorted(p.name for p in folder.glob("db.*.pkl")):
        raise DataError(
            "tables are stored as pickle, which can run any code when it is read",
            given=few(pickles),
            accepted="db.TABLE.parquet or db.TABLE.csv",
            do="remove the pickles where the same tables are there as parquet or csv",
        )
    audformat = library()
    import yaml

    try:
        # audformat reads the header with a loader that builds any object that it names.
        yaml.safe_load(header.read_text(encoding="utf-8"))
        return audformat.Database.load(str(folder), load_data=False)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise DataError(
            f"the database cannot be read ({' '.join(str(error).split())})", given=header
        ) from error


def _tables(database: Any, asked: Sequence[str], names: Sequence[str]) -> list[Place]:
    """Return the emotions of the tables that were asked for, or of the only one that has any."""
    for table in asked:
        if table not in database.tables:
            raise DataError(
                "the table does not exist", given=table, do=suggest(table, database.tables)
            )
    found = {table: _columns(database, table, names) for table in asked or database.tables}
    if not asked:
        found = {table: places for table, places in found.items() if places}
    if not found:
        raise DataError(
            "no table has emotions",
            given=f"tables {', '.join(database.tables)}",
            accepted=f"a column or scheme named {' or '.join(names)}",
            do="name it with --emotion",
        )
    if len(found) > 1 and not asked:
        raise DataError(
            "several tables have emotions",
            given=", ".join(found),
            do="name one, or those that belong together, with --table",
        )
    for table, places in found.items():
        if len(places) != 1:
            columns = ", ".join(column for _, column, _ in places)
            raise DataError(
                f"table {table} has {len(places)} columns that could be the emotion",
                given=columns or f"columns {', '.join(database.tables[table].columns)}",
                do="name one with --emotion",
            )
    return [places[0] for places in found.values()]


def _columns(database: Any, table: str, names: Sequence[str]) -> list[Place]:
    """Find columns by the first of the names that any has: itself, as a scheme, or in labels."""
    columns = database.tables[table].columns
    for name in names:
        if name in columns:
            return [(table, name, _text_field(database, columns[name], name))]
        found: list[Place] = [
            (table, c, _text_field(database, column, name))
            for c, column in columns.items()
            if column.scheme_id == name
        ]
        found = found or [
            (table, c, name) for c, column in columns.items() if name in _fields(database, column)
        ]
        if found:
            return found
    return []


def _labels(database: Any, column: Any) -> Any:
    """Return the labels of the scheme of a column: a list, a dict, the id of a table, or None."""
    return None if column.scheme_id is None else database.schemes[column.scheme_id].labels


def _text_field(database: Any, column: Any, name: str) -> str | None:
    """Return a field in which labels are keys of texts, as of what is said."""
    labels = _labels(database, column)
    texts = isinstance(labels, dict) and labels and all(isinstance(v, str) for v in labels.values())
    return name if texts else None


def _fields(database: Any, column: Any) -> set[str]:
    """Return what the labels of a column say more."""
    labels = _labels(database, column)
    if isinstance(labels, str):
        return set(database.misc_tables[labels].columns)
    values = labels.values() if isinstance(labels, dict) else ()
    return {name for value in values if isinstance(value, dict) for name in value}


def _found(database: Any, names: Sequence[str], chosen: Sequence[str]) -> list[Place]:
    """Find the columns of a fact: in the chosen tables, else in all others."""
    here = [place for table in chosen for place in _columns(database, table, names)]
    others = [table for table in database.tables if table not in chosen]
    return here or [place for table in others for place in _columns(database, table, names)]


def _values(database: Any, place: Place) -> Iterator[tuple[Key, str]]:
    """Yield the segments of a column with their values; empty where there is none."""
    import pandas

    table, column, field = place
    values = database[table][column].get(map=field)
    for index, value in values.items():
        file, start, end = (index, None, None) if isinstance(index, str) else index
        key = (
            str(file),
            0 if start is None or pandas.isna(start) else int(pandas.Timedelta(start).value),
            None if end is None or pandas.isna(end) else int(pandas.Timedelta(end).value),
        )
        yield key, "" if pandas.isna(value) else str(value).strip()


def _times(key: Key) -> dict[str, str]:
    """Return start and end of a segment as text, s."""
    _, start, end = key
    times = {"start": start, "end": end}
    return {name: repr(time / 1e9) for name, time in times.items() if time}


def _where(table: str, key: Key) -> str:
    """Name a row."""
    file, start, end = key
    part = "" if not start and end is None else f", {start / 1e9} s"
    return f"{table}: {file}{part}"


def _sides(database: Any, tables: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the split of each table, where all have one and not all the same."""
    ids = {table: database.tables[table].split_id for table in tables}
    kinds = {t: database.splits[i].type if i in database.splits else "" for t, i in ids.items()}
    sides = {table: SPLITS.get(kind, "") for table, kind in kinds.items()}
    if len(set(sides.values())) < 2 or not all(sides.values()):
        return {}
    return {table: {"split": side} for table, side in sides.items()}


def _add(
    facts: Sequence[dict[str, str]],
    keys: Sequence[Key],
    fact: str,
    database: Any,
    places: Sequence[Place],
) -> None:
    """Add a fact to the entries: what is said of the segment itself, else of its file."""
    values: dict[Key, str] = {}
    for place in places:
        for key, value in _values(database, place):
            if value and values.setdefault(key, value) != value:
                raise DataError(
                    f"the database says two things about the {fact}",
                    given=f"{values[key]} and {value} of {key[0]}",
                    do="choose fewer tables",
                )
    for entry, key in zip(facts, keys, strict=True):
        entry.setdefault(fact, values.get(key) or values.get((key[0], 0, None), ""))
