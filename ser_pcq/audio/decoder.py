"""Audio files, decoded block by block or refused with a reason, even with a wrong header.

Everything that touches a file goes through `opened`: it looks at the file before any decoder can
hang or crash on it, repairs headers that do not know the length, and turns what decoders say into
an `AudioError`.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ser_pcq.audio.decoders import ffmpeg, pyav
from ser_pcq.audio.decoders.contract import BLOCK as BLOCK
from ser_pcq.audio.decoders.contract import Decoder, DecodingError, NoAudioError
from ser_pcq.audio.decoders.libsndfile import SoundfileDecoder
from ser_pcq.audio.headers.foreign import HEAD, content_name, demuxer_of
from ser_pcq.audio.headers.truncated import missing_audio
from ser_pcq.audio.headers.understated import understated
from ser_pcq.audio.headers.unknown_length import Patch, PatchedFile, length_patch
from ser_pcq.errors import AudioError, SerError

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


_LFS_POINTER = b"version https://git-lfs"
_CONVERT = "convert it first, for example: sox INPUT -r 16000 -c 1 OUTPUT.wav"
_CONVERT_MEDIA = "or convert it, for example: ffmpeg -i INPUT -ac 1 -ar 16000 OUTPUT.wav"
_FORMATS = "WAV, FLAC, OGG, MP3, AIFF and what else libsndfile reads; media as FFmpeg reads them"

NO_DECODER = "which needs the package av (pip install 'ser-pcq[media]') or ffmpeg on the path"
"""What is said of media where nothing can decode them."""


class _NoDecoderError(DecodingError):
    """Media, but neither PyAV nor `ffmpeg`."""


def can_decode_media() -> bool:
    """Whether there is anything that decodes media."""
    return pyav.is_installed() or ffmpeg.program() is not None


@contextmanager
def opened(path: Path) -> Iterator[Decoder]:
    """Yield an open file.

    The content decides about the format, not the name. What libsndfile refuses, and is known to be
    media, goes to PyAV, or to `ffmpeg` where that is not installed.

    Raises:
        AudioError: `missing`, `unreadable`, `no_decoder`, `not_regular` or `empty`; errors of the
            decoder within the block as well.
    """
    head = _checked_head(path)
    try:
        with ExitStack() as stack:
            decoder = _decoder(path, head, stack)
            if not RATES[0] <= decoder.rate <= RATES[1]:
                raise AudioError(
                    "unreadable",
                    "the header states an impossible sample rate",
                    given=f"{decoder.rate} Hz in {path}",
                    accepted=f"{RATES[0]} to {RATES[1]} Hz",
                    do=_CONVERT,
                )
            yield decoder
    except DecodingError as error:
        raise _refusal(path, head, error) from error
    except OSError as error:
        raise _not_readable(path, error) from error


def _decoder(path: Path, head: bytes, stack: ExitStack) -> Decoder:
    """Open a file with what can decode it; `stack` closes it.

    Raises:
        DecodingError: When nothing can.
    """
    demuxer = demuxer_of(head)
    try:
        with ExitStack() as own:
            decoder: Decoder = SoundfileDecoder(own.enter_context(_source(path)))
            own.callback(decoder.close)
            stack.push(own.pop_all())
            return decoder
    except DecodingError:
        if demuxer is None:
            raise
    if pyav.is_installed():
        decoder = pyav.PyavDecoder(path, demuxer)
    elif program := ffmpeg.program():
        decoder = ffmpeg.FfmpegDecoder(path, demuxer, program)
    else:
        raise _NoDecoderError(NO_DECODER)
    stack.callback(decoder.close)
    return decoder


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


def _refusal(path: Path, head: bytes, error: DecodingError) -> AudioError:
    """Return the refusal of a file that cannot be decoded."""
    known = content_name(head)
    name, is_media = known or (None, False)
    word, do = "unreadable", _CONVERT if known is None else None
    if isinstance(error, _NoDecoderError):
        word, wrong, do = "no_decoder", f"this is {name}, {error}", _CONVERT_MEDIA
    elif is_media and (missing := missing_audio(path)):
        wrong = f"this is {name}, but it is cut off: {missing}"
    elif isinstance(error, NoAudioError):
        word, wrong = "empty", f"this is {name}, but {error}"
    elif is_media:
        wrong = f"this is {name}, but it cannot be decoded ({error})"
    elif name:
        wrong = f"this is {name}"
    else:
        wrong = f"the file is not audio, or is damaged ({error})"
    return AudioError(word, wrong, given=path, accepted=_FORMATS, do=do)


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
