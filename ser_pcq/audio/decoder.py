"""Audio files, decoded block by block or refused with a reason, even with a wrong header.

Everything that touches a file goes through `opened`: it looks at the file before any decoder can
hang or crash on it, repairs headers that do not know the length, and turns what decoders say into
an `AudioError`.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.headers.foreign import HEAD, content_name
from ser_pcq.audio.headers.understated import understated
from ser_pcq.audio.headers.unknown_length import Patch, PatchedFile, length_patch
from ser_pcq.errors import AudioError, SerError
from ser_pcq.processes import sign_of_life

RATES = (1_000, 1_000_000)
"""Hz; a damaged header can state any rate, and ask for any memory."""


def refuse_rate(rate: float) -> None:
    """Refuse a sample rate, Hz, that a caller gives.

    Raises:
        SerError: Outside of `RATES`.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise SerError(
            "impossible sample rate", given=f"{rate} Hz", accepted=f"{RATES[0]} to {RATES[1]} Hz"
        )


BLOCK = 1 << 16
"""Frames decoded at once."""

_UNKNOWN = 1 << 40  # frames; FLAC that was written into a pipe has more
_LFS_POINTER = b"version https://git-lfs"
_CONVERT = "convert it first, for example: sox INPUT -r 16000 -c 1 OUTPUT.wav"
_FORMATS = "WAV, FLAC, OGG, MP3, AIFF and what else libsndfile reads"


class Decoder:
    """An open audio file.

    Attributes:
        rate: Hz.
        channels: How many.
        n_frames: Length as the header states it, with a cut-off file mostly as it is; None where
            it is not known before the end.
        is_damaged: Whether the decoder gave up before the end; known when `blocks` has ended.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.rate: int = file.samplerate
        self.channels: int = file.channels
        self.n_frames: int | None = None if file.frames >= _UNKNOWN else file.frames
        self.is_damaged = False

    def blocks(
        self, first: int = 0, n_frames: int | None = None, *, tolerant: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the samples in parts of up to `BLOCK` frames, (frame, channel), 1.0 full scale.

        Args:
            first: The frame to begin with.
            n_frames: How many at most; to the end when None.
            tolerant: Where the decoder gives up, end after what it could make of the file instead
                of raising.

        Raises:
            AudioError: `unreadable`, when the decoder gives up.
        """
        import soundfile

        self._go_to(first)
        left = self._left(first, n_frames)
        n_read = 0
        while left > 0:
            sign_of_life()
            # Where the decoder fails it has filled a part of the block, and does not say how much.
            block = np.full((min(left, BLOCK), self.channels), np.nan, np.float32)
            error = None
            try:
                n = len(self._file.read(out=block))
            except soundfile.SoundFileError as caught:
                missing = np.isnan(block).any(axis=1)
                n = int(missing.argmax()) if missing.any() else len(block)
                # The end of a file of unknown length comes as an error too, of another kind than
                # that of a stream which breaks off.
                at_end = self.n_frames is None and "lost sync" not in str(caught)
                error = None if at_end and n_read + n else caught
            n_read += n
            if error and not (tolerant and n_read):
                raise error
            if n:
                yield block[:n]
            if error or n < len(block):
                self.is_damaged = error is not None
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
        there = _UNKNOWN if self.n_frames is None else max(0, self.n_frames - first)
        return there if n_frames is None else min(there, n_frames)


@contextmanager
def opened(path: Path) -> Iterator[Decoder]:
    """Yield an open file.

    The content decides about the format, not the name.

    Raises:
        AudioError: `missing`, `unreadable`, `not_regular` or `empty`; errors of the decoder within
            the block as well.
    """
    # The decoder library costs 50 ms and is not needed to import the package.
    import soundfile

    head = _checked_head(path)
    try:
        with _source(path) as source, soundfile.SoundFile(source) as file:
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise AudioError(
                    "unreadable",
                    "the header states an impossible sample rate",
                    given=f"{file.samplerate} Hz in {path}",
                    accepted=f"{RATES[0]} to {RATES[1]} Hz",
                    do=_CONVERT,
                )
            yield Decoder(file)
    except soundfile.SoundFileError as error:
        raise _refusal(path, head, error) from error
    except OSError as error:
        raise _not_readable(path, error) from error


@contextmanager
def _source(path: Path) -> Iterator[Any]:
    """Yield what soundfile is to open."""
    patch, end = length_patch(path), None
    patches: tuple[Patch, ...] = () if patch is None else (patch,)
    if not patches and (longer := understated(path)):
        patches, end = longer.patches, longer.end
    # By the name .raw soundfile would take it for samples without a header.
    if not patches and path.suffix.lower() != ".raw":
        # As bytes, since soundfile cannot encode a name that is not UTF-8.
        yield os.fsencode(path)
        return
    with io.BufferedReader(PatchedFile(path, patches, end), 1 << 18) as file:
        yield file


def _refusal(path: Path, head: bytes, error: Exception) -> AudioError:
    """Return the refusal of a file that is not audio."""
    known = content_name(head)
    if known is not None:
        name, convertible = known
        convert = "convert it first, for example: ffmpeg -i INPUT -ac 1 -ar 16000 OUTPUT.wav"
        return AudioError(
            "unreadable",
            f"this is {name}, which cannot be read" if convertible else f"this is {name}",
            given=path,
            accepted=_FORMATS,
            do=convert if convertible else None,
        )
    why = getattr(error, "error_string", "no header").strip().rstrip(".")
    if "not a regular file" in why:  # it is one; the decoder means that it does not know the format
        why = "unknown format"
    return AudioError(
        "unreadable",
        f"the file is not audio, or is damaged ({why})",
        given=path,
        accepted=_FORMATS,
        do=_CONVERT,
    )


def _checked_head(path: Path) -> bytes:
    """Return the first bytes of a file; refuse what is not a regular file with content.

    Raises:
        AudioError: `missing`, `unreadable`, `not_regular` or `empty`.
    """
    head = b""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                head = file.read(HEAD)
    except (FileNotFoundError, NotADirectoryError):
        raise AudioError(
            "missing", "the audio file does not exist", given=path, do="check the path"
        ) from None
    except (OSError, ValueError) as error:
        raise _not_readable(path, error) from error
    _refuse_odd(path, status, head)
    return head


def _not_readable(path: Path, error: Exception) -> AudioError:
    """Return the refusal of a file that the operating system does not give out."""
    why = getattr(error, "strerror", None) or error
    return AudioError(
        "unreadable",
        f"the audio file cannot be read ({why})",
        given=path,
        do="check the path, its permissions and the disk",
    )


def _refuse_odd(path: Path, status: os.stat_result, head: bytes) -> None:
    """Refuse folders, pipes and devices, empty files, and pointers in the place of files.

    Raises:
        AudioError: `unreadable`, `not_regular` or `empty`.
    """
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(
            "unreadable",
            "this is a folder, not a file",
            given=path,
            accepted=_FORMATS,
            do="name its files, or check its permissions",
        )
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(
            "not_regular",
            "this is a pipe or a device, not an audio file",
            given=path,
            accepted="a regular file",
            do="save the audio to a file first",
        )
    if status.st_size == 0:
        raise AudioError(
            "empty", "the audio file has zero bytes", given=path, do="copy or record it again"
        )
    if head.startswith(_LFS_POINTER):
        raise AudioError(
            "unreadable",
            "this is a Git LFS pointer, not the audio itself",
            given=path,
            do="fetch the audio with `git lfs pull`",
        )
