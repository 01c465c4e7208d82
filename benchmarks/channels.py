"""How well it is noticed that two channels hold different speech.

Pairs of recordings on two channels, which should be noticed, and one recording on both, changed on
one of them, which should not:

    python benchmarks/channels.py path/to/emodb/wav

Prints for each kind how many of `--pairs` pairs are taken for different speech, and what comparing
costs for a second of stereo.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_pcq.audio.channel_speech import ChannelSpeech
from ser_pcq.audio.channels import ChannelLevels

RATE = 16_000
Wave = NDArray[np.float64]


def differs(a: Wave, b: Wave) -> bool:
    """Whether two channels, (time,), cut to the shorter one, are taken for different speech."""
    n = min(len(a), len(b))
    meter = ChannelSpeech(2, RATE)
    meter.add(np.stack([a[:n], b[:n]], axis=1).astype(np.float32))
    return meter.unlike() is not None


def noisy(wave: Wave, snr: float, random: np.random.Generator) -> Wave:
    """Add white noise, at `snr` dB under the wave."""
    power = np.mean(wave**2) / 10 ** (snr / 10)
    return wave + np.sqrt(power) * random.standard_normal(len(wave))


def reverberant(wave: Wave, seconds: float, random: np.random.Generator) -> Wave:
    """Add a diffuse tail that falls by 60 dB in `seconds`, and is louder than the direct sound."""
    times = np.arange(int(seconds * RATE)) / RATE
    response = random.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    response[0] = 6.0
    size = len(wave) + len(response)
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(wave)]


def band(wave: Wave, low: float, high: float) -> Wave:
    """Keep the frequencies between two, Hz, as lossy codecs and telephones do."""
    spectrum = np.fft.rfft(wave)
    frequency = np.fft.rfftfreq(len(wave), 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return np.fft.irfft(spectrum, len(wave))


def delayed(wave: Wave, random: np.random.Generator) -> Wave:
    """Delay by up to 20 ms."""
    n = int(random.integers(1, RATE // 50))
    return np.concatenate([np.zeros(n), wave])


SAME: dict[str, Callable[[Wave, np.random.Generator], Wave]] = {
    "20 dB quieter": lambda wave, _: 0.1 * wave,
    "of opposite sign": lambda wave, _: -wave,
    "delayed by up to 20 ms": delayed,
    "with noise at 10 dB": lambda wave, random: noisy(wave, 10, random),
    "with noise at 5 dB": lambda wave, random: noisy(wave, 5, random),
    "in a room of 0.6 s": lambda wave, random: reverberant(wave, 0.6, random),
    "only 300 to 3400 Hz": lambda wave, _: band(wave, 300, 3400),
    "only to 1000 Hz": lambda wave, _: band(wave, 0, 1000),
    "delayed, in a room, with noise": lambda wave, random: noisy(
        reverberant(delayed(wave, random)[: len(wave)], 0.6, random), 10, random
    ),
    "silent": lambda wave, _: 0 * wave,
    "only noise": lambda wave, random: 0.01 * random.standard_normal(len(wave)),
}
"""What is done to the second channel of one recording."""


def _leaking(a: Wave, b: Wave, share: float) -> tuple[Wave, Wave]:
    n = min(len(a), len(b))
    return a[:n] + share * b[:n], b[:n] + share * a[:n]


def _in_turn(a: Wave, b: Wave, share: float) -> tuple[Wave, Wave]:
    return np.concatenate([a, share * b]), np.concatenate([share * a, b])


DIFFERENT: dict[str, Callable[[Wave, Wave, np.random.Generator], tuple[Wave, Wave]]] = {
    "at once": lambda a, b, _: (a, b),
    "at once, with noise at 10 dB": lambda a, b, r: (noisy(a, 10, r), noisy(b, 10, r)),
    "at once, each 26 dB quieter on the other": lambda a, b, _: _leaking(a, b, 0.05),
    "at once, each 20 dB quieter on the other": lambda a, b, _: _leaking(a, b, 0.1),
    "in turn": lambda a, b, _: _in_turn(a, b, 0.0),
    "in turn, each 26 dB quieter on the other": lambda a, b, _: _in_turn(a, b, 0.05),
}
"""How two recordings come onto two channels."""


def _cost(waves: list[Wave]) -> None:
    """Print what the comparison takes, beside the levels, on stereo at 44.1 kHz."""
    stereo = np.stack([np.resize(np.concatenate(waves[k::2]), 1 << 16) for k in (0, 1)], axis=1)
    block = stereo.astype(np.float32)
    times = []
    for meter in (ChannelSpeech(2, 44_100), ChannelLevels(2)):
        begin = time.perf_counter()
        for _ in range(40):
            meter.add(block)
        times.append((time.perf_counter() - begin) / 40 * 44_100 / len(block))
    print(f"a second of stereo: {1e3 * times[0]:.2f} ms, its levels {1e3 * times[1]:.2f} ms")


def main() -> None:
    """Make the pairs, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    waves = [soundfile.read(path)[0] for path in sorted(options.folder.glob("*.wav"))]
    for name, change in SAME.items():
        found = 0
        for k in random.choice(len(waves), options.pairs):
            # No channel is exactly the other: each has its own last bit.
            first = waves[k] + 1e-4 * random.standard_normal(len(waves[k]))
            found += differs(first, change(waves[k], random))
        print(f"one recording, one channel {name}: {found / options.pairs:.1%} noticed")
    for name, place in DIFFERENT.items():
        found = 0
        for _ in range(options.pairs):
            a, b = random.choice(len(waves), 2, replace=False)
            floor = [1e-4 * random.standard_normal(1 << 19) for _ in range(2)]
            pair = place(waves[a], waves[b], random)
            first, second = (wave + low[: len(wave)] for wave, low in zip(pair, floor, strict=True))
            found += differs(first, second)
        print(f"two recordings {name}: {found / options.pairs:.1%} noticed")
    _cost(waves)


if __name__ == "__main__":
    main()
