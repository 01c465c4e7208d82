"""A data directory as one table, which `ser-data prepare csv` reads back to an equal one."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from ser_pcq.data.directory import DataDir, Utterance
from ser_pcq.data.readers.entry import FACTS
from ser_pcq.errors import DataError
from ser_pcq.files import write_text

COLUMNS = (FACTS[0], "path", *FACTS[1:], "corpus")
"""The columns of a table, in order; times in s. Those of which nothing is known are left out."""


def export_csv(
    data: DataDir, out: Path, *, relative: bool = False, overwrite: bool = False
) -> None:
    """Write a table, one row for each utterance, with a header, in UTF-8.

    Args:
        data: The data directory. Of one corpus, its name is not part of the table.
        out: The file; with tabs between columns where it ends in `.tsv`, else with commas.
        overwrite: Replace an existing file, which may be the very table that the data came from.
        relative: Write paths that begin in the folder of the table, so that both can be moved
            together; absolute otherwise.

    Raises:
        DataError: When the file is there already, or writing fails.
    """
    if out.exists() and not overwrite:
        raise DataError(
            "the file exists already", given=out, do="name another one, or give --overwrite"
        )
    rows = facts(data)
    for row, u in zip(rows, data.utterances, strict=True):
        row["path"] = _path(u.audio, out.resolve().parent if relative else None)
    text = io.StringIO()
    names = known(rows)
    delimiter = "\t" if out.suffix.lower() == ".tsv" else ","
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row[name] or "" for name in names] for row in rows)
    try:
        write_text(out, text.getvalue())
    except (OSError, UnicodeEncodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"the table cannot be written ({why})", given=out) from error


def facts(data: DataDir) -> list[dict[str, str | None]]:
    """Return what is known of each utterance as text, by the names of `COLUMNS` but `path`.

    What is not known is None, and so is the corpus where all are of one.
    """
    several = len(data.corpora) > 1
    return [{**_facts(u), "corpus": u.corpus if several else None} for u in data.utterances]


def _facts(u: Utterance) -> dict[str, str | None]:
    """Return what is known of an utterance, but its corpus."""
    valence, activation, dominance = (None, None, None) if u.vad is None else map(_number, u.vad)
    return {
        "id": u.utterance_id,
        "emotion": u.emotion,
        "speaker": u.speaker,
        "gender": u.gender,
        "session": u.session,
        "sentence": u.sentence,
        "text": u.text,
        "start": _number(u.start),
        "end": _number(u.end),
        "split": u.split,
        "original": u.original,
        "valence": valence,
        "activation": activation,
        "dominance": dominance,
        "ratings": " ".join(u.ratings) or None,
    }


def known(rows: Iterable[dict[str, str | None]]) -> list[str]:
    """Return the columns in which any row says something, in the order of `COLUMNS`."""
    said = {name for row in rows for name, value in row.items() if value is not None}
    return [name for name in COLUMNS if name in said]


def _number(value: float | None) -> str | None:
    """Return a number so that reading it gives the same one."""
    return None if value is None else repr(float(value))


def _path(audio: Path, folder: Path | None) -> str:
    """Return a path as a table has it."""
    # Links on the way are resolved, since `..` after one would lead elsewhere; the last one stays.
    absolute = audio.parent.resolve() / audio.name
    return str(absolute) if folder is None else os.path.relpath(absolute, folder)
