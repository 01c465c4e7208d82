"""Statistics over time with weights in the place of selected frames, for any length."""

import torch
from torch import Tensor
from torch.nn import functional as F


def squared(x: Tensor) -> Tensor:
    """Square each value: as a product, for runtimes take a power for a power."""
    return x * x


def frame_energies(waveforms: Tensor, n_frames: int) -> Tensor:
    """Return `statistics.frame_energy` of any length: differences of a running sum.

    Shape:
        waveforms (batch, time) to (batch, n_frames).
    """
    n_samples = waveforms.shape[1]
    # In double precision: single would leave quiet frames nothing after a loud beginning.
    running = F.pad(squared(waveforms.double()).cumsum(dim=1), (1, 0))
    order = torch.arange(n_frames)
    start = order * n_samples // n_frames
    end = ((order + 1) * n_samples + n_frames - 1) // n_frames
    return ((running[:, end] - running[:, start]) / (end - start)).to(waveforms)


def _weights(counted: Tensor) -> Tensor:
    """Return weights that make a sum a mean; (…, frame) of 0 and 1, to the same. None gives 0."""
    return counted / counted.sum(dim=-1, keepdim=True).clamp_min(1.0)


def _deviations(values: Tensor, weights: Tensor) -> Tensor:
    """Return deviations of values whose mean is near 0, as single precision wants it.

    Shape:
        values (batch, depth, frame, width), weights (batch, frame), to (batch, depth, width).
    """
    weights = weights[:, None, None]  # (batch, 1, 1, frame)
    variance = weights @ squared(values) - squared(weights @ values)
    return variance.clamp_min(0.0).sqrt().squeeze(2)


def masked_statistics(
    frames: Tensor,
    speech: Tensor,
    *,
    parts: int,
    windows: tuple[int, ...],
    lags: tuple[int, ...],
) -> Tensor:
    """Return `statistics.statistics_over_time` with weights in the place of selected frames.

    Shape:
        frames (batch, depth, frame, width), speech (batch, frame) of 0 and 1, to (batch, depth,
        k * width).
    """
    n_frames = frames.shape[2]
    weights = _weights(speech)
    mean = weights[:, None, None] @ frames  # (batch, depth, 1, width)
    centred = frames - mean
    pooled = [mean.squeeze(2), _deviations(centred, weights)]
    if parts > 1:
        count = speech.sum(dim=1, keepdim=True)
        rank = speech.cumsum(dim=1) - speech  # counted frames before each
        size, rest = torch.floor(count / parts), torch.remainder(count, parts)
        for k in range(parts):
            # As `tensor_split`: the first `rest` parts have one frame more.
            first = k * size + rest.clamp(max=float(k))
            last = (k + 1) * size + rest.clamp(max=float(k + 1))
            inside = speech * (rank >= first).to(speech) * (rank < last).to(speech)
            some = (last > first).to(speech)
            part = some * _weights(inside) + (1 - some) * weights
            pooled.append((part[:, None, None] @ frames).squeeze(2))
    order = torch.arange(n_frames)
    if windows:
        reach = max(windows) // 2
        around = centred.index_select(
            2, torch.arange(-reach, n_frames + reach).clamp(min=0).minimum(order[-1:])
        )
        # Around the mean, so that single precision is enough for the running sum.
        running = F.pad(around.cumsum(dim=2), (0, 0, 1, 0))
        for window in windows:
            begin = reach - window // 2
            total = (
                running[:, :, begin + window : begin + window + n_frames]
                - running[:, :, begin : begin + n_frames]
            )
            pooled.append(_deviations(total, weights) / window)
    for lag in lags:
        change = centred - centred.index_select(2, (order - lag).clamp(min=0))
        pooled.append(_deviations(change, _weights(speech * (order >= lag).to(speech))))
    return torch.cat(pooled, dim=-1)
