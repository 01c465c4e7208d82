"""Whether channels hold different speech: two sides of a call, or a microphone for each person."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

UNLIKE = 0.5
"""Correlation of the spectra of two channels over time under which they hold different speech.

Measured on EMO-DB (`benchmarks/channels.py`): one recording on both channels, one of them delayed
by up to 20 ms, with noise at 10 dB, reverberation or a filter, stays over it; two recordings lie
under it, also where one channel is silent while the other speaks."""

MOVING = 9.0
"""dB between the quiet and the loud frames of a channel (10th and 97th percentile) from which it
may be speech. Noise has 2; speech with noise at 10 dB has 12 and more."""

FAINT = 40.0
"""dB under the loudest channel from which a channel is taken for empty."""

LEAST = 1.0
"""s; less says nothing."""

_FRAME = 0.032  # s
_LEAST_RATE = 10_000  # Hz
_EDGES = np.geomspace(150, 3800, 13)  # Hz; 12 bands of the voice
_POWER = (
    0.15  # of power: between the logarithm, ruled by the noise, and power, ruled by a few vowels
)
_CHANNELS = 8  # more are not compared
_LEVELS = 161  # dB, counted in steps of 1 from -160 on


class ChannelSpeech:
    """Compares the channels of a recording, block by block, in constant memory.

    In frames of 32 ms, the power in bands of the voice is taken to the power of 0.15 and correlated
    between channels: at once, and with one frame between them, because delays differ.

    Args:
        channels: How many.
        rate: Hz.
    """

    def __init__(self, channels: int, rate: int) -> None:
        self._n = min(channels, _CHANNELS) if channels > 1 else 0
        # High rates are lowered by averaging, all channels alike, as only the voice is looked at.
        self._step = max(1, rate // _LEAST_RATE)
        rate = rate // self._step
        size = max(16, round(_FRAME * rate))
        self._length = size * self._step
        self._window = np.hanning(size).astype(np.float32)[:, np.newaxis]
        bins = np.searchsorted(np.fft.rfftfreq(size, 1 / rate), _EDGES)
        # Bands that the rate does not hold, or that hold no frequency, are left out.
        self._bands = [slice(a, b) for a, b in pairwise(bins.tolist()) if a < b]
        self._rest = np.zeros((0, self._n), np.float32)
        self._last = np.zeros((len(self._bands), self._n))
        self._n_frames = 0
        self._sum = np.zeros((len(self._bands), self._n))
        self._same, self._next = np.zeros((self._n, self._n)), np.zeros((self._n, self._n))
        self._power = np.zeros(self._n)
        self._counts = np.zeros((self._n, _LEVELS), np.int64)

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, (frame, channel). Where they are cut makes no difference."""
        if not self._n or not self._bands:
            return
        samples = np.concatenate([self._rest, samples[:, : self._n]])
        n_whole = len(samples) // self._length * self._length
        self._rest = samples[n_whole:].copy()
        if n_whole:
            with np.errstate(all="ignore"):  # samples that are not numbers are refused by name
                samples = samples[:n_whole]
                lowered = samples[:: self._step].copy()
                for k in range(1, self._step):
                    lowered += samples[k :: self._step]
                self._add(lowered.reshape(-1, len(self._window), self._n) / self._step)

    def _add(self, frames: NDArray[np.float32]) -> None:
        """Take frames, (frame, time, channel)."""
        spectra = np.fft.rfft(frames * self._window, axis=1)
        power = spectra.real.astype(np.float64) ** 2 + spectra.imag.astype(np.float64) ** 2
        power /= float(self._window.sum()) ** 2
        bands = np.stack([power[:, band].sum(axis=1) for band in self._bands], axis=1)
        total = bands.sum(axis=1)  # (frame, channel)
        self._power += total.sum(axis=0)
        levels = np.nan_to_num(10 * np.log10(total + 1e-16), nan=0.0)
        steps = np.clip(levels + 160, 0, _LEVELS - 1).astype(np.int64)
        for channel in range(self._n):
            self._counts[channel] += np.bincount(steps[:, channel], minlength=_LEVELS)
        bands **= _POWER
        before = np.concatenate([self._last[np.newaxis], bands[:-1]])
        self._last = bands[-1]
        self._n_frames += len(bands)
        self._sum += bands.sum(axis=0)
        self._same += np.einsum("tbc,tbd->cd", bands, bands)
        self._next += np.einsum("tbc,tbd->cd", bands, before)

    def unlike(self) -> tuple[int, int, float] | None:
        """Return two channels with different speech and their correlation, -1 to 1.

        Of several the least alike; channels are counted from 0. None where there are none.
        """
        if self._n_frames * _FRAME < LEAST or not self._n:
            return None
        with np.errstate(all="ignore"):
            mean = self._sum / self._n_frames
            means = self._n_frames * np.einsum("bc,bd->cd", mean, mean)
            shifted = np.maximum(self._next, self._next.T) - means
            covariance = np.maximum(self._same - means, shifted)
            scale = np.sqrt(np.diag(self._same - means))
            alike = covariance / (scale[:, np.newaxis] * scale)
        spoken = [k for k in range(self._n) if self._may_be_speech(k)]
        pairs = [(float(alike[a, b]), a, b) for a in spoken for b in spoken if a < b]
        found, a, b = min(pairs, default=(1.0, 0, 0))
        return (a, b, found) if found < UNLIKE else None

    def _may_be_speech(self, channel: int) -> bool:
        """Whether a channel is neither empty nor steady."""
        loudest = self._power.max()
        if not self._power[channel] > loudest * 10 ** (-FAINT / 10):
            return False
        shares = np.cumsum(self._counts[channel]) / self._n_frames
        low, high = np.searchsorted(shares, [0.1, 0.97])
        return bool(high - low >= MOVING)
