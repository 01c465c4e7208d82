"""Unpacking archives from the network: nothing outside the folder, no links, devices or bombs."""

import filecmp
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from ser_pcq.errors import DataError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Endings of the files that are taken for archives."""

MOST_GROWTH = 50
"""How many times its own size an archive may unpack to: recordings stay under 5, bombs do not."""

_SLACK = 16 << 20  # bytes that even a tiny archive may hold
_MOST_FILES = 500_000
_BLOCK = 1 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
)


def is_archive(path: Path) -> bool:
    """Say whether a file is an archive, by its name."""
    return path.name.lower().endswith(ARCHIVES)


def unpack(
    archive: Path, folder: Path, progress: Callable[[int], None] = lambda done: None
) -> None:
    """Unpack a zip or tar archive, and the archives in it, into a folder.

    The content of an archive in the archive replaces it, in the same folder.

    Args:
        archive: Zip, or tar with or without compression.
        folder: An empty folder, which is the caller's to remove if this fails.
        progress: Called with the number of bytes written.

    Raises:
        DataError: When the archive is damaged, holds what has no place in a corpus (a path that
            leads elsewhere, a link, a device, the same file twice), or unpacks to far more than its
            size.
    """
    most = MOST_GROWTH * archive.stat().st_size + _SLACK
    written = _extract(archive, folder, most, 0, progress)
    for inner in sorted(p for p in folder.rglob("*") if p.is_file() and _counts(p)):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".inner-") as temporary:
            written = _extract(inner, Path(temporary), most, written, progress)
            inner.unlink()
            merge(Path(temporary), inner.parent)


def merge(source: Path, target: Path) -> None:
    """Move all that is in a folder into another, file by file.

    Raises:
        DataError: When a file is there already with another content.
    """
    for path in sorted(source.iterdir()):
        place = target / path.name
        if not place.exists():
            path.replace(place)
        elif path.is_dir() and place.is_dir():
            merge(path, place)
        elif path.is_dir() or place.is_dir() or not filecmp.cmp(path, place, shallow=False):
            raise DataError("an archive holds two files of one name", given=path.name)


def safe_path(folder: Path, name: str, source: object) -> Path:
    """Return the place in a folder of a name that an archive or record gives.

    Args:
        folder: Where the place must be.
        name: Relative, with `/`.
        source: Where the name comes from, for the message.

    Raises:
        DataError: When it leads out of the folder or is not a name.
    """
    parts = PurePosixPath(name).parts
    if (
        not parts
        or name.startswith("/")
        or ".." in parts
        or "\\" in name
        or "\0" in name
        or ":" in parts[0]
    ):
        raise DataError(
            "a file name leads out of the folder; nothing was unpacked",
            given=f"{name!r} in {source}",
            do="do not trust this file; fetch the corpus from its official page",
        )
    return folder.joinpath(*parts)


def unpacked_size(archive: Path) -> int | None:
    """Return how many bytes a zip archive says it unpacks to; None for others."""
    if not zipfile.is_zipfile(archive):
        return None
    with zipfile.ZipFile(archive) as file:
        return sum(entry.file_size for entry in file.infolist())


def _counts(path: Path) -> bool:
    """Return whether an inner file is an archive, and not a `._` companion that macOS left."""
    return is_archive(path) and not path.name.startswith(".")


def _extract(
    archive: Path, folder: Path, most: int, written: int, progress: Callable[[int], None]
) -> int:
    """Unpack one archive; return the bytes written so far."""
    try:
        entries = _zip_entries if zipfile.is_zipfile(archive) else _tar_entries
        for count, (name, content) in enumerate(entries(archive)):
            if count >= _MOST_FILES:
                raise _bomb(archive, f"more than {_MOST_FILES} files")
            place = safe_path(folder, name, archive.name)
            if content is None:
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out:
                while block := content.read(_BLOCK):
                    written += len(block)
                    if written > most:
                        raise _bomb(archive, f"more than {most} bytes")
                    out.write(block)
            progress(written)
    except _DAMAGED as error:
        raise DataError(
            "the archive cannot be unpacked",
            given=f"{archive} ({str(error) or type(error).__name__})",
            accepted="zip or tar, not damaged, without a password",
            do="delete it and run the command again",
        ) from None
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(
            "an archive holds two files of one name", given=f"{error.filename} in {archive.name}"
        ) from None
    return written


def _zip_entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield name and content of each entry; a folder has no content."""
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _foreign(archive, entry.filename)
            if entry.is_dir():
                yield entry.filename, None
            else:
                with file.open(entry) as content:
                    yield entry.filename, content


def _tar_entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield name and content of each entry; a folder has no content."""
    with tarfile.open(archive, "r:*") as file:
        for entry in file:
            name = entry.name.removeprefix("./")
            if entry.isdir():
                if name not in ("", "."):
                    yield name, None
                continue
            content = file.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise _foreign(archive, entry.name)
            yield name, content


def _foreign(archive: Path, name: str) -> DataError:
    """Make the error for an entry that is neither file nor folder."""
    return DataError(
        "the archive holds a link or a device",
        given=f"{name!r} in {archive.name}",
        accepted="files and folders",
        do="do not trust this file; fetch the corpus from its official page",
    )


def _bomb(archive: Path, how_much: str) -> DataError:
    """Make the error for an archive that unpacks to too much."""
    return DataError(
        "the archive unpacks to far more than a corpus would",
        given=f"{how_much} in {archive.name}, which has {archive.stat().st_size} bytes",
        do="do not trust this file; fetch the corpus from its official page",
    )


def corpus_root(folder: Path, pattern: str) -> Path:
    """Return the folder of a corpus in what was unpacked: all of it, or its only sub-folder.

    What macOS adds to archives (`__MACOSX`) is removed.

    Args:
        folder: What was unpacked.
        pattern: Of files in the corpus.
    """
    shutil.rmtree(folder / "__MACOSX", ignore_errors=True)
    inside = [p for p in folder.iterdir() if not p.name.startswith(".")]
    boxed = len(inside) == 1 and inside[0].is_dir() and not any(folder.glob(pattern))
    return inside[0] if boxed else folder
