"""Sounds without speech that are made up: what packages hold few or none of."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Wave = NDArray[np.float64]
Random = np.random.Generator

SECONDS = 5.0


def band_noise(n: int, low: float, high: float, random: Random) -> Wave:
    """Return noise between two frequencies in Hz, (n,)."""
    spectrum = np.fft.rfft(random.standard_normal(n))
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    wave = np.fft.irfft(spectrum, n)
    return wave / (wave.std() + 1e-9)


def tone(frequency: Wave, n_harmonics: int = 1, fall: float = 1.0) -> Wave:
    """Return a tone of a frequency that may change, Hz, (n,), with harmonics under 7 kHz."""
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    wave = np.zeros(len(frequency))
    for k in range(1, n_harmonics + 1):
        wave += np.where(k * frequency < 7000, np.sin(k * phase), 0) / k**fall
    return wave


def decay(n: int, seconds: float) -> Wave:
    """Return what falls to 1/e in some seconds, (n,)."""
    return np.exp(-np.arange(n) / RATE / seconds)


def _put(wave: Wave, part: Wave, at: float) -> None:
    """Add a part to a wave, at some seconds."""
    start = round(at * RATE)
    part = part[: max(0, len(wave) - start)]
    wave[start : start + len(part)] += part


def _empty() -> Wave:
    return np.zeros(round(SECONDS * RATE))


def keyboard(random: Random) -> Wave:
    """Return typing: clicks of press and release, 3 to 9 keys a second."""
    wave, at, speed = _empty(), 0.1, random.uniform(3, 9)
    body = random.uniform(600, 2500)
    while at < SECONDS - 0.2:
        for delay, level in ((0.0, 1.0), (random.uniform(0.05, 0.1), 0.5)):
            n = round(0.04 * RATE)
            high = body * random.uniform(1.5, 3)
            click = band_noise(n, body * random.uniform(0.5, 1), high, random)
            _put(wave, click * decay(n, random.uniform(0.002, 0.01)) * level, at + delay)
        at += random.gamma(4, 1 / (4 * speed)) + (random.random() < 0.1) * 0.5
    return wave + 0.003 * random.standard_normal(len(wave))


def applause(random: Random) -> Wave:
    """Return claps of 5 to 100 people."""
    wave = _empty()
    for _ in range(int(random.integers(5, 100))):
        period, at = random.uniform(0.18, 0.35), random.uniform(0, 0.5)
        centre, level = random.uniform(700, 2500), random.uniform(0.2, 1)
        n = round(0.03 * RATE)
        while at < SECONDS:
            clap = band_noise(n, centre * 0.6, centre * 1.8, random)
            _put(wave, level * clap * decay(n, 0.006), at)
            at += period * random.uniform(0.85, 1.15)
    return wave


def rain(random: Random) -> Wave:
    """Return rain: noise that swells a little, and drops."""
    n = len(_empty())
    wave = band_noise(n, random.uniform(300, 1500), 7500, random)
    wave *= 1 + 0.3 * band_noise(n, 0.2, 2, random)
    for at in random.uniform(0, SECONDS, int(random.integers(20, 400))):
        size = round(0.01 * RATE)
        drop = tone(np.full(size, random.uniform(1500, 6000))) * decay(size, 0.003)
        _put(wave, random.uniform(0.5, 4) * drop, at)
    return wave


def engine(random: Random) -> Wave:
    """Return an engine whose speed goes up and down."""
    n = len(_empty())
    time = np.arange(n) / RATE
    speed = random.uniform(30, 90) * (1 + 0.5 * np.sin(2 * np.pi * random.uniform(0.1, 0.6) * time))
    wave = tone(speed, 40, 0.8) * (1 + 0.5 * tone(speed / 2))
    return wave + random.uniform(0.1, 0.8) * band_noise(n, 100, 3000, random)


def birdsong(random: Random) -> Wave:
    """Return a bird: phrases of chirps and trills over 2 kHz."""
    wave, at = _empty(), 0.1
    while at < SECONDS - 0.5:
        base, turn = random.uniform(2000, 5500), random.uniform(-1500, 1500)
        length, repeats = random.uniform(0.03, 0.25), int(random.integers(1, 8))
        for _ in range(repeats):
            n = round(length * RATE)
            bend = base + turn * np.sin(np.linspace(0, random.uniform(1, 6), n))
            _put(wave, tone(bend, 2) * np.hanning(n), at)
            at += length * random.uniform(1.1, 2)
        at += random.uniform(0.1, 0.8)
    return wave + random.uniform(0.001, 0.03) * band_noise(len(wave), 100, 6000, random)


def barking(random: Random) -> Wave:
    """Return a dog: barks of 0.1 to 0.25 s, rough, falling in pitch."""
    wave, at = _empty(), 0.2
    pitch, throat = random.uniform(250, 800), random.uniform(600, 1800)
    while at < SECONDS - 0.4:
        for _ in range(int(random.integers(1, 4))):
            n = round(random.uniform(0.1, 0.25) * RATE)
            fall = pitch * np.linspace(1.2, 0.7, n) * random.uniform(0.9, 1.1)
            bark = tone(fall, 12, 0.7) + 1.5 * band_noise(n, throat * 0.5, throat * 2, random)
            _put(wave, bark * np.hanning(n) ** 0.5 * decay(n, 0.08), at)
            at += random.uniform(0.25, 0.5)
        at += random.uniform(0.3, 1)
    return wave + 0.01 * band_noise(len(wave), 50, 4000, random)


def siren(random: Random) -> Wave:
    """Return a siren: wailing, yelping or of two tones, in some traffic."""
    n = len(_empty())
    time = np.arange(n) / RATE
    rate, low = random.choice([0.2, 0.5, 1.0, 3.0]), random.uniform(350, 800)
    swing = np.sin(2 * np.pi * rate * time)
    if random.random() < 0.4:
        swing = np.sign(swing)
    wave = tone(low * (1.5 + 0.5 * swing), int(random.integers(1, 8)))
    return wave + random.uniform(0.02, 0.5) * band_noise(n, 50, 1500, random)


def beeping(random: Random) -> Wave:
    """Return an alarm clock or a ringing telephone."""
    wave, at = _empty(), 0.1
    pitch, on, off = random.uniform(600, 3000), random.uniform(0.05, 0.4), random.uniform(0.05, 0.5)
    while at < SECONDS - 0.5:
        for _ in range(int(random.integers(1, 5))):
            n = round(on * RATE)
            step = pitch * (1 + 0.25 * (random.random() < 0.3))
            _put(wave, tone(np.full(n, step), int(random.integers(1, 5))), at)
            at += on * 1.5
        at += off
    return wave


def laughter(random: Random) -> Wave:
    """Return laughing: bouts of breathy vowels at 3 to 6 a second, each higher than the next."""
    wave, at = _empty(), 0.1
    pitch = random.uniform(150, 500)
    throat = random.uniform(600, 900), random.uniform(1100, 1600), random.uniform(2300, 3000)
    while at < SECONDS - 0.8:
        rate, height, level = random.uniform(3.5, 6), pitch * random.uniform(0.9, 1.8), 1.0
        for _ in range(int(random.integers(3, 10))):
            n = round(0.6 / rate * RATE)
            voice = tone(height * np.linspace(1.1, 0.85, n), 20, 0.5)
            voice += random.uniform(0.2, 1.5) * random.standard_normal(n)
            spectrum = np.fft.rfft(voice)
            frequency = np.fft.rfftfreq(n, 1 / RATE)
            shape = sum(
                np.exp(-(((frequency - f) / 180) ** 2)) / (k + 1) for k, f in enumerate(throat)
            )
            vowel = np.fft.irfft(spectrum * (shape + 0.01), n) * np.hanning(n)
            breath = band_noise(n, 800, 4000, random) * np.hanning(n) * 0.05
            _put(wave, level * vowel / (np.abs(vowel).max() + 1e-9) + breath * 0.5, at)
            at += 1 / rate
            height *= random.uniform(0.9, 1.0)
            level *= random.uniform(0.8, 1.0)
        at += random.uniform(0.2, 0.9)
    return wave + 0.003 * random.standard_normal(len(wave))


def melody(random: Random) -> Wave:
    """Return plucked or blown notes of a scale, with chords under some."""
    wave, at = _empty(), 0.05
    scale = 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    root, beat = random.uniform(110, 440), random.uniform(0.15, 0.5)
    plucked, n_harmonics = random.random() < 0.5, int(random.integers(2, 12))
    while at < SECONDS - 0.2:
        n = round(beat * random.choice([1, 1, 2]) * RATE)
        for _ in range(int(random.choice([1, 1, 3]))):
            note = tone(np.full(n, root * random.choice(scale)), n_harmonics)
            _put(wave, note * (decay(n, 0.2) if plucked else np.hanning(n) ** 0.3), at)
        at += n / RATE
    return wave


def drums(random: Random) -> Wave:
    """Return a rhythm of drum, snare and cymbal."""
    wave, beat = _empty(), random.uniform(0.12, 0.3)
    pattern = random.random((3, 8)) < [[0.4], [0.3], [0.7]]
    for step in range(int(SECONDS / beat)):
        n = round(0.2 * RATE)
        sounds = (
            tone(90 * decay(n, 0.1) + 40) * decay(n, 0.08) * 2,
            band_noise(n, 200, 5000, random) * decay(n, 0.05),
            band_noise(n, 4000, 7900, random) * decay(n, 0.02) * 0.5,
        )
        for sound, plays in zip(sounds, pattern[:, step % 8], strict=True):
            if plays:
                _put(wave, sound, step * beat)
    return wave


SYNTHESISED: dict[str, tuple[str, Callable[[Random], Wave]]] = {
    "keyboard": ("keyboard", keyboard),
    "applause": ("crowd", applause),
    "rain": ("weather", rain),
    "engine": ("traffic", engine),
    "birdsong": ("animals", birdsong),
    "barking": ("animals", barking),
    "siren": ("alarms", siren),
    "beeping": ("alarms", beeping),
    "laughter": ("laughter", laughter),
    "melody": ("music", melody),
    "drums": ("music", drums),
}
"""Name to kind of sound, and what makes one."""
