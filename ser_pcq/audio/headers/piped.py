"""What a pipe holds, by its first bytes, and the header of a WAV that is still being written.

Raw samples have no header, and any two bytes may be samples: what is recognised here by two bytes
is confirmed by what else a header of its kind must say.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ser_pcq.audio.headers.foreign import MEDIA_MAGIC, OTHER_MAGIC
from ser_pcq.errors import AudioError

FIRST = 16
"""How many bytes `piped_kind` wants; raw samples are held back for no longer."""

_WAV = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_ENDLESS = 0x7FFF0000  # bytes; programs that do not know the length write 0, or about 2 or 4 GB
_LARGEST_HEADER = 1 << 24  # bytes of chunks before the samples


@dataclass(frozen=True)
class PipedKind:
    """A format that was recognised.

    Attributes:
        name: For messages.
        demuxer: How FFmpeg names it; None where nothing decodes it: it is no audio.
    """

    name: str
    demuxer: str | None


_PAGES = (b"<!DOCTYPE", b"<!doctype", b"<html", b"<?xml")
_KINDS: tuple[tuple[int, bytes, str, str | None], ...] = (
    (0, b"fLaC", "FLAC", "flac"),
    (0, b"OggS", "Ogg", "ogg"),
    (0, b".snd", "AU", "au"),
    (0, b"riff.\x91\xcf\x11", "Wave64", "w64"),
    *MEDIA_MAGIC,
    *((place, magic, name, None) for place, magic, name in OTHER_MAGIC),
    *((0, magic, "a web page or XML", None) for magic in _PAGES),
)
_MAGIC = [one for one in _KINDS if len(one[1]) >= 4 and one[0] + len(one[1]) <= FIRST]
"""What files begin with too, but for what raw samples may begin with by chance."""

_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MP3_KBPS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def piped_kind(head: bytes, more: Callable[[int], bytes]) -> PipedKind | None:
    """Return what a stream is; None for raw samples.

    Args:
        head: The first `FIRST` bytes, or all where there are fewer.
        more: Returns the first n bytes, fewer at the end. Called only where two bytes look like a
            frame of MP3 or AAC.
    """
    for place, magic, name, demuxer in _MAGIC:
        if head[place : place + len(magic)] == magic:
            return PipedKind(name, demuxer)
    if head[:4] in _WAV and head[8:12] == b"WAVE":
        return PipedKind("WAV", "wav")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return PipedKind("AIFF", "aiff")
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] < 5 and max(head[6:10]) < 128:
        return PipedKind("MP3", "mp3")
    for name, demuxer, length_of in (("MP3", "mp3", _mp3_frame), ("AAC", "aac", _adts_frame)):
        length = length_of(head)
        if length and length_of(more(length + 6)[length:]):
            return PipedKind(name, demuxer)
    return None


def _mp3_frame(head: bytes) -> int:
    """Return the bytes of the frame of MP3 that begins here; 0 where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # layer III
        return 0
    version, rate, kbps = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return 0
    per_frame = 144_000 if version == 3 else 72_000
    bits = _MP3_KBPS[3 if version == 3 else 2][kbps]
    return per_frame * bits // _MP3_RATES[version][rate] + (head[2] >> 1 & 1)


def _adts_frame(head: bytes) -> int:
    """Return the bytes of the frame of AAC that begins here; 0 where none does."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0


@dataclass(frozen=True)
class PipedWav:
    """The samples of a WAV.

    Attributes:
        encoding: As `ser_pcq.inference.stream.ENCODINGS` names it; None for one that has to be
            decoded, ADPCM or A-law for example.
        rate: Hz, as the header states it.
        channels: As the header states it.
        n_bytes: How many bytes of samples follow; None for all that come.
    """

    encoding: str | None
    rate: int
    channels: int
    n_bytes: int | None


def piped_wav(read: Callable[[int], bytes]) -> PipedWav:
    """Read the header of a WAV, up to its samples.

    Args:
        read: Returns the next n bytes, fewer only at the end.

    Raises:
        AudioError: `unreadable`, where there is no such header.
    """
    kind = read(12)[:4]
    order = ">" if kind == b"RIFX" else "<"
    large = 0
    layout: tuple[str | None, int, int] | None = None
    left = _LARGEST_HEADER
    while left > 0 and len(start := read(8)) == 8:
        name, size = struct.unpack(f"{order}4sI", start)
        if name == b"data":
            break
        # With the byte of padding that follows an odd length.
        content = read(min(size + size % 2, left))
        left -= len(content) + 8
        if name == b"ds64" and len(content) >= 16:
            large = struct.unpack_from("<Q", content, 8)[0]
        elif name == b"fmt " and len(content) >= 16:
            layout = _layout(content, order)
    else:
        raise _broken("it has no samples")
    if layout is None:
        raise _broken("it does not say how its samples are stored")
    if kind in (b"RF64", b"BW64"):
        size = large or size
    is_endless = size == 0 or (size >= _ENDLESS and not large)
    return PipedWav(*layout, None if is_endless else size)


def _layout(content: bytes, order: str) -> tuple[str | None, int, int]:
    """Return encoding, rate and channels of a format chunk."""
    tag, channels, rate, _, align, bits = struct.unpack_from(f"{order}HHIIHH", content)
    if tag == 0xFFFE and len(content) >= 26:
        (tag,) = struct.unpack_from(f"{order}H", content, 24)
    # A sample of 12 bits is stored in the upper ones of 16.
    width = 8 * (align // channels) if channels and align else bits
    end = "le" if order == "<" else "be"
    names = {(1, 8): "u8", (3, 32): f"f32{end}", (3, 64): f"f64{end}"}
    names |= {(1, wide): f"s{wide}{end}" for wide in (16, 24, 32)}
    return names.get((tag, width)), rate, channels


def _broken(why: str) -> AudioError:
    """Return the refusal of a header."""
    return AudioError(
        "unreadable",
        f"the stream is a WAV with a broken header: {why}",
        given="standard input",
        do="check what writes into the pipe; --raw takes it for raw samples",
    )
