"""Speech and other sounds as they come elsewhere: over telephones, in rooms, over music, cut."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE

Wave = NDArray[np.float32]


def telephone(wave: Wave, random: np.random.Generator) -> Wave:
    """Keep 300 to 3400 Hz or so, (time,) to the same."""
    spectrum = np.fft.rfft(wave)
    frequency = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    low, high = random.uniform(100, 400), random.uniform(3000, 4000)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(wave)), np.float32)


def room(wave: Wave, random: np.random.Generator) -> Wave:
    """Add a diffuse tail, (time,) to the same."""
    seconds = random.uniform(0.2, 0.9)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = random.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    response[0] = random.uniform(5, 20)
    size = len(wave) + len(response)
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(wave)], np.float32)


def over(wave: Wave, other: Wave, decibel: float) -> Wave:
    """Add another sound, so many dB under the first; (time,) to the same."""
    repeated = np.resize(other, len(wave))
    power = float(np.mean(wave**2)) / (float(np.mean(repeated**2)) + 1e-12)
    return np.asarray(wave + repeated * np.sqrt(power / 10 ** (decibel / 10)), np.float32)


def cut(wave: Wave, random: np.random.Generator) -> Wave:
    """Return the loudest of three pieces of 1 to 4 s."""
    length = min(len(wave), round(random.uniform(1, 4) * SAMPLE_RATE))
    starts = random.integers(0, len(wave) - length + 1, 3)
    return max(
        (wave[at : at + length] for at in starts), key=lambda piece: float(np.abs(piece).sum())
    )


def variants(
    wave: Wave, random: np.random.Generator, sounds: Sequence[Wave] = ()
) -> Iterator[Wave]:
    """Yield a recording and three variants of it.

    Args:
        wave: (time,) at 16 kHz.
        random: What draws.
        sounds: What speech may be heard over; none for a sound.
    """
    yield wave
    yield cut(wave, random)
    yield (telephone if random.random() < 0.5 else room)(wave, random)
    if sounds:
        yield over(wave, sounds[int(random.integers(len(sounds)))], random.uniform(0, 15))
    else:
        noise = random.standard_normal(len(wave)).astype(np.float32)
        yield over(wave, noise, random.uniform(5, 30))
