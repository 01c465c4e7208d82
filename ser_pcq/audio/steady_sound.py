"""Whether a recording is a steady sound: noise, hum or a tone, to which no emotion belongs."""

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import band_levels
from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import AudioError

STEADY = "this is a steady sound such as noise, hum or a tone, and no speech"

SPREAD = 3.0
"""dB; see `SteadyMeter`."""

_PIECE = 1024  # samples of a frame, 64 ms: short ones would see the periods of hum
_HOP = _PIECE // 2
_STRETCH = 2 * SAMPLE_RATE // _HOP * _HOP
_COARSE = 4  # every fourth frame is looked at first


class SteadyMeter:
    """Finds out, block by block, whether a whole recording is steady: then it holds no speech.

    A recording is steady where in every stretch of it (of 2 s, the last one up to 4 s) the levels
    of its frames of 64 ms, from 150 to 4000 Hz, lie within `SPREAD` (5th to 95th percentile). Of
    1500 stretches of 2 and of 4 s, white noise reaches 1.7 dB at most and pink noise 2.6 (once 3.2
    in half a second); tones have 0.0, the bare 50 Hz of the mains 2.8, hum with harmonics 0.1. The
    widest stretch of each recording of EMO-DB: from 21.8 dB on, half of them over 47. Sounds that
    beat or swell are not steady, and speech is not proved.
    """

    def __init__(self) -> None:
        self._n_samples = 0
        self._parts: list[NDArray[np.float32]] = []  # the samples of the last stretch
        self._n_waiting = 0
        self._has_changed = False

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, (time,) at 16 kHz. Where they are cut makes no difference."""
        self._n_samples += len(samples)
        if self._has_changed:
            return
        self._parts.append(samples)
        self._n_waiting += len(samples)
        if self._n_waiting < 2 * _STRETCH:
            return
        waiting = np.concatenate(self._parts)
        while len(waiting) >= 2 * _STRETCH and not self._has_changed:
            self._has_changed = _changes(waiting[: _STRETCH + _HOP])
            waiting = waiting[_STRETCH:]
        self._parts, self._n_waiting = [waiting.copy()], len(waiting)

    @property
    def is_steady(self) -> bool:
        """Whether the recording is steady. Under 0.5 s it cannot be known, and the answer is no."""
        if self._has_changed or self._n_samples < SAMPLE_RATE // 2:
            return False
        return not _changes(np.concatenate(self._parts))


def _changes(samples: NDArray[np.float32]) -> bool:
    """Return whether the level of a stretch, (time,), changes."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _PIECE)[::_HOP]
    # Where enough of a few frames differ, enough of all of them do: most speech ends here.
    few = np.sort(band_levels(frames[::_COARSE]))
    outside = int(np.ceil(0.05 * len(frames)))
    if len(few) > 2 * outside and few[-1 - outside] - few[outside] >= SPREAD:
        return True
    low, high = np.percentile(band_levels(frames), [5, 95])
    return bool(high - low >= SPREAD)


def refuse_steady(samples: NDArray[np.float32]) -> None:
    """Refuse noise, hum and tones, (time,): a model would name an emotion even for them.

    Raises:
        AudioError: With the reason `no_speech`.
    """
    meter = SteadyMeter()
    meter.add(samples)
    if meter.is_steady:
        raise no_speech(STEADY)


def no_speech(wrong: str) -> AudioError:
    """Return the refusal of a recording without speech."""
    return AudioError("no_speech", wrong, do="check the recording")
