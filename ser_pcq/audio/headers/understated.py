"""Recordings whose header states less audio than the file holds.

Sizes of 32 bits wrap in long recordings, and recorders that die leave the size that they wrote
last. libsndfile reads as far as the header says. Here what follows the stated audio is looked at;
where it is audio too, the header is put right while the file is read, as in `unknown_length`.

WAV (RIFF, RIFX, RF64, BW64), AIFF, AU, CAF and FLAC. Of WAV, linear samples, A-law, µ-law, ADPCM
and GSM: their blocks have a fixed size. Left alone are other compressed contents, whose length is
kept elsewhere or cannot be told from the size; MP3 and Ogg, which are read to their end anyway; and
Wave64 and NIST SPHERE, whose sizes neither wrap nor are filled in later.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ser_pcq.audio.headers.flac_length import TOTAL, flac_samples
from ser_pcq.audio.headers.tail import audio_end, without_tags
from ser_pcq.audio.headers.truncated import UNKNOWN_FROM, chunks
from ser_pcq.audio.headers.unknown_length import Patch

_WAV_BLOCKS = frozenset({1, 2, 3, 6, 7, 0x11, 0x31, 0xFFFE})  # tags of formats
_AIFF_WIDTHS = {b"ulaw": 8, b"alaw": 8, b"fl32": 32, b"FL32": 32, b"fl64": 64, b"FL64": 64}
_AIFF_PLAIN = frozenset({b"NONE", b"twos", b"sowt", b"raw ", b"in24", b"in32"})
_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # bytes of a sample by encoding
_CAF_PLAIN = frozenset({b"lpcm", b"ulaw", b"alaw"})


@dataclass(frozen=True)
class Understated:
    """A header that states less than there is.

    Attributes:
        stated: How much audio the header states: bytes, of FLAC samples.
        present: How much there is, whole blocks only.
        unit: `bytes` or `samples`.
        patches: What makes the header state it.
        end: Where the audio ends, so that nothing after it is read; None for the end of the file.
    """

    stated: int
    present: int
    unit: str
    patches: tuple[Patch, ...]
    end: int | None = None

    @property
    def share(self) -> float:
        """Which part of the audio the header states, 0 to 1."""
        return self.stated / self.present

    def __str__(self) -> str:
        """Return it as a phrase."""
        return f"the header states {self.stated} {self.unit} of audio, {self.present} are there"


@dataclass(frozen=True)
class _Stated:
    """What a header states: where samples begin, bytes of them, of a block, where it says so."""

    start: int
    size: int
    block: int
    field: int  # place of the size
    kind: str  # for `struct`
    counted: int = 0  # bytes before the samples that the size includes
    layout: str = ""  # of id and size of the chunks that may follow
    riff: str = ""  # the kind of the size of the whole file, at 4


def understated(path: Path) -> Understated | None:
    """Return how much longer than stated the audio of a file is.

    Args:
        path: A file of any kind.

    Returns:
        None where the header is right, states too much or does not know; for other formats; and for
        what is no regular file.

    Raises:
        OSError: When the file cannot be read.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        magic = file.read(4)
        try:
            if magic == b"fLaC":
                return _flac(file, path.stat().st_size)
            reader = _READERS.get(magic)
            stated = reader(file) if reader else None
            return None if stated is None else _judged(file, path.stat().st_size, stated)
        except struct.error:
            return None  # the header is cut off


def _judged(file: BinaryIO, file_end: int, stated: _Stated) -> Understated | None:
    """Compare what is stated with what is there."""
    first = stated.start + stated.size
    if stated.size <= 0 or stated.block <= 0 or first >= file_end:
        return None
    end = without_tags(file, first, file_end)
    end = audio_end(file, first, end, stated.layout)
    if end == first:
        return None
    if stated.layout and stated.block == 1 and (end - stated.start) % 2 == 0:
        # A byte that pads an odd length would be a click: 0 is an extreme in all 8-bit encodings.
        file.seek(end - 1)
        end -= file.read(1) == b"\0"
    size = (end - stated.start) // stated.block * stated.block
    if size <= stated.size:
        return None
    patches: tuple[Patch, ...]
    if size + stated.counted < UNKNOWN_FROM or stated.kind[1] == "q":
        patches = ((stated.field, struct.pack(stated.kind, size + stated.counted)),)
    elif stated.riff:
        # With these sizes libsndfile goes by the length of the file, which may need 64 bits.
        patches = ((4, struct.pack(stated.riff, 8)), (stated.field, struct.pack(stated.kind, 0)))
    else:
        most = min(size + stated.counted, 0xFFFF_FFFF)
        patches = ((stated.field, struct.pack(stated.kind, most)),)
    return Understated(stated.size, size, "bytes", patches, stated.start + size)


def _riff(file: BinaryIO) -> _Stated | None:
    """WAV of either byte order, and its 64-bit kinds, whose sizes are in a separate chunk."""
    file.seek(0)
    magic = file.read(4)
    order = ">" if magic == b"RIFX" else "<"
    layout = f"{order}4sI"
    long_size = long_field = block = 0
    for name, size in chunks(file, 12, layout):
        if name == b"ds64":
            long_field = file.tell() + 8
            _, long_size = struct.unpack("<QQ", file.read(16))
        elif name == b"fmt ":
            tag, _, _, _, step = struct.unpack(f"{order}HHIIH", file.read(14))
            block = step if tag in _WAV_BLOCKS else 0
        elif name == b"data":
            start = file.tell()
            if size == 0xFFFF_FFFF and long_field:
                return _Stated(start, long_size, block, long_field, "<q", layout=layout)
            riff = f"{order}I" if magic in (b"RIFF", b"RIFX") else ""
            return _Stated(start, size, block, start - 4, f"{order}I", layout=layout, riff=riff)
    return None


def _aiff(file: BinaryIO) -> _Stated | None:
    """AIFF and AIFC; libsndfile goes by the size of the chunk, not by the number of frames."""
    file.seek(8)
    is_compressed = file.read(4) == b"AIFC"
    block = 0
    for name, size in chunks(file, 12, ">4sI"):
        if name == b"COMM":
            channels, _, bits = struct.unpack(">hIh", file.read(8))
            file.seek(10, 1)  # the sample rate
            kind = file.read(4) if is_compressed else b"NONE"
            bits = _AIFF_WIDTHS.get(kind, bits if kind in _AIFF_PLAIN else 0)
            block = channels * ((bits + 7) // 8)
        elif name == b"SSND":
            # An offset and a block size precede the samples.
            start = file.tell() + 8
            return _Stated(start, size - 8, block, start - 12, ">I", counted=8, layout=">4sI")
    return None


def _caf(file: BinaryIO) -> _Stated | None:
    """Core Audio: an edit count of 4 bytes precedes the samples."""
    block = 0
    for name, size in chunks(file, 8, ">4sq", padding=1):
        if name == b"desc":
            _, kind, _, packet = struct.unpack(">d4sII", file.read(20))
            block = packet if kind in _CAF_PLAIN else 0
        elif name == b"data":
            start = file.tell() + 4
            return _Stated(start, size - 4, block, start - 12, ">q", counted=4, layout=">4sq")
    return None


def _au(file: BinaryIO) -> _Stated | None:
    """AU of either byte order; chunks never follow."""
    file.seek(0)
    order = ">" if file.read(4) == b".snd" else "<"
    start, size, encoding, _, channels = struct.unpack(f"{order}5I", file.read(20))
    return _Stated(start, size, channels * _AU_WIDTHS.get(encoding, 0), 8, f"{order}I")


def _flac(file: BinaryIO, file_end: int) -> Understated | None:
    """FLAC: the number of the last frame, against the samples that the head states."""
    found = flac_samples(file, file_end)
    if found is None:
        return None
    stated, present, packed = found
    return Understated(stated, present, "samples", ((TOTAL, packed),))


_READERS = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"BW64": _riff,
    b"FORM": _aiff,
    b"caff": _caf,
    b".snd": _au,
    b"dns.": _au,
}
