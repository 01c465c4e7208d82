"""What the header of an audio file promises, against what the file holds.

libsndfile silently shortens the length in a header to what the file holds, so that a file that was
cut off in a copy reads as a shorter recording. Here the headers themselves are read: WAV (RIFF,
RIFX, RF64, BW64), AIFF and AIFC, CAF, Wave64, AU, NIST SPHERE, Ogg, and MP3 with a Xing or Info
frame; of media, what `ser_pcq.audio.headers.media` reads. Nothing is decoded. Sources: the formats'
own specifications; RFC 3533 for Ogg.
"""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ser_pcq.audio.headers.foreign import demuxer_of
from ser_pcq.audio.headers.media import missing_media

TOLERANCE = 64
"""Bytes that may be missing: some writers count the header (44 bytes) in, or a byte of padding."""

UNKNOWN_FROM = 0x7F00_0000
"""A size from here on, or 0, means that the writer did not know: it wrote into a pipe. SoX writes
0x7f000000 and more into AIFF, 0x7ffff000 into WAV; others 0x80000000 or 0xffffffff."""

_MAX_CHUNKS = 1000  # a damaged file may look like millions of empty ones
_PLAIN_AIFF = (b"NONE", b"twos", b"sowt", b"raw ")

Size = tuple[int, int]
"""Bytes of audio that the header promises (0: it does not say), bytes that are there."""


def missing_audio(path: Path) -> str | None:
    """Say what is missing at the end of an audio file, by its header.

    Args:
        path: A file of any kind.

    Returns:
        What is missing, as a phrase; None where nothing is, where the header does not say (streams,
        MP3 without a Xing frame, other formats), or where it is not a regular file.

    Raises:
        OSError: When the file cannot be read.
    """
    # Opening a pipe would wait for ever.
    if not path.is_file():
        return None
    with path.open("rb") as file:
        end = path.stat().st_size
        head = file.read(16)
        try:
            if head.startswith(b"OggS"):
                return _missing_pages(file)
            for magic, read in _READERS.items():
                if head.startswith(magic):
                    promised, present = read(file, end)
                    return _shortfall(promised, present)
            if demuxer_of(head):
                return missing_media(file, head, end)
            if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
                return _shortfall(*_mp3(file, end))
        except struct.error:
            return None  # the header itself is cut off: whoever reads the audio will refuse it
    return None


def _shortfall(promised: int, present: int) -> str | None:
    """Compare bytes of audio."""
    unknown = promised <= 0 or (promised >= UNKNOWN_FROM and present < UNKNOWN_FROM)
    if unknown or promised - present <= TOLERANCE:
        return None
    return f"the header promises {promised} bytes of audio, {max(present, 0)} are there"


def _unpack(layout: str, file: BinaryIO) -> tuple[int, ...]:
    """Read numbers; `struct.error` at the end of the file."""
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def chunks(
    file: BinaryIO, first: int, layout: str, *, padding: int = 2, counted: int = 0
) -> Iterator[tuple[bytes, int]]:
    """Yield id and size of each chunk, the file being at its content.

    Args:
        file: The file.
        first: Where the first chunk begins.
        layout: Of id and size, for `struct`.
        padding: Chunks begin at multiples of this.
        counted: Bytes of the chunk's own header that its size includes.
    """
    place, end = first, file.seek(0, 2)
    for _ in range(_MAX_CHUNKS):
        # A size that is wrong may lead further than any file system goes.
        file.seek(min(place, end))
        header = file.read(struct.calcsize(layout))
        if len(header) < struct.calcsize(layout):
            return
        name, size = struct.unpack(layout, header)
        yield name, size - counted
        place += len(header) + max(size - counted, 0)
        place += -place % padding


def _riff(file: BinaryIO, end: int) -> Size:
    """WAV of either byte order, and its 64-bit kinds, whose sizes are in a separate chunk."""
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    long_size = 0
    for name, size in chunks(file, 12, f"{order}4sI"):
        if name == b"ds64":
            long_size = _unpack("<QQ", file)[1]
        if name == b"data":
            return (long_size if size == 0xFFFF_FFFF else size), end - file.tell()
    return 0, 0


def _aiff(file: BinaryIO, end: int) -> Size:
    """AIFF and AIFC: the size of the chunk or, where it says more, the number of frames."""
    file.seek(8)
    is_compressed = file.read(4) == b"AIFC"
    frames_size = 0
    for name, size in chunks(file, 12, ">4sI"):
        if name == b"COMM":
            channels, frames, bits = _unpack(">hIh", file)
            file.seek(10, 1)  # the sample rate
            if not is_compressed or file.read(4) in _PLAIN_AIFF:
                frames_size = frames * channels * ((bits + 7) // 8)
        if name == b"SSND":
            # An offset and a block size precede the samples.
            known = [s for s in (size - 8, frames_size) if s < UNKNOWN_FROM]
            return max(known, default=0), end - file.tell() - 8
    return 0, 0


def _caf(file: BinaryIO, end: int) -> Size:
    """Core Audio: -1 is an unknown size; an edit count of 4 bytes precedes the samples."""
    for name, size in chunks(file, 8, ">4sq", padding=1):
        if name == b"data":
            return size - 4, end - file.tell() - 4
    return 0, 0


def _wave64(file: BinaryIO, end: int) -> Size:
    """Wave64: chunk names of 16 bytes, and sizes that include their own header of 24."""
    for name, size in chunks(file, 40, "<16sQ", padding=8, counted=24):
        if name.startswith(b"data"):
            return size, end - file.tell()
    return 0, 0


def _au(file: BinaryIO, end: int) -> Size:
    """AU of either byte order."""
    file.seek(0)
    order = ">" if file.read(4) == b".snd" else "<"
    start, size = _unpack(f"{order}II", file)
    return size, end - start


def _nist(file: BinaryIO, end: int) -> Size:
    """NIST SPHERE, unless it is compressed: a header of text."""
    file.seek(0)
    head = file.read(4096).decode("latin-1")
    fields = dict(re.findall(r"^(\w+) -\S+ (.*?)\s*$", head.split("end_head")[0], re.MULTILINE))
    length = re.match(r"NIST_1A\n\s*(\d+)", head)
    if length is None or "," in fields.get("sample_coding", ""):
        return 0, 0
    try:
        frames, channels, width = (
            int(fields[key]) for key in ("sample_count", "channel_count", "sample_n_bytes")
        )
    except (KeyError, ValueError):
        return 0, 0
    return frames * channels * width, end - int(length[1])


def _mp3(file: BinaryIO, end: int) -> Size:
    """MP3 whose first frame, Xing or Info, says how many bytes all frames have."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        # Seven bits a byte, so that no size looks like a frame.
        start = 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
    file.seek(start)
    sync, version, _, mode = _unpack(">BBBB", file)
    if sync != 0xFF or version < 0xE0:
        return 0, 0
    is_mono, is_mpeg1 = mode >> 6 == 3, version >> 3 & 3 == 3
    file.seek((17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17), 1)
    if file.read(4) not in (b"Xing", b"Info"):
        return 0, 0
    (flags,) = _unpack(">I", file)
    if not flags & 2:
        return 0, 0
    if flags & 1:
        file.seek(4, 1)  # the number of frames
    return _unpack(">I", file)[0], end - start


def _missing_pages(file: BinaryIO) -> str | None:
    """Walk the pages of an Ogg file: the last one has to be whole, and marked as the last."""
    file.seek(0)
    is_last = False
    while header := file.read(27):
        if len(header) < 27 or header[:4] != b"OggS":
            # Tags may follow the last page; anything else is damage, which the decoder will meet.
            return None if header[:4] != b"OggS"[: len(header)] else "the last page is cut off"
        is_last = bool(header[5] & 4)
        lengths = file.read(header[26])
        size = sum(lengths)
        place = file.tell()
        if len(lengths) < header[26] or file.seek(0, 2) < place + size:
            return "the last page is cut off"
        file.seek(place + size)
    return None if is_last else "the page that ends the stream is missing"


_READERS: dict[bytes, Callable[[BinaryIO, int], Size]] = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"BW64": _riff,
    b"FORM": _aiff,
    b"caff": _caf,
    b"riff": _wave64,
    b".snd": _au,
    b"dns.": _au,
    b"NIST_1A": _nist,
}
