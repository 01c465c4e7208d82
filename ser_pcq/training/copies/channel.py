"""The same speech through another channel: microphone, room, noise, telephone, level.

What a channel does to a recording must not look like an emotion. Corpora differ in their channels
as much as in their speakers, so that a model of few corpora takes the one for the other. Every
value is drawn, for each copy anew.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE

Samples = NDArray[np.floating[Any]]

BANDS = (60.0, 150.0, 350.0, 800.0, 1800.0, 3500.0, 7000.0)  # Hz
EQUALISER = 8.0
"""dB by which each of the bands is raised or lowered at most; between them the gain is linear over
the logarithm of the frequency."""

REVERBERATION = (0.15, 0.8)
"""s until a room has died away by 60 dB."""
DIRECT = (-2.0, 12.0)
"""dB of the direct sound over the reverberation."""

SNR = (8.0, 35.0)
"""dB of speech over noise."""
COLOUR = (0.0, 1.0)
"""Exponent with which the amplitude of noise falls with frequency: 0 is white, 0.5 pink, 1 red."""

LEVEL = (-30.0, 0.0)
"""dB of full scale, of the highest peak."""

ROOMS, NOISES, TELEPHONES = 0.35, 0.75, 0.2
"""Shares of the copies that have each of them."""


def through_a_channel(
    waveform: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """Return a copy of a recording as another microphone, room or line would have given it.

    Args:
        waveform: (time,) at 16 kHz.
        random: What all values are drawn from.

    Returns:
        (time,), of the same length.
    """
    heard: Samples = equalised(
        waveform.astype(np.float64), random.uniform(-EQUALISER, EQUALISER, 7)
    )
    if random.random() < ROOMS:
        heard = in_a_room(heard, random)
    if random.random() < NOISES:
        heard = with_noise(heard, random.uniform(*SNR), random.uniform(*COLOUR), random)
    if random.random() < TELEPHONES:
        heard = by_telephone(heard, random.uniform(150, 350), random.uniform(3200, 3600))
    peak = np.abs(heard).max(initial=0.0)
    level = 10.0 ** (random.uniform(*LEVEL) / 20)
    return (heard * (level / peak) if peak > 0 else heard).astype(np.float32)


def equalised(waveform: Samples, gains: Samples) -> Samples:
    """Raise and lower frequencies, without delay.

    Args:
        waveform: (time,).
        gains: At the frequencies of `BANDS`, in dB.
    """
    spectrum = np.fft.rfft(waveform)
    frequency = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE).clip(BANDS[0] / 2)
    gain = np.interp(np.log2(frequency), np.log2(BANDS), gains)
    changed: Samples = np.fft.irfft(spectrum * 10 ** (gain / 20), len(waveform))
    return changed


def in_a_room(waveform: Samples, random: np.random.Generator) -> Samples:
    """Add the reverberation of a drawn room: noise that dies away, after the direct sound."""
    from scipy.signal import fftconvolve

    seconds = np.exp(random.uniform(*np.log(REVERBERATION)))
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[: int(0.002 * SAMPLE_RATE)] = 0.0  # no wall is nearer than that
    direct = 10 ** (random.uniform(*DIRECT) / 10)
    tail /= np.sqrt((tail**2).sum() * direct)
    tail[0] = 1.0
    heard: Samples = fftconvolve(waveform, tail)[: len(waveform)]
    return heard


def with_noise(
    waveform: Samples, snr: float, colour: float, random: np.random.Generator
) -> Samples:
    """Add steady noise.

    Args:
        waveform: (time,).
        snr: Mean power of the recording over that of the noise, in dB.
        colour: Exponent with which its amplitude falls with frequency.
        random: What it is drawn from.
    """
    spectrum = np.fft.rfft(random.standard_normal(len(waveform)))
    frequency = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE).clip(20.0)
    noise = np.fft.irfft(spectrum * frequency**-colour, len(waveform))
    power = (waveform**2).mean() / max((noise**2).mean(), 1e-30)
    louder: Samples = waveform + noise * np.sqrt(power / 10 ** (snr / 10))
    return louder


def by_telephone(waveform: Samples, low: float, high: float) -> Samples:
    """Let through a band from `low` to `high` Hz, in 8 bits of the mu-law (ITU-T G.711)."""
    from scipy.signal import butter, sosfilt

    band = butter(4, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos")
    heard = sosfilt(band, waveform)
    peak = np.abs(heard).max(initial=0.0) or 1.0
    compressed = np.log1p(255 * np.abs(heard / peak)) / np.log(256)
    steps = np.round(127 * compressed) / 127
    expanded: Samples = peak * np.sign(heard) * np.expm1(steps * np.log(256)) / 255
    return expanded
