"""Augmentation during training: masks and mixtures of a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ser_pcq.config import AugmentConfig


@dataclass(frozen=True)
class Batch:
    """A batch of training segments.

    Attributes:
        spectrogram: (batch, channel, frequency, frame), raw.
        waveform: (batch, time) or None.
        context: (batch, depth, frame, width) or None.
        target: Class probabilities, (batch, class).
        weight: How much each segment counts beside the others, (batch,); None where all count
            alike.
    """

    spectrogram: Tensor
    waveform: Tensor | None
    context: Tensor | None
    target: Tensor
    weight: Tensor | None = None


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
    waveform, target, weight = batch.waveform, batch.target, batch.weight
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
        weight = None if weight is None else mix(weight)
    return Batch(spectrogram, waveform, context, target, weight)
