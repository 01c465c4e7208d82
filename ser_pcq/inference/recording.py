"""A recording read from a file or from memory: its waveform and its faults, or why it is refused.

Short recordings are decoded once and kept; long ones are decoded twice, once to look at them and
once to judge them, so that memory does not grow with their length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.channels import mono
from ser_pcq.audio.decoder import BLOCK, opened, refuse_rate
from ser_pcq.audio.headers.truncated import missing_audio
from ser_pcq.audio.signal_faults import SignalMeter
from ser_pcq.audio.waveform import (
    SAMPLE_RATE,
    refuse_useless,
    resampled,
    resampled_blocks,
    silence,
)
from ser_pcq.errors import AudioError, Reason, SerError
from ser_pcq.inference.prediction import Status

LONGEST_WHOLE = 30.0
"""s; a longer recording is judged in windows."""

SHORT = 1.0
"""s; what is shorter gets a warning. The shortest recording of EMO-DB has 1.2 s."""

REASONS = {
    "missing": "the file does not exist, or is a link that leads nowhere",
    "unreadable": "it is not audio, is damaged, has an unsupported format, or may not be opened",
    "not_regular": "it is a pipe or a device",
    "empty": "it has no samples",
    "not_finite": "samples are not numbers (NaN or infinite)",
    "too_short": "it is under 0.1 s",
    "silent": "no sample is further than 0.0001 of full scale from the mean",
    "no_speech": "it is a steady sound (noise, hum, a tone), or over 30 s without any speech",
    "unsure": "the confidence is under `--min-confidence`",
    "failed": "the model could not compute it, for lack of memory for example",
    "crashed": "the decoder ended the process that read it (with `--jobs`)",
    "timeout": "nothing happened for the seconds of `--timeout` (with `--jobs`)",
}
"""The words with which a result says why there is no answer, and what they mean."""

WARNINGS = {
    "truncated": "the file ends earlier than its header says; what it holds was judged",
    "damaged": "something could not be decoded; what could be was judged",
    "short": "it is under 1 s; the embedded models learnt from recordings of 1.2 s and more",
    "narrow_band": "the sample rate is under 16 kHz, as on the phone: high frequencies are missing",
    "clipped": "more than 0.05 % of the samples lie on flat tops",
    "quiet": "the peak is under 0.01 of full scale",
    "offset": "the mean is further than 0.05 of full scale from 0",
    "over_scale": "the peak is over twice full scale; probably integers that were not scaled",
    "mostly_silent": "more than 90 % of the samples are exactly 0",
    "cancelling_channels": "channels cancel one another out; only the loudest was judged",
}
"""The words that make an answer doubtful, and what they mean."""


class Recording:
    """Audio that can be judged.

    Attributes:
        path: The file.
        duration: Its length as decoded, s.
        warnings: What makes an answer doubtful, with words from `WARNINGS`.
        waveform: All of it, (time,) at 16 kHz; None when it is longer than `LONGEST_WHOLE`.
    """

    def __init__(
        self,
        path: Path,
        duration: float,
        warnings: tuple[Reason, ...],
        waveform: NDArray[np.float32] | None,
        channel: int | None,
    ) -> None:
        self.path, self.duration, self.warnings = path, duration, warnings
        self.waveform = waveform
        self._channel = channel

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the recording in parts, each (time,) at 16 kHz; a long one is decoded again.

        Raises:
            AudioError: When the file has changed meanwhile and cannot be read any more.
        """
        if self.waveform is not None:
            yield self.waveform
            return
        with opened(self.path) as file:
            if self._channel is not None and self._channel >= file.channels:
                raise AudioError("unreadable", "the file has changed", given=self.path)
            parts = (mono(block, self._channel) for block in file.blocks(tolerant=True))
            yield from resampled_blocks(parts, file.rate, SAMPLE_RATE)


class _Samples(Recording):
    """A long recording that is in memory: (time, channel) at its own rate."""

    def __init__(
        self,
        path: Path,
        duration: float,
        warnings: tuple[Reason, ...],
        channel: int | None,
        *,
        samples: NDArray[np.float32],
        rate: int,
    ) -> None:
        super().__init__(path, duration, warnings, None, channel)
        self._samples, self._rate = samples, rate

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield it in parts."""
        parts = (mono(block, self._channel) for block in _cut(self._samples))
        yield from resampled_blocks(parts, self._rate, SAMPLE_RATE)


def _cut(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Cut samples, (time, channel), as a decoder gives them out."""
    for first in range(0, len(samples), BLOCK):
        yield samples[first : first + BLOCK]


@dataclass(frozen=True)
class Refusal:
    """A file that cannot be judged.

    Attributes:
        path: The file.
        status: `rejected`, or `error` when it could not be read to its end.
        reason: Why, with a word from `REASONS`.
    """

    path: Path
    status: Status
    reason: Reason


def failed(error: Exception) -> Reason:
    """Return the reason of a recording that could not be computed."""
    return Reason("failed", str(error) or "out of memory")


def hear(path: Path) -> Recording | Refusal:
    """Read a file as `listen` does, and return what it raises as a result."""
    try:
        return listen(path)
    except AudioError as error:
        return Refusal(path, Status.REJECTED, error.reason)
    except MemoryError as error:
        return Refusal(path, Status.ERROR, failed(error))


def hear_samples(samples: NDArray[Any], rate: int, path: Path) -> Recording | Refusal:
    """Look at samples in memory as `hear` looks at a file.

    Args:
        samples: (time,) or (time, channel); floating point, or integers, scaled by their range.
        rate: Hz.
        path: The name that they get.

    Raises:
        SerError: When the array is of another kind, or the rate is impossible.
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or 0 in array.shape[1:]:
        raise SerError(
            "this is not an array of samples",
            given=f"an array of {array.dtype}, {array.shape}",
            accepted="numbers, (time,) or (time, channel)",
        )
    refuse_rate(rate)
    if array.dtype.kind != "f":
        half = 2.0 ** (8 * array.dtype.itemsize - 1)
        array = array / half - (1.0 if array.dtype.kind == "u" else 0.0)
    with np.errstate(all="ignore"):  # what becomes infinite is refused by name
        array = array.astype(np.float32).reshape(len(array), *array.shape[1:] or (1,))
    meter = SignalMeter(array.shape[1])
    for block in _cut(array):
        meter.add(block)
    try:
        about = _judged(path, meter, rate, _length_faults(len(array) / rate, rate))
    except AudioError as error:
        return Refusal(path, Status.REJECTED, error.reason)
    if len(array) > LONGEST_WHOLE * rate:
        return _Samples(*about, meter.levels.chosen(), samples=array, rate=rate)
    return Recording(*about, _whole([array], rate, meter), meter.levels.chosen())


def listen(path: Path) -> Recording:
    """Read a file, and look at what it holds.

    Raises:
        AudioError: With a word from `REASONS`.
    """
    with opened(path) as file:
        rate, promised = file.rate, file.n_frames
        meter = SignalMeter(file.channels)
        kept: list[NDArray[np.float32]] | None = []
        for block in file.blocks(tolerant=True):
            meter.add(block)
            if kept is not None:
                kept.append(block)
            if meter.levels.n_frames > LONGEST_WHOLE * rate:
                kept = None
        is_damaged = file.is_damaged
    duration = meter.levels.n_frames / rate
    faults = _file_faults(path, duration, rate, promised, is_damaged)
    about = _judged(path, meter, rate, [*faults, *_length_faults(duration, rate)])
    waveform = None if kept is None else _whole(kept, rate, meter)
    return Recording(*about, waveform, meter.levels.chosen())


def _judged(
    path: Path, meter: SignalMeter, rate: int, faults: list[Reason]
) -> tuple[Path, float, tuple[Reason, ...]]:
    """Return path, duration and warnings of a recording that is worth judging.

    Raises:
        AudioError: `empty`, `not_finite`, `too_short` or `silent`.
    """
    levels = meter.levels
    refuse_useless(levels.n_frames, rate, levels.is_finite, path)
    if meter.is_silent:
        raise silence()
    return path, levels.n_frames / rate, (*faults, *meter.faults())


def _whole(blocks: list[NDArray[np.float32]], rate: int, meter: SignalMeter) -> NDArray[np.float32]:
    """Return the waveform of blocks, each (time, channel), at 16 kHz."""
    channel = meter.levels.chosen()
    waveform = np.concatenate([mono(block, channel) for block in blocks])
    return resampled(waveform, rate, SAMPLE_RATE)


def _file_faults(
    path: Path, duration: float, rate: int, promised: int | None, is_damaged: bool
) -> list[Reason]:
    """Return what is wrong with a file whose samples may be all right.

    Args:
        path: The file.
        duration: Length of what was decoded, s.
        rate: Hz.
        promised: Frames that the decoder expected; None when it did not know.
        is_damaged: Whether it could not decode something.
    """
    faults = []
    try:
        missing = missing_audio(path)
    except OSError:
        missing = None  # it could be read a moment ago
    if missing:
        faults.append(Reason("truncated", missing))
    elif is_damaged:
        of = "" if promised is None else f" of {promised / rate:.2f} s"
        faults.append(Reason("damaged", f"only {duration:.2f} s{of} could be decoded"))
    return faults


def _length_faults(duration: float, rate: int) -> list[Reason]:
    """Return what is wrong with a length, s, and a rate, Hz."""
    faults = []
    if duration < SHORT:
        faults.append(Reason("short", f"{duration:.2f} s is little to judge by"))
    if rate < SAMPLE_RATE:
        faults.append(Reason("narrow_band", f"the sample rate is {rate} Hz"))
    return faults
