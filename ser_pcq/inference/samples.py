"""Samples in memory: arrays of any kind to a recording, scaled and the right way round.

NumPy arrays, tensors and lists of numbers are taken. Nothing of PyTorch is imported: a tensor is
told by its methods.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.channels import mono
from ser_pcq.audio.decoder import BLOCK, refuse_rate
from ser_pcq.audio.signal_faults import SignalMeter
from ser_pcq.audio.waveform import SAMPLE_RATE, resampled_blocks
from ser_pcq.errors import AudioError, Reason, SerError
from ser_pcq.inference.prediction import Status
from ser_pcq.inference.recording import (
    LONGEST_WHOLE,
    Recording,
    Refusal,
    length_faults,
    refuse_channel,
    whole_waveform,
    worth_judging,
)

MOST_ROWS = 8
"""As many rows are taken for channels, (channel, time); more are probably recordings."""

MOST_COLUMNS = 64
"""As many columns are taken for channels, (time, channel)."""

_DEPTHS = (16, 24, 32)  # bits that 64-bit integers are taken to hold
_ACCEPTED = "numbers, (time,), (time, channel) or (channel, time)"


@dataclass(frozen=True)
class Samples:
    """Samples that are in memory.

    Attributes:
        values: (time, channel), 1.0 being full scale.
        rate: Hz.
        path: The name that they get.
    """

    values: NDArray[np.float32]
    rate: int
    path: Path

    @property
    def n_channels(self) -> int:
        """How many channels there are."""
        return int(self.values.shape[1])


def as_samples(samples: Any, rate: Any, path: Path) -> Samples:
    """Take an array, a tensor or a list of numbers.

    Floating point has 1.0 as full scale. Integers are scaled by the range of their type, and
    unsigned ones have their zero in the middle. Integers of 64 bits are scaled by 16, 24 or 32
    bits, the first of them that holds all values. Of two axes the shorter is that of the channels.

    Args:
        samples: (time,), (time, channel) with up to 64 channels, or (channel, time) with up to 8.
        rate: Hz.
        path: The name that they get.

    Raises:
        SerError: When the array is of another kind, its axes cannot be told apart, or the rate is
            missing or impossible.
    """
    array = _array(samples)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or 0 in array.shape[1:]:
        raise SerError(
            "this is not an array of samples",
            given=f"an array of {array.dtype}, {array.shape}",
            accepted=_ACCEPTED,
        )
    return Samples(_scaled(_time_first(array)), _checked_rate(rate), path)


def _checked_rate(rate: Any) -> int:
    """Return a sample rate, Hz.

    Raises:
        SerError: When it is missing, no number or impossible.
    """
    if rate is None:
        raise SerError(
            "samples need a sample rate",
            do="give sample_rate in Hz, or a pair (samples, sample rate)",
        )
    if not isinstance(rate, Real) or isinstance(rate, bool):
        raise SerError(
            "the sample rate is not a number", given=repr(rate), accepted="Hz, 16000 for example"
        )
    hertz = float(rate)
    refuse_rate(hertz)
    if not hertz.is_integer():
        raise SerError("the sample rate is not a whole number", given=f"{rate} Hz")
    return int(hertz)


def _array(samples: Any) -> NDArray[Any]:
    """Return an array of what may be a tensor, or a list of numbers.

    Raises:
        SerError: When it cannot be one.
    """
    try:
        if hasattr(samples, "detach"):  # a tensor of PyTorch, perhaps on a GPU or with a gradient
            samples = samples.detach().cpu()
            if "bfloat16" in str(samples.dtype):  # NumPy does not know it
                samples = samples.float()
        return np.asarray(samples)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SerError(
            "this is not an array of samples",
            given=f"{type(samples).__name__} ({error})",
            accepted=_ACCEPTED,
        ) from error


def _time_first(array: NDArray[Any]) -> NDArray[Any]:
    """Return samples as (time, channel).

    Raises:
        SerError: When the axes cannot be told apart.
    """
    if array.ndim == 1:
        return array[:, np.newaxis]
    rows, columns = array.shape
    if rows == 0 or (columns < rows and columns <= MOST_COLUMNS) or rows == columns == 1:
        return array
    if rows < columns and rows <= MOST_ROWS:
        return array.T
    raise SerError(
        "it cannot be told which axis is time and which is channels",
        given=f"an array of shape {array.shape}",
        accepted=f"(time, channel) with up to {MOST_COLUMNS} channels, "
        f"or (channel, time) with up to {MOST_ROWS}",
        do="transpose it, or give recordings one by one in a list to predict_all",
    )


def _scaled(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples with 1.0 as full scale, (time, channel).

    Raises:
        SerError: For 64-bit integers that 32 bits do not hold.
    """
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if kind == "f":
        with np.errstate(all="ignore"):  # what becomes infinite is refused by name
            return array.astype(np.float32)
    if bits == 64:
        lowest, highest = (int(array.min()), int(array.max())) if array.size else (0, 0)
        fitting = [n for n in _DEPTHS if -(2 ** (n - 1)) <= lowest and highest < 2 ** (n - 1)]
        if not fitting:
            raise SerError(
                "64-bit integers have no full scale, and these are not of 16, 24 or 32 bits",
                given=f"values from {lowest} to {highest}",
                do="scale them to floating point, 1.0 being full scale",
            )
        bits, kind = fitting[0], "i"
    scaled = array / 2.0 ** (bits - 1) - (1.0 if kind == "u" else 0.0)
    return scaled.astype(np.float32)


class _InMemory(Recording):
    """A long recording that is in memory: (time, channel) at its own rate."""

    def __init__(
        self,
        path: Path,
        duration: float,
        warnings: tuple[Reason, ...],
        chosen: int | None,
        channel: int | None,
        *,
        samples: Samples,
    ) -> None:
        super().__init__(path, duration, warnings, None, chosen, channel)
        self._samples = samples

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield it in parts."""
        parts = (mono(block, self._chosen) for block in _cut(self._samples.values))
        yield from resampled_blocks(parts, self._samples.rate, SAMPLE_RATE)


def _cut(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Cut samples, (time, channel), as a decoder gives them out."""
    for first in range(0, len(samples), BLOCK):
        yield samples[first : first + BLOCK]


def hear_samples(samples: Samples, channel: int | None = None) -> Recording | Refusal:
    """Look at samples as `hear` looks at a file.

    Args:
        samples: What to look at.
        channel: The only one that is looked at, from 1; None to mix all.
    """
    path, rate, values = samples.path, samples.rate, samples.values
    try:
        if channel is not None:
            refuse_channel(channel, samples.n_channels, path)
            values = values[:, channel - 1 : channel]
        meter = SignalMeter(values.shape[1], rate)
        for block in _cut(values):
            meter.add(block)
        about = worth_judging(path, meter, rate, length_faults(len(values) / rate, rate))
    except AudioError as error:
        return Refusal(path, Status.REJECTED, error.reason, channel)
    chosen = meter.levels.chosen()
    if len(values) > LONGEST_WHOLE * rate:
        return _InMemory(*about, chosen, channel, samples=samples)
    return Recording(*about, whole_waveform([values], rate, meter), chosen, channel)
