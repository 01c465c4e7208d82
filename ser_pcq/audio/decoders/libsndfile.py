"""What libsndfile reads: WAV, FLAC, OGG, MP3, AIFF and more; it can move within a file."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import BLOCK, UNKNOWN, DecodingError
from ser_pcq.processes import sign_of_life


class SoundfileDecoder:
    """An open file, decoded by libsndfile; a `Decoder`.

    Args:
        source: A name in bytes, since soundfile cannot encode one that is not UTF-8, or a binary
            file.

    Raises:
        DecodingError: When it is not audio, or of another format.
    """

    def __init__(self, source: Any) -> None:
        # The library costs 50 ms and is not needed to import the package.
        import soundfile

        try:
            self._file = soundfile.SoundFile(source)
        except soundfile.SoundFileError as error:
            raise _reworded(error) from error
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        # FLAC that was written into a pipe has more than any file.
        n_frames: int = self._file.frames
        self.n_frames = None if n_frames >= UNKNOWN else n_frames
        self.is_damaged = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def blocks(
        self, first: int = 0, n_frames: int | None = None, *, tolerant: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the samples; where libsndfile gives up, what follows is lost."""
        import soundfile

        try:
            self._go_to(first)
        except soundfile.SoundFileError as error:
            raise _reworded(error) from error
        left = self._left(first, n_frames)
        n_read = 0
        while left > 0:
            sign_of_life()
            # Where the decoder fails it has filled a part of the block, and does not say how much.
            block = np.full((min(left, BLOCK), self.channels), np.nan, np.float32)
            failure = None
            try:
                n = len(self._file.read(out=block))
            except soundfile.SoundFileError as error:
                missing = np.isnan(block).any(axis=1)
                n = int(missing.argmax()) if missing.any() else len(block)
                # The end of a file of unknown length comes as an error too, of another kind than
                # that of a stream which breaks off.
                at_end = self.n_frames is None and "lost sync" not in str(error)
                failure = None if at_end and n_read + n else _reworded(error)
            n_read += n
            if failure and not (tolerant and n_read):
                raise failure
            if n:
                yield block[:n]
            if failure or n < len(block):
                self.is_damaged = failure is not None
                return
            left -= n

    def _go_to(self, first: int) -> None:
        """Move to a frame."""
        if self._file.seekable():
            if first != self._file.tell():
                self._file.seek(first)
            return
        # Some encodings, GSM for example, can only be read from front to back, and are mono.
        while first > 0 and (n := len(self._file.read(min(first, BLOCK)))):
            first -= n
            sign_of_life()

    def _left(self, first: int, n_frames: int | None) -> int:
        """Return how many frames to read."""
        there = UNKNOWN if self.n_frames is None else max(0, self.n_frames - first)
        return there if n_frames is None else min(there, n_frames)


def _reworded(error: Exception) -> DecodingError:
    """Return an error of the library as one of ours."""
    why = getattr(error, "error_string", "no header").strip().rstrip(".")
    # It is a regular file; the library means that it does not know the format.
    return DecodingError("unknown format" if "not a regular file" in why else why)
