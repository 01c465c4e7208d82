"""How many samples a FLAC file holds, by the number of its last frame (RFC 9639)."""

import struct
from typing import BinaryIO

from ser_pcq.audio.headers.tail import without_tags

TOTAL = 21
"""Where the head states the samples: 36 bits, after 4 bits of something else."""

_WINDOW = 1 << 18  # bytes before the end that hold the last two frames, with up to 8 channels
_LONGEST = 16  # bytes of a frame's head
_MOST = 6  # what looks like the head of a frame and is none, before it is given up


def flac_samples(file: BinaryIO, end: int) -> tuple[int, int, bytes] | None:
    """Compare the samples that the head of a FLAC file states with those that are there.

    Args:
        file: The file.
        end: Where it ends.

    Returns:
        Samples stated, samples there, and what the five bytes at `TOTAL` should be; None where no
        more are there, or the head does not know.
    """
    file.seek(4)
    kind, _, _, _, shortest, longest = struct.unpack(">B3BHH", file.read(8))
    file.seek(TOTAL)
    packed = int.from_bytes(file.read(5), "big")
    stated = packed & 0xF_FFFF_FFFF
    if kind & 0x7F or not stated or not longest:
        return None
    begin = max(42, end - _WINDOW)
    end = without_tags(file, begin, end)
    file.seek(begin)
    window = file.read(end - begin)
    present = _last_sample(window, shortest if shortest == longest else 0, stated)
    if present <= stated or present > 0xF_FFFF_FFFF:
        return None
    return stated, present, (packed - stated + present).to_bytes(5, "big")


def _last_sample(window: bytes, block: int, stated: int) -> int:
    """Return where the last frame that is whole ends, in samples; 0 where none is beyond `stated`.

    Args:
        window: The last bytes of the file.
        block: Samples of every frame but the last; 0 where they differ.
        stated: How many the head states.
    """
    # Positions are found by what a frame begins with, and are proved by the checksum of the bytes
    # up to the next frame or the end; only frames beyond what is stated need that.
    ends = [len(window)]
    at = window.rfind(b"\xff")
    while at >= 0 and len(ends) <= _MOST:
        after = _frame_end(window[at : at + _LONGEST], block)
        if after is not None:
            if after <= stated:
                return 0
            if any(_is_whole(window[at:end]) for end in ends):
                return after
            ends.append(at)
        at = window.rfind(b"\xff", 0, at)
    return 0


def _frame_end(head: bytes, block: int) -> int | None:
    """Return the sample after a frame, by its head; None where this is not the head of a frame."""
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[2] >> 4 == 0 or head[2] & 15 == 15:
        return None
    is_variable = head[1] & 1
    if head[3] >> 4 > 10 or head[3] & 1 or not (is_variable or block):
        return None
    n_more = max(0, 8 - (~head[4] & 0xFF).bit_length() - 1)  # as in UTF-8
    number = head[4] & (0x7F if not n_more else 0x3F >> n_more)
    for byte in head[5 : 5 + n_more]:
        number = number << 6 | byte & 0x3F
    place = 5 + n_more
    code, rate = head[2] >> 4, head[2] & 15
    if code == 1:
        size = 192
    elif code < 6:
        size = 576 << (code - 2)
    elif code < 8:
        width = code - 5
        size = int.from_bytes(head[place : place + width], "big") + 1
        place += width
    else:
        size = 256 << (code - 8)
    place += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if place >= len(head) or _crc8(head[:place]) != head[place]:
        return None
    return (number if is_variable else number * block) + size


def _crc8(content: bytes) -> int:
    """Return the checksum of a frame's head: x^8 + x^2 + x + 1."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x107) if crc & 0x80 else crc << 1
    return crc


def _is_whole(frame: bytes) -> bool:
    """Whether the checksum of a frame holds: x^16 + x^15 + x^2 + 1, 0 over all of its bytes."""
    crc = 0
    for byte in frame:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc == 0


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x18005) if crc & 0x8000 else crc << 1
        rows.append(crc)
    return tuple(rows)


_CRC16 = _table()
