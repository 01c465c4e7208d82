"""Audio that is embedded in datasets, as files: their names, and writing them whole."""

import filecmp
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ser_pcq.data.readers.ids import word
from ser_pcq.errors import DataError

_LONGEST = 120  # characters of a file name without suffix; file systems take 255 bytes
_HEADS = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"FORM", ".aiff"))
_MP3 = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


def suffix_of(content: bytes) -> str:
    """Return the suffix that is usual for a format, from the first bytes; empty when unknown."""
    for head, suffix in _HEADS:
        if content.startswith(head):
            return suffix
    return ".mp3" if content.startswith(_MP3) else ""


def file_names(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Name the files of embedded audio, each differently, even if case is ignored.

    Args:
        rows: For each recording its own name without suffix, its place as in `train[12]`, and its
            suffix.

    Returns:
        The own names where all are there and different, else names from the places.
    """
    own = [word(name)[:_LONGEST] for name, _, _ in rows]
    if not all(own) or len({name.lower() for name in own}) < len(own):
        own = [word(place).replace("[", "-").rstrip("]") for _, place, _ in rows]
    return [f"{name}{word(suffix)}" for name, (_, _, suffix) in zip(own, rows, strict=True)]


@contextmanager
def placed(folder: Path, files: Iterable[tuple[str, bytes]]) -> Iterator[None]:
    """Write files into a folder, whole or not at all; remove it when the block raises.

    A folder that is there is replaced when it holds nothing but files that are written again.

    Args:
        folder: Its parent is made where it does not exist.
        files: Name and content of each.

    Raises:
        DataError: When the folder holds other files.
    """
    parent = folder.parent
    made = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}-"))
    new, old = temporary / "new", temporary / "old"
    done = False
    try:
        new.mkdir()
        for name, content in files:
            (new / name).write_bytes(content)
        _check_same(folder, new)
        if folder.exists():
            folder.replace(old)
        try:
            new.replace(folder)
            yield
            done = True
        finally:
            if not done:
                shutil.rmtree(folder, ignore_errors=True)
                if old.exists():
                    old.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if made and not done and not any(parent.iterdir()):
            parent.rmdir()


def _check_same(folder: Path, new: Path) -> None:
    """Refuse a folder with files that would be lost."""
    if not folder.exists():
        return
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else [""]
    others = [n for n in names if not _same(folder / n, new / n)]
    if others:
        raise DataError(
            "the folder for the audio holds other files",
            given=f"{folder} with {sorted(others)[0]} ({len(others)} in all)",
            do="remove it, or take another data directory",
        )


def _same(one: Path, other: Path) -> bool:
    """Say whether two files have the same content."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
