"""Several channels to one: their mean, or the loudest where they cancel one another out."""

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e30
"""Times full scale; samples beyond it cannot be worked with."""

CANCELLING = 0.01
"""Channels that do not resemble one another keep a share of 1 / channels of their mean power when
they are averaged. With less than this part of it they are taken for copies of opposite sign."""


class ChannelLevels:
    """What decides how channels become one; sums over blocks.

    Args:
        channels: How many.

    Attributes:
        n_frames: How many were seen.
        low, high: Least and greatest sample of each channel and, last, of their mean, full scale
            being 1; (channel + 1,), (1,) of a single channel.
        total: Sums, the same way.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        size = channels + 1 if channels > 1 else 1
        self.n_frames = 0
        self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
        self.total, self._squares = np.zeros(size), np.zeros(size)

    def add(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Take the next samples, (frame, channel), one or more; return their own `low`, `high`."""
        if self.channels > 1:
            samples = np.concatenate([samples, averaged(samples)[:, np.newaxis]], axis=1)
        self.n_frames += len(samples)
        with np.errstate(all="ignore"):  # infinite samples are refused later, by name
            low, high = samples.min(axis=0), samples.max(axis=0)
            self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
            self.total += samples.sum(axis=0, dtype=np.float64)
            if self.channels > 1:
                self._squares += np.einsum("fc,fc->c", samples, samples, dtype=np.float64)
        return low, high

    @property
    def is_finite(self) -> bool:
        """Whether all samples are numbers that can be worked with."""
        # A sum keeps NaN; extremes keep infinities of both signs. Filters overflow near the
        # greatest number of single precision.
        largest = max(float(np.abs(self.low).max()), float(np.abs(self.high).max()))
        return bool(np.isfinite(self.total).all()) and not largest > LARGEST

    def chosen(self) -> int | None:
        """Return the loudest channel where channels cancel one another out; None elsewhere.

        None too where samples are not numbers, since these have no power.
        """
        if self.channels == 1 or not self.n_frames or not self.is_finite:
            return None
        power = self._squares / self.n_frames - (self.total / self.n_frames) ** 2
        if power[-1] * self.channels >= CANCELLING * power[:-1].mean() or power.max() <= 0:
            return None
        return int(power[:-1].argmax())

    def spread(self) -> float:
        """Return how far, of full scale, any sample that counts is from the mean."""
        at = self.chosen()
        at = -1 if at is None else at
        mean = self.total[at] / max(1, self.n_frames)
        return float(max(self.high[at] - mean, mean - self.low[at]))


def averaged(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average channels, (frame, channel) to (frame,)."""
    # Infinite samples are refused later, by name; numpy need not warn of them here.
    with np.errstate(all="ignore"):
        return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def mono(samples: NDArray[np.float32], channel: int | None) -> NDArray[np.float32]:
    """Make one channel of several: the mean, or the one that `ChannelLevels` chose.

    Shape:
        samples (frame, channel) to (frame,).
    """
    return averaged(samples) if channel is None else samples[:, channel]
