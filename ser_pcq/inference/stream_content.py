"""A pipe as what it is: encoded sound, a WAV that is still being written, or raw samples."""

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoder import RATES, opened
from ser_pcq.audio.decoders import pyav
from ser_pcq.audio.decoders.contract import DecodingError
from ser_pcq.audio.decoders.live import LiveDecoder
from ser_pcq.audio.headers.piped import FIRST, PipedKind, piped_kind, piped_wav
from ser_pcq.audio.waveform import SAMPLE_RATE, resampled_blocks
from ser_pcq.errors import AudioError, SerError
from ser_pcq.inference.stream import PcmFormat, read_pcm

_AT_ONCE = 1 << 16  # bytes
_FROM_THE_END = ("caf", "wv")
"""Formats that FFmpeg cannot decode before it has seen the end."""
_MAX_BOXES = 1 << 16  # bytes in which an MPEG-4 stream has to say whether its index comes first


def read_stream(
    source: BinaryIO, pcm_format: PcmFormat | None = None
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a pipe or file as soon as they arrive, at 16 kHz, mono.

    The first bytes decide: WAV, FLAC, Ogg, MP3, WebM, MPEG-4 and other encoded sound is decoded as
    what it is. What begins like none of them is read by `read_pcm`, which reads everything as raw
    samples. WAV needs no other package, the others need PyAV, the extra `media`.

    Decoding adds to the delay what the decoder waits for: a packet or two, with FLAC about ten.
    CAF, and MPEG-4 whose index comes at the end, are decoded when they have ended.

    Args:
        source: Opened for bytes, `sys.stdin.buffer` for example, and blocking.
        pcm_format: How to read raw samples; as 16-bit mono at 16 kHz when None.

    Raises:
        AudioError: `unreadable`, for what is no audio or cannot be decoded; `no_decoder`, for what
            needs PyAV; `not_finite`, for samples that are no numbers.
        SerError: When the source does not block.
    """
    begun = _Begun(source)
    kind = piped_kind(begun.peek(FIRST), begun.peek)
    if kind is None:
        yield from read_pcm(begun, pcm_format)  # type: ignore[arg-type]
    elif kind.demuxer is None:
        raise AudioError(
            "unreadable", f"the stream is {kind.name}, not audio", given="standard input"
        )
    elif kind.demuxer == "wav":
        yield from _wav(begun, kind)
    else:
        yield from _decoded(begun, kind)


def _wav(begun: "_Begun", kind: PipedKind) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a WAV."""
    wav = piped_wav(begun.exactly)
    if wav.encoding is None:
        begun.rewind()
        yield from _decoded(begun, kind)
        return
    _check_rate(wav.rate, kind)
    begun.forget()
    try:
        what = PcmFormat(wav.encoding, wav.rate, wav.channels)
    except SerError as error:
        raise AudioError(
            "unreadable", f"the header of the WAV is wrong: {error}", given="standard input"
        ) from error
    begun.left = wav.n_bytes
    yield from read_pcm(begun, what)  # type: ignore[arg-type]
    # A writer whose pipe closes too early would complain.
    begun.left = None
    while begun.read1(_AT_ONCE):
        pass


def _decoded(begun: "_Begun", kind: PipedKind) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of an encoded stream."""
    if not pyav.is_installed():
        raise AudioError(
            "no_decoder",
            f"the stream is {kind.name}, which needs the package av (pip install 'ser-pcq[media]')",
            given="standard input",
            accepted="WAV or raw samples without it",
            do="or decode it on the way, for example: "
            "ffmpeg -loglevel error -i - -f s16le -ar 16000 -ac 1 - | ser-predict --stream",
        )
    if kind.demuxer in _FROM_THE_END or (kind.demuxer == "mov" and not _index_comes_first(begun)):
        yield from _decoded_at_its_end(begun)
        return
    begun.forget()
    try:
        decoder = LiveDecoder(begun.read1, kind.demuxer or "")
        _check_rate(decoder.rate, kind)
        yield from resampled_blocks(decoder.blocks(), decoder.rate, SAMPLE_RATE)
    except DecodingError as error:
        raise AudioError(
            "unreadable",
            f"the stream is {kind.name}, but cannot be decoded ({error})",
            given="standard input",
            do="check what writes into the pipe; --raw takes it for raw samples",
        ) from error


def _index_comes_first(begun: "_Begun") -> bool:
    """Return whether an MPEG-4 stream has its index before its sound, so that it can be decoded."""
    place = 0
    while place < _MAX_BOXES:
        start = begun.peek(place + 8)[place:]
        if len(start) < 8:
            break
        size, name = struct.unpack(">I4s", start)
        if name in (b"moov", b"mdat") or size < 8:
            return bool(name == b"moov")
        place += size
    return False


def _decoded_at_its_end(begun: "_Begun") -> Iterator[NDArray[np.float32]]:
    """Write a stream to a temporary file, and yield its samples when it has ended."""
    begun.forget()
    with tempfile.TemporaryDirectory(prefix="ser-predict-") as folder:
        path = Path(folder, "standard input")
        with path.open("wb") as file:
            while content := begun.read1(_AT_ONCE):
                file.write(content)
        with opened(path) as decoder:
            mono = (block.mean(axis=1) for block in decoder.blocks(tolerant=True))
            yield from resampled_blocks(mono, decoder.rate, SAMPLE_RATE)


def _check_rate(rate: int, kind: PipedKind) -> None:
    """Refuse an impossible sample rate of a header.

    Raises:
        AudioError: `unreadable`.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(
            "unreadable",
            f"the stream is {kind.name}, whose header states an impossible sample rate",
            given=f"{rate} Hz",
            accepted=f"{RATES[0]} to {RATES[1]} Hz",
        )


class _Begun:
    """A source of which the first bytes were looked at, and are read nevertheless.

    Attributes:
        left: How many bytes may still be read; None for all.
    """

    def __init__(self, source: BinaryIO) -> None:
        # A buffered reader waits in read() until all is there, in read1() only until something is;
        # a raw one has read() only, which does not wait either.
        self._read = getattr(source, "read1", source.read)
        self._seen = b""
        self._place = 0  # in what was seen
        self.left: int | None = None

    def peek(self, n: int) -> bytes:
        """Return the first n bytes, fewer at the end, which stay to be read."""
        while len(self._seen) < n and (content := self._some(n - len(self._seen))):
            self._seen += content
        return self._seen[:n]

    def exactly(self, n: int) -> bytes:
        """Read n bytes, fewer at the end; they can be read again until `forget`."""
        content = self.peek(self._place + n)[self._place :]
        self._place += len(content)
        return content

    def rewind(self) -> None:
        """Go back to the first byte."""
        self._place = 0

    def forget(self) -> None:
        """Keep nothing of what is read any more."""
        self._seen, self._place = self._seen[self._place :], 0

    def read1(self, n: int) -> bytes:
        """Read up to n bytes: what is there, at the end none."""
        if self.left is not None:
            n = min(n, self.left)
        if n <= 0:
            return b""
        if self._place < len(self._seen):
            content = self._seen[self._place : self._place + n]
            self._place += len(content)
        else:
            self._seen, self._place = b"", 0
            content = self._some(n)
        if self.left is not None:
            self.left -= len(content)
        return content

    read = read1

    def _some(self, n: int) -> bytes:
        """Read from the source itself.

        Raises:
            SerError: When it does not wait.
        """
        content: bytes | None = self._read(n)
        if content is None:
            raise SerError("the source does not wait for data", accepted="a blocking pipe or file")
        return content
