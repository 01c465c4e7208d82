"""Whether a recording is a steady sound: noise, hum or a tone, to which no emotion belongs."""

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio import SAMPLE_RATE
from ser_pcq.speech import band_levels

SPREAD = 3.0
"""dB; see `SteadyMeter`."""

_PIECE = 1024  # samples of a frame, 64 ms: short ones would see the periods of hum
_STRETCH = 5 * SAMPLE_RATE // (_PIECE // 2)  # frames


class SteadyMeter:
    """Tells, block by block, whether a whole recording is steady: then it holds no speech.

    It is where in every stretch of it (of 5 s, the last one up to 10 s) the levels of its frames of
    64 ms, from 150 to 4000 Hz, lie within `SPREAD` (5th to 95th percentile). Measured at lengths of
    0.5 to 10 s, at any level: white noise up to 1.9 dB, pink noise 2.3, tones 0.0, the bare 50 Hz
    of the mains 2.8, hum with harmonics 0.1. The recordings of EMO-DB: from 21.8 dB on, half of
    them over 47; with as much white noise as speech added (0 dB) still from 4.1 on. Sounds that
    beat or swell are not steady, and speech is not proved.
    """

    def __init__(self) -> None:
        self._n_samples = 0
        self._rest = np.zeros(0, np.float32)
        self._levels = np.zeros(0)  # of the last stretch
        self._has_changed = False

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, (time,) at 16 kHz. Where they are cut makes no difference."""
        self._n_samples += len(samples)
        if self._has_changed:
            return
        hop = _PIECE // 2
        samples = np.concatenate([self._rest, samples]) if self._rest.size else samples
        n_frames = max(0, (len(samples) - _PIECE) // hop + 1)
        for first in range(0, n_frames, _STRETCH):
            part = samples[first * hop : min(first + _STRETCH, n_frames) * hop + hop]
            frames = np.lib.stride_tricks.sliding_window_view(part, _PIECE)[::hop]
            self._levels = np.concatenate([self._levels, band_levels(frames)])
            if len(self._levels) >= 2 * _STRETCH:
                self._has_changed |= _spread(self._levels[:_STRETCH]) >= SPREAD
                self._levels = self._levels[_STRETCH:]
        self._rest = samples[n_frames * hop :].copy()

    @property
    def is_steady(self) -> bool:
        """Whether it is. Under 0.5 s nothing can be told, and the answer is no."""
        if self._has_changed or self._n_samples < SAMPLE_RATE // 2:
            return False
        return _spread(self._levels) < SPREAD


def _spread(levels: NDArray[np.float64]) -> float:
    """Return the distance of the 5th and 95th percentile, dB."""
    low, high = np.percentile(levels, [5, 95])
    return float(high - low)
