"""What follows the audio that a header states: tags, further chunks, rubbish, or more audio."""

import re
import struct
from itertools import islice
from typing import BinaryIO

RUBBISH = 8192
"""Bytes after the stated audio that are never taken for audio, whatever they are. Editors and disks
leave up to a few sectors (4096 bytes) behind a file, and 8192 bytes are 0.26 s of 16-bit speech at
16 kHz, less than a word. Padding with one and the same byte is not audio at any length."""

_TEXT = frozenset(range(0x20, 0x7F))  # names of chunks are printable ASCII
_WINDOW = 1 << 20  # bytes before the end in which chunks behind the audio are looked for
_PART = 1 << 16
_KNOWN = frozenset(
    {b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"fact", b"PEAK", b"JUNK"}
    | {b"junk", b"PAD ", b"FLLR", b"axml", b"chna", b"umid", b"_PMX", b"aXML", b"afsp", b"inst"}
    | {b"plst", b"acid", b"DISP", b"cart", b"ANNO", b"NAME", b"AUTH", b"(c) ", b"COMT", b"MARK"}
    | {b"INST", b"APPL", b"free", b"info", b"strg"}
)
_NAMES = re.compile(b"ID3[\2-\4]|" + b"|".join(map(re.escape, sorted(_KNOWN))))


def without_tags(file: BinaryIO, first: int, end: int) -> int:
    """Return where a file ends without the tags at its end: ID3v1, ID3v2 with a footer, APE.

    Args:
        file: The file.
        first: Tags do not begin before it.
        end: The end of the file.
    """
    while True:
        file.seek(max(first, end - 128))
        last = file.read(end - max(first, end - 128))
        begin = end
        if len(last) == 128 and last[:3] == b"TAG":
            begin = end - 128
        elif last[-32:-24] == b"APETAGEX":
            size, _, flags = struct.unpack("<III", last[-20:-8])
            begin = end - size - (32 if flags >> 31 else 0)
        elif last[-10:-7] == b"3DI":
            begin = end - 20 - _seven_bits(last[-4:])
        if not first <= begin < end:
            return end
        end = begin


def audio_end(file: BinaryIO, stated: int, end: int, layout: str) -> int:
    """Return where the audio of a file ends: where it is stated to, or after audio that follows.

    No audio are chunks and tags, a stretch of bytes that are all alike, and what is left where it
    is `RUBBISH` or less.

    Args:
        file: The file.
        stated: Where the audio ends by the header.
        end: Where the file ends, tags left out.
        layout: Of id and size of a chunk, for `struct`; empty for a format that has none.
    """
    if end - stated <= RUBBISH:
        return stated
    # The byte that pads an odd length is often forgotten, and sometimes not 0.
    places = (stated, stated + 1) if stated % 2 else (stated,)
    rest = max(_after_chunks(file, place, end, layout) for place in places)
    if end - rest <= RUBBISH:
        return stated
    end = _before_chunks(file, stated, end, layout)
    return stated if end - rest <= RUBBISH or _is_uniform(file, rest, end) else end


def _before_chunks(file: BinaryIO, stated: int, end: int, layout: str) -> int:
    """Return where chunks begin that reach exactly to the end of the file; the end without any."""
    if not layout:
        return end
    # A size of 32 bits that was too small for the audio: what is missing are multiples of 2^32.
    for place in range(stated + (1 << 32), end, 1 << 32):
        if _after_chunks(file, place, end, layout, may_be_cut=False) >= end - 1:
            return place
    begin = max(stated, end - _WINDOW)
    file.seek(begin)
    for match in islice(_NAMES.finditer(file.read(end - begin)), 1000):
        place = begin + match.start()
        if _after_chunks(file, place, end, layout, may_be_cut=False) >= end - 1:
            return place
    return end


def _after_chunks(
    file: BinaryIO, place: int, end: int, layout: str, *, may_be_cut: bool = True
) -> int:
    """Walk chunks and tags from a place on, and return where the last of them ends.

    With `may_be_cut` a chunk of a known name may reach beyond the end: artwork of a file that was
    cut off.
    """
    width = struct.calcsize(layout or "8x")
    for _ in range(1000):
        place = _after_zeros(file, place, min(end, place + RUBBISH))
        file.seek(place)
        head = file.read(max(width, 10))
        if head[:3] == b"ID3" and len(head) >= 10 and head[3] < 0xFF:
            after = place + 10 + _seven_bits(head[6:10])
        elif layout and len(head) >= width and _TEXT.issuperset(head[:4]):
            name, size = struct.unpack(layout, head[:width])
            if may_be_cut and name in _KNOWN:
                size = min(size, end - place - width)
            after = place + width + size if size >= 0 else end + 1
        else:
            return place
        if after > end:
            return place
        place = after
        if place % 2 and place < end and not _begins_chunk(file, place):
            place += 1
    return place


def _begins_chunk(file: BinaryIO, place: int) -> bool:
    """Whether a chunk's name is at a place."""
    file.seek(place)
    return _TEXT.issuperset(file.read(4))


def _after_zeros(file: BinaryIO, place: int, end: int) -> int:
    """Return the first place whose byte is not 0."""
    file.seek(place)
    part = file.read(end - place)
    return place + len(part) - len(part.lstrip(b"\0"))


def _is_uniform(file: BinaryIO, first: int, end: int) -> bool:
    """Whether all bytes are alike; read as far as they are."""
    file.seek(first)
    one = file.read(1)
    for place in range(first, end, _PART):
        file.seek(place)
        part = file.read(min(_PART, end - place))
        if part.strip(one):
            return False
    return True


def _seven_bits(content: bytes) -> int:
    """Return a size of ID3: seven bits a byte, so that no size looks like a frame of MP3."""
    size = 0
    for byte in content:
        size = size << 7 | byte & 0x7F
    return size
