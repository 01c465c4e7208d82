"""Recordings whose header does not say how long they are, because they were written into a pipe.

libsndfile takes 0 for an empty file and refuses -1. Here the true length, which the size of the
file gives, is put into the place of the header while the file is read; the file itself stays as it
is. WAV and AU with 0, CAF with -1; libsndfile handles the other ways of not knowing itself.
"""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ser_pcq.audio.headers.truncated import chunks

Patch = tuple[int, bytes]
"""Where in the file, and what has to be read there."""


class PatchedFile(io.RawIOBase):
    """A file, opened for reading, in which a few bytes read as others.

    Args:
        path: The file.
        patches: The bytes.
        end: Where it ends; None for its own end.
    """

    def __init__(self, path: Path, patches: Sequence[Patch], end: int | None = None) -> None:
        self._file = path.open("rb")
        self._patches = tuple(patches)
        size = self._file.seek(0, io.SEEK_END)
        self._end = size if end is None else min(end, size)
        self._file.seek(0)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether one can move in it: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move."""
        if whence == io.SEEK_END:
            return self._file.seek(self._end + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer."""
        begin = self._file.tell()
        part = memoryview(buffer)[: max(0, self._end - begin)]
        n = self._file.readinto(part)
        for place, content in self._patches:
            for k, byte in enumerate(content):
                if 0 <= (at := place + k - begin) < n:
                    part[at] = byte
        return n

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def length_patch(path: Path) -> Patch | None:
    """Return what makes the header say the true length.

    Args:
        path: A regular file.

    Returns:
        The patch; None where the header knows, there is no audio, or the format is another.

    Raises:
        OSError: When the file cannot be read.
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        magic = file.read(4)
        try:
            if magic in (b"RIFF", b"RIFX"):
                return _riff(file, end, "<" if magic == b"RIFF" else ">")
            if magic in (b".snd", b"dns."):
                return _au(file, end, ">" if magic == b".snd" else "<")
            if magic == b"caff":
                return _caf(file, end)
        except struct.error:
            return None  # the header is cut off
    return None


def _riff(file: BinaryIO, end: int, order: str) -> Patch | None:
    """WAV whose chunk of samples has the size 0 although no other chunk follows it."""
    for name, size in chunks(file, 12, f"{order}4sI"):
        if name == b"data":
            start = file.tell()
            if size or end <= start or _other_chunks_fill(file, start, end, order):
                return None
            return start - 4, struct.pack(f"{order}I", min(end - start, 0xFFFF_FFFE))
    return None


def _other_chunks_fill(file: BinaryIO, start: int, end: int, order: str) -> bool:
    """Whether only chunks follow, up to the end of the file: then it really has no samples."""
    reached = start
    for name, size in chunks(file, start, f"{order}4sI"):
        if not name.isascii():
            return False
        reached = file.tell() + size
    return abs(reached - end) <= 1


def _au(file: BinaryIO, end: int, order: str) -> Patch | None:
    """AU of the size 0."""
    start, size = struct.unpack(f"{order}II", file.read(8))
    if size or end <= start:
        return None
    return 8, struct.pack(f"{order}I", min(end - start, 0xFFFF_FFFE))


def _caf(file: BinaryIO, end: int) -> Patch | None:
    """Core Audio of the size -1."""
    for name, size in chunks(file, 8, ">4sq", padding=1):
        if name == b"data":
            start = file.tell()
            return (start - 8, struct.pack(">q", end - start)) if size == -1 else None
    return None
