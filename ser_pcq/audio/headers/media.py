"""Where a media file was cut off, by its own structure: MPEG-4, Matroska, WMA, AAC and AMR.

Nothing is decoded. Sources: ISO/IEC 14496-12 for boxes, RFC 8794 and RFC 9559 for Matroska, the
specification of ASF, ISO/IEC 14496-3 for ADTS, RFC 4867 for AMR.
"""

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ser_pcq.audio.headers.foreign import demuxer_of

_MAX = 10_000_000  # parts; a damaged file may look like more
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_AMR_NARROW = (12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, 0, 0, 0, 0)
_AMR_WIDE = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 5, 0, 0, 0, 0, 0)


def missing_media(file: BinaryIO, head: bytes, end: int) -> str | None:
    """Say what is missing at the end of a media file.

    Args:
        file: The file, in which this may move.
        head: Its first bytes, 16 or more.
        end: Its size, bytes.

    Returns:
        What is missing, as a phrase; None where nothing is known to be, or the format is another.

    Raises:
        OSError: When the file cannot be read.
    """
    read = _READERS.get(demuxer_of(head) or "")
    try:
        return None if read is None else read(file, end)
    except struct.error:
        return None  # the header itself is cut off: whoever reads the audio will refuse it


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, the place and the size of each box of an MPEG-4 file."""
    end = file.seek(0, 2)
    place = 0
    for _ in range(_MAX):
        # A size that is wrong may lead further than any file system goes.
        file.seek(min(place, end))
        head = file.read(16)
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack(">Q", head[8:])
        if size == 0:
            size = end - place
        if size < 8 or not name.isalnum():
            return
        yield name, place, size
        place += size


def _mpeg4(file: BinaryIO, end: int) -> str | None:
    """MPEG-4 and QuickTime: every box says how long it is, and one says where everything is."""
    if all(name not in (b"moov", b"moof") for name, _, _ in _boxes(file)):
        return "its index is missing, which is written when a recording ends"
    for name, place, size in _boxes(file):
        if place + size > end:
            what = "audio" if name == b"mdat" else f"its box {name.decode('latin-1')}"
            return f"the header promises {size} bytes of {what}, {end - place} are there"
    return None


def _number(content: bytes, *, is_size: bool) -> tuple[int, int | None]:
    """Read a number of Matroska; return its length, and None for the size that says nothing."""
    length = 9 - content[0].bit_length() if content and content[0] else 9
    if length > len(content):
        raise struct.error
    value = int.from_bytes(content[:length], "big")
    if is_size:
        ones = (1 << 7 * length) - 1
        value &= ones
        return length, None if value == ones else value
    return length, value


def _matroska(file: BinaryIO, end: int) -> str | None:
    """Matroska and WebM: elements, of which a recorder leaves the outer ones without a size."""
    place = 0
    for _ in range(_MAX):
        file.seek(place)
        head = file.read(12)
        if not head:
            return None
        try:
            n_name, name = _number(head, is_size=False)
            n_size, size = _number(head[n_name:], is_size=True)
        except struct.error:
            return "the last block is cut off" if end - place < 12 else None
        place += n_name + n_size
        if size is not None and place + size > end:
            return f"the header promises {size} bytes, {end - place} are there"
        if name in (_SEGMENT, _CLUSTER) and size is None:
            continue
        if size is None or name == _SEGMENT:
            return None  # of all that matters, a size that holds
        place += size
    return None


def _asf(file: BinaryIO, end: int) -> str | None:
    """Windows Media: the header has the size of the file, unless it was broadcast."""
    file.seek(0)
    head = file.read(1 << 16)
    at = head.find(_ASF_FILE)
    if at < 0:
        return None
    size, *_, flags = struct.unpack_from("<Q8x4Q2I", head, at + 40)
    if flags & 1 or size <= end:
        return None
    return f"the header promises {size} bytes, {end} are there"


def _frames(
    file: BinaryIO, end: int, first: int, width: int, size_of: Callable[[bytes], int]
) -> str | None:
    """Walk frames, whose first bytes give their size: 0 where no frame begins."""
    place = first
    for _ in range(_MAX):
        file.seek(place)
        head = file.read(width)
        size = size_of(head) if len(head) == width else 0
        if not size:
            return None
        place += size
        if place > end:
            return "the last frame is cut off"
    return None


def _adts(file: BinaryIO, end: int) -> str | None:
    """AAC as a stream of frames."""

    def size(head: bytes) -> int:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return length if head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and length >= 7 else 0

    return _frames(file, end, 0, 6, size)


def _amr(file: BinaryIO, end: int) -> str | None:
    """AMR and AMR-WB of one channel: a frame for 20 ms."""
    file.seek(0)
    head = file.read(9)
    for magic, sizes in ((b"#!AMR\n", _AMR_NARROW), (b"#!AMR-WB\n", _AMR_WIDE)):
        if head.startswith(magic):

            def size(first: bytes, sizes: tuple[int, ...] = sizes) -> int:
                return 1 + sizes[first[0] >> 3 & 15]

            return _frames(file, end, len(magic), 1, size)
    return None


_READERS: dict[str, Callable[[BinaryIO, int], str | None]] = {
    "mov": _mpeg4,
    "matroska": _matroska,
    "asf": _asf,
    "aac": _adts,
    "amr": _amr,
}
