"""Any readable audio file to a mono float32 waveform at one sample rate, or a typed refusal."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import AudioError

SAMPLE_RATE = 16_000
"""Hz; the rate that every network of this package works at."""

MIN_DURATION = 0.1
"""s; anything shorter holds no speech and fewer samples than the analysis windows want."""

SILENCE_PEAK = 1e-4
"""Largest distance from the mean, in full scale, that still counts as digital silence.

About three steps of 16-bit audio: dither passes as silence, the quietest real recordings known
(peak 0.006) do not.
"""

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".snd"}
    | {".caf", ".w64", ".rf64", ".sph", ".nist"}
)
"""What `find_audio` looks for in folders, in lower case. A file named outright may end in anything,
for its content is what decides."""

_RATES = (1_000, 1_000_000)  # Hz; a damaged header can state any rate, and ask for any memory
_BLOCK = 1 << 20  # frames decoded at once
_LFS_POINTER = b"version https://git-lfs"
_CONVERT = "convert it first, for example: sox INPUT -r 16000 -c 1 OUTPUT.wav"
_FORMATS = "WAV, FLAC, OGG, MP3, AIFF and what else libsndfile reads"


def _check_file(path: Path) -> None:
    """Refuse what is not a regular file with content, before any decoder can hang or crash on it.

    Raises:
        AudioError: `missing`, `unreadable`, `not_regular` or `empty`.
    """
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                head = file.read(len(_LFS_POINTER))
    except (FileNotFoundError, NotADirectoryError):
        raise AudioError(
            "missing", "there is no such audio file", given=path, do="check the path"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise AudioError(
            "unreadable",
            f"the audio file cannot be opened ({why})",
            given=path,
            do="check the path and its permissions",
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(
            "unreadable",
            "this is a folder, and not one whose files can be listed",
            given=path,
            accepted=_FORMATS,
            do="name files, or check the folder's permissions",
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
    if head == _LFS_POINTER:
        raise AudioError(
            "unreadable",
            "this is a Git LFS pointer, not the audio itself",
            given=path,
            do="fetch the audio with `git lfs pull`",
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield an open `soundfile.SoundFile`; turn the decoder's errors into an `AudioError`."""
    # The decoder library costs 50 ms and is not needed to import the package.
    import soundfile

    _check_file(path)
    try:
        # As bytes, since soundfile cannot encode a name that is not UTF-8.
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if not _RATES[0] <= file.samplerate <= _RATES[1]:
                raise AudioError(
                    "unreadable",
                    "the header states an impossible sample rate",
                    given=f"{file.samplerate} Hz in {path}",
                    accepted=f"{_RATES[0]} to {_RATES[1]} Hz",
                    do=_CONVERT,
                )
            yield file
    # TypeError is what soundfile raises for a name ending in .raw, which has no header to read.
    except (soundfile.SoundFileError, TypeError) as error:
        why = getattr(error, "error_string", "no header").strip().rstrip(".")
        raise AudioError(
            "unreadable",
            f"the file is not audio, or is damaged ({why})",
            given=path,
            accepted=_FORMATS,
            do=_CONVERT,
        ) from error


def _decode(file: Any, n_frames: int) -> NDArray[np.float32]:
    """Read up to `n_frames` frames and average the channels; (time,) at the rate of the file.

    In blocks, because the length in a damaged header can be anything, and so as never to hold all
    channels of a long recording at once.
    """
    blocks = []
    while n_frames > 0:
        block = file.read(min(n_frames, _BLOCK), dtype="float32", always_2d=True)
        if not len(block):
            break
        # Infinite samples are refused later, by name; numpy need not warn of them here.
        with np.errstate(all="ignore"):
            blocks.append(block.mean(axis=1, dtype=np.float32))
        n_frames -= len(block)
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)


def _frame_range(file: Any, path: Path, start: float | None, end: float | None) -> tuple[int, int]:
    """Return the first frame and the number of frames between two times, cut at the end of file."""
    first = 0 if start is None else round(start * file.samplerate)
    last = file.frames if end is None else min(round(end * file.samplerate), file.frames)
    if file.frames and not 0 <= first < last:
        raise AudioError(
            "bad_range",
            "the part asked for does not lie in the recording",
            given=f"{start} to {end} s of {path}",
            accepted=f"0 to {file.frames / file.samplerate:.3f} s, start before end",
        )
    return first, last - first


def read_waveform(
    path: str | os.PathLike[str],
    *,
    start: float | None = None,
    end: float | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> NDArray[np.float32]:
    """Read an audio file of any format, rate and number of channels that libsndfile knows.

    The content decides about the format, not the name. Channels are averaged. A file that was cut
    off is read as far as it decodes.

    Args:
        path: The file.
        start: Begin here, s; at the beginning when None.
        end: Stop here, s; at the end when None or beyond it.
        sample_rate: Wanted rate, Hz.

    Returns:
        Waveform, (time,), 1.0 being full scale.

    Raises:
        AudioError: With the reason `missing`, `unreadable`, `not_regular`, `empty`, `not_finite`,
            `too_short` (under `MIN_DURATION`) or `bad_range` (`start` and `end` do not fit).
    """
    path = Path(path)
    with _opened(path) as file:
        first, n_frames = _frame_range(file, path, start, end)
        if first:
            file.seek(first)
        waveform = _decode(file, n_frames)
        rate: int = file.samplerate
    if not waveform.size:
        raise AudioError(
            "empty", "the audio file has no samples", given=path, do="copy or record it again"
        )
    if not np.isfinite(waveform).all():
        raise AudioError(
            "not_finite",
            "the audio has samples that are not numbers (NaN or infinite)",
            given=path,
            do="export it again, as 16-bit PCM",
        )
    if waveform.size < MIN_DURATION * rate:
        raise AudioError(
            "too_short",
            "the audio is too short",
            given=f"{waveform.size / rate:.3f} s in {path}",
            accepted=f"{MIN_DURATION} s or more",
        )
    if rate == sample_rate:
        return waveform
    import soxr

    return np.asarray(soxr.resample(waveform, rate, sample_rate, quality="HQ"), dtype=np.float32)


def refuse_silence(waveform: NDArray[np.float32]) -> None:
    """Raise when a waveform is digital silence: within `SILENCE_PEAK` of its mean throughout.

    `read_waveform` does not call this: quiet files may be trained on, but no emotion may be
    reported for nothing.

    Args:
        waveform: (time,).

    Raises:
        AudioError: With the reason `silent`.
    """
    if not waveform.size or np.abs(waveform - waveform.mean()).max() < SILENCE_PEAK:
        raise AudioError(
            "silent",
            "the audio is silent",
            accepted=f"a peak of {SILENCE_PEAK} of full scale or more",
            do="check the recording",
        )


def duration(path: str | os.PathLike[str]) -> float:
    """Return the length of a recording in s, as its header states it; nothing is decoded.

    Raises:
        AudioError: With the reason `missing`, `unreadable`, `not_regular` or `empty`.
    """
    path = Path(path)
    with _opened(path) as file:
        if not file.frames:
            raise AudioError("empty", "the audio file has no samples", given=path)
        return float(file.frames / file.samplerate)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the audio files below a folder, each real folder once, so that links cannot loop."""
    # A folder that cannot be listed stands for itself: it gets its own refusal on reading, and the
    # files beside it are not lost.
    locked: list[Path] = []

    def keep(error: OSError) -> None:
        locked.append(Path(error.filename))

    seen = set()
    for root, folders, names in os.walk(folder, onerror=keep, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            # `._name.wav` is what macOS leaves on foreign disks: not audio, whatever its name says.
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(root, name)
    yield from locked


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the audio files that `paths` name, each once.

    A folder stands for the audio files below it, sorted, hidden ones left out. Anything else is
    kept as it is and in its place, even if it does not exist or cannot be listed: reading it will
    say what is wrong.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        # Not Path.is_dir(), which raises where a folder on the way may not be entered.
        is_folder = os.path.isdir(path)  # noqa: PTH112
        for file in sorted(_walk(path)) if is_folder else [path]:
            # Not Path.resolve(), which would take a link and its target for one file.
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100
    return list(found.values())
