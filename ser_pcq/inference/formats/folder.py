"""Formats that hold one recording per file, written beside each other into a folder."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.formats.format import Format, encoded
from ser_pcq.inference.prediction import Prediction

_LONGEST = 220  # bytes of a name without suffix and number


def output_names(paths: Sequence[str | Path], suffix: str) -> list[str]:
    """Return a file name for each recording, no two of them alike, in order.

    It is the name of the recording with another suffix. Recordings that share it keep their own
    suffix before the new one: `a.wav.srt`, `a.flac.srt`. Those that still are alike, from several
    folders, are numbered from the second on: `a.wav-2.srt`. Upper and lower case count as alike,
    since they do on the disks of many computers.
    """
    stems = [_short(Path(path).stem) for path in paths]
    folded = [stem.casefold() for stem in stems]
    twice = {stem for stem, n in Counter(folded).items() if n > 1}
    wanted = [
        _short(Path(path).name) if stem.casefold() in twice else stem
        for path, stem in zip(paths, stems, strict=True)
    ]
    taken: set[str] = set()
    # What needs no number gets its name first, so that no number takes it away.
    reserved = {name.casefold() for name in wanted}
    names = []
    for name in wanted:
        unique, number = name, 1
        while unique.casefold() in taken or (number > 1 and unique.casefold() in reserved):
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique.casefold())
        names.append(unique + suffix)
    return names


def _short(name: str) -> str:
    """Cut a name so that suffix and number fit into what file systems take, 255 bytes."""
    while len(os.fsencode(name)) > _LONGEST:
        name = name[:-1]
    return name


def refuse_existing(names: Iterable[str], folder: Path) -> None:
    """Refuse to write over files.

    Raises:
        SerError: When one of the files is in the folder already.
    """
    for name in names:
        if os.path.lexists(folder / name):
            raise SerError(
                "a file to be written exists already",
                given=folder / name,
                do="move it away, or name another folder",
            )


def write_each(
    predictions: Iterable[Prediction], names: Iterable[str], output_format: Format, folder: Path
) -> Iterator[tuple[Prediction, Path | None]]:
    """Write each prediction as it comes, whole; yield it with the file written.

    A recording that could not be judged gets no file.

    Args:
        predictions: What to write.
        names: Of the files, one for each prediction, in the same order: `output_names`.
        output_format: One that holds one recording.
        folder: Where to; it is made when missing.
    """
    text = output_format.text
    assert text is not None
    for prediction, name in zip(predictions, names, strict=True):
        if prediction.status.is_failure:
            yield prediction, None
            continue
        with whole_file(folder / name) as temporary:
            temporary.write_bytes(encoded(text(prediction)))
        yield prediction, folder / name
