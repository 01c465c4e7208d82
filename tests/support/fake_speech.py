"""Sounds and a classifier for tests of long recordings: small, and the same every time."""

import numpy as np

from ser_pcq.audio.speech import FRAME

RATE = 16_000
LABELS = ("low", "middle", "high")
PITCHES = dict(zip(LABELS, (300.0, 1000.0, 3000.0), strict=True))


class BandClassifier:
    """Says which of three bands holds the energy; counts what it was asked."""

    name = "bands"
    labels = LABELS
    batch_size = 1

    def __init__(self):
        self.batches = []

    def probabilities(self, waveforms):
        waveforms = np.stack(waveforms)
        self.batches.append(waveforms.shape)
        power = np.abs(np.fft.rfft(waveforms.astype(np.float64))) ** 2
        frequency = np.fft.rfftfreq(waveforms.shape[1], 1 / RATE)
        parts = np.split(power, np.searchsorted(frequency, [600, 2000]), axis=1)
        bands = np.stack([part.sum(axis=1) for part in parts], axis=1) + 1e-9
        return bands / bands.sum(axis=1, keepdims=True)


class LevelDetector:
    """Speech is a frame that is not silent: no memory but the rest of a frame."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.rest = np.zeros(0, np.float32)

    def feed(self, samples):
        samples = np.concatenate([self.rest, samples])
        whole = len(samples) // FRAME * FRAME
        self.rest = samples[whole:]
        return (np.abs(samples[:whole]).reshape(-1, FRAME).max(axis=1) > 1e-3).astype(np.float32)

    def flush(self):
        return self.feed(np.zeros(-len(self.rest) % FRAME, np.float32))


def sound(*parts):
    """Join tones and silences: `sound(("low", 2.0), (None, 1.0))`, lengths in s."""
    pieces = []
    for label, seconds in parts:
        times = np.arange(round(seconds * RATE)) / RATE
        pieces.append(0.3 * np.cos(2 * np.pi * PITCHES[label] * times) if label else 0 * times)
    return np.concatenate([*pieces, np.zeros(0)]).astype(np.float32)


def cut(samples, lengths):
    """Cut into blocks of these lengths, over and over."""
    blocks, at, i = [], 0, 0
    while at < len(samples):
        blocks.append(samples[at : at + lengths[i % len(lengths)]])
        at += lengths[i % len(lengths)]
        i += 1
    return blocks
