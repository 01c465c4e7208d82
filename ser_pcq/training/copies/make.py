"""The copies of a training utterance that a configuration asks for."""

import math
import zlib

import numpy as np
import torch
from torch import Tensor

from ser_pcq.config import AugmentConfig
from ser_pcq.models.torchaudio_loader import torchaudio
from ser_pcq.training.copies.channel import through_a_channel
from ser_pcq.training.copies.voice import change_speed, change_tempo, change_voice


def add_noise(waveform: Tensor, snr: float, generator: torch.Generator) -> Tensor:
    """Add white noise at a signal-to-noise ratio in dB.

    Shape:
        waveform (time,) to the same.
    """
    noise = torch.randn(waveform.shape, generator=generator)
    ratio = torch.tensor(float(snr))
    noisy: Tensor = torchaudio.functional.add_noise(waveform, noise, ratio)
    return noisy


def seed_of(seed: int, utterance_id: str) -> int:
    """Return the seed of an utterance's copies: they do not depend on the other utterances."""
    return seed * 1_000_003 + zlib.crc32(utterance_id.encode())


def augmented_copies(waveform: Tensor, config: AugmentConfig, *, seed: int) -> list[Tensor]:
    """Return the copies of a training utterance, the unchanged one first.

    Copies are made once, before training, so that a frozen encoder's output can be kept.
    """
    copies = [waveform]
    for factor in config.speeds:
        copies.append(change_speed(waveform, factor))
    for factor in config.tempos:
        copies.append(change_tempo(waveform, factor))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(config.voices):
        drawn = (2 * torch.rand(2, generator=generator) - 1) * config.voice_range
        pitch, tempo = (math.exp(value) for value in drawn.tolist())
        copies.append(change_voice(waveform, pitch, tempo))
    for snr in config.noise_snr:
        copies.append(add_noise(waveform, snr, generator))
    random = np.random.default_rng([seed, len(copies)])
    for _ in range(config.channels):
        changed = through_a_channel(waveform.numpy(), random)
        copies.append(torch.from_numpy(changed))
    return copies


def n_copies(config: AugmentConfig) -> int:
    """Return how many copies of an utterance there are, the unchanged one included."""
    lists = (config.speeds, config.tempos, config.noise_snr)
    return 1 + sum(map(len, lists)) + config.voices + config.channels
