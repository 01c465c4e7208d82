"""Augmentation: copies of utterances before training, masks and mixtures during it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.config import AugmentConfig
from ser_pcq.models.torchaudio_loader import torchaudio


def change_speed(waveform: Tensor, factor: float) -> Tensor:
    """Play a waveform `factor` times as fast; its pitch moves along.

    Shape:
        waveform (time,) to (about time / factor,).
    """
    faster: Tensor = torchaudio.functional.speed(waveform, SAMPLE_RATE, factor)[0]
    return faster


def change_tempo(waveform: Tensor, factor: float) -> Tensor:
    """Speak `factor` times as fast at the same pitch (phase vocoder).

    Shape:
        waveform (time,) to (about time / factor,).
    """
    # Imported here: it brings numba along, which takes seconds.
    from librosa.effects import time_stretch

    return torch.from_numpy(time_stretch(waveform.numpy(), rate=factor))


def change_voice(waveform: Tensor, pitch: float, tempo: float) -> Tensor:
    """Speak in another voice: pitch and formants `pitch` times as high, `tempo` times as fast.

    A head that is smaller moves both alike (vocal tract length perturbation, Jaitly and Hinton
    2013, does so to the spectrum); the tempo is restored, and changed, by the phase vocoder.

    Shape:
        waveform (time,) to (about time / tempo,).
    """
    # In steps of a hundredth: the resampler's filters stay short.
    moved = change_speed(waveform, round(pitch, 2))
    rate = tempo / round(pitch, 2)
    # A vocoder blurs even at a factor near 1.
    return change_tempo(moved, rate) if abs(rate - 1) > 0.01 else moved


def add_noise(waveform: Tensor, snr: float, generator: torch.Generator) -> Tensor:
    """Add white noise at a signal-to-noise ratio in dB.

    Shape:
        waveform (time,) to the same.
    """
    noise = torch.randn(waveform.shape, generator=generator)
    ratio = torch.tensor(float(snr))
    noisy: Tensor = torchaudio.functional.add_noise(waveform, noise, ratio)
    return noisy


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
    return copies


@dataclass(frozen=True)
class Batch:
    """A batch of training segments.

    Attributes:
        spectrogram: (batch, channel, frequency, frame), raw.
        waveform: (batch, time) or None.
        context: (batch, depth, frame, width) or None.
        target: Class probabilities, (batch, class).
    """

    spectrogram: Tensor
    waveform: Tensor | None
    context: Tensor | None
    target: Tensor


def _mask(x: Tensor, dim: int, share: float, fill: Tensor | float) -> Tensor:
    """Hide one run of places along `dim`, of another width in each item, at most `share` of it."""
    size = x.shape[dim]
    width = torch.rand(x.shape[0], device=x.device) * share * size
    start = torch.rand(x.shape[0], device=x.device) * (size - width)
    place = torch.arange(size, device=x.device)
    hidden = (place >= start[:, None]) & (place < (start + width)[:, None])  # (batch, size)
    shape = [x.shape[0]] + [size if d == dim else 1 for d in range(1, x.dim())]
    return torch.where(hidden.view(shape), fill, x)


def _shift(x: Tensor) -> Tensor:
    """Rotate each item along the last axis, each by a different distance."""
    size = x.shape[-1]
    start = torch.randint(size, (x.shape[0], 1), device=x.device)
    place = (torch.arange(size, device=x.device) + start) % size  # (batch, size)
    return x.gather(-1, place.view(-1, *[1] * (x.dim() - 2), size).expand_as(x))


def augment_batch(batch: Batch, config: AugmentConfig, middle: Tensor) -> Batch:
    """Apply shifts, masks (SpecAugment, Park et al. 2019) and mixup (Zhang et al. 2018) to a batch.

    Hidden context frames take the segment's mean over time, which leaves the statistics in place
    and hides what was there.

    Args:
        batch: The batch.
        config: The `[augment]` section.
        middle: What hidden parts of a spectrogram take: what is normal for each band, so that the
            network sees nothing there, (channel, frequency, 1).
    """
    spectrogram, context = batch.spectrogram, batch.context
    waveform, target = batch.waveform, batch.target
    if config.shift:
        spectrogram = _shift(spectrogram)
    if config.frequency_mask > 0:
        spectrogram = _mask(spectrogram, 2, config.frequency_mask, middle)
    if config.time_mask > 0:
        spectrogram = _mask(spectrogram, 3, config.time_mask, middle)
        if context is not None:
            mean = context.mean(dim=2, keepdim=True)
            context = _mask(context, 2, config.time_mask, mean)
    if config.mixup > 0:
        share = torch.distributions.Beta(config.mixup, config.mixup).sample().to(target.device)
        order = torch.randperm(target.shape[0], device=target.device)

        def mix(x: Tensor) -> Tensor:
            return share * x + (1 - share) * x[order]

        spectrogram, target = mix(spectrogram), mix(target)
        context = None if context is None else mix(context)
        waveform = None if waveform is None else mix(waveform)
    return Batch(spectrogram, waveform, context, target)
