"""Statistics over time with weights in the place of selected frames, for any length."""

import torch
from torch import Tensor
from torch.nn import functional as F

_ROW = 64  # samples that are summed up in single precision


def squared(x: Tensor) -> Tensor:
    """Square each value, as a product: runtimes compute powers slowly."""
    return x * x


def frame_energies(waveforms: Tensor, n_frames: int) -> Tensor:
    """Return `statistics.frame_energy` of any length: differences of a running sum.

    Shape:
        waveforms (batch, time) to (batch, n_frames).
    """
    n_samples = waveforms.shape[1]
    # A row more than there is, for the end of the last frame.
    n_rows = n_samples // _ROW + 1
    rows = F.pad(squared(waveforms), (0, n_rows * _ROW - n_samples)).unflatten(1, (n_rows, _ROW))
    # In double precision: single would leave quiet frames nothing after a loud beginning.
    sums = rows.sum(dim=2).double()
    before = sums.cumsum(dim=1) - sums
    order = torch.arange(n_frames)
    start = order * n_samples // n_frames
    end = ((order + 1) * n_samples + n_frames - 1) // n_frames
    bounds = torch.cat([start, end])
    row = bounds // _ROW
    within = torch.arange(_ROW) < (bounds - row * _ROW).unsqueeze(1)
    partial = (rows.index_select(1, row) * within.to(rows)).sum(dim=2)
    running = before.index_select(1, row) + partial
    first, last = running.unflatten(1, (2, n_frames)).unbind(1)
    # Quiet samples beside loud ones may give a sum under 0.
    return ((last - first).clamp_min(0.0) / (end - start)).to(waveforms)


def _weights(counted: Tensor) -> Tensor:
    """Return weights that make a sum a mean; (…, frame), 0 or more, to the same. None gives 0."""
    return counted / counted.sum(dim=-1, keepdim=True).clamp_min(1e-9)


def _deviations(values: Tensor, weights: Tensor) -> Tensor:
    """Return deviations of values whose mean is near 0, as single precision needs it.

    Shape:
        values (batch, depth, frame, width), weights (batch, frame), to (batch, depth, width).
    """
    weights = weights[:, None, None]  # (batch, 1, 1, frame)
    variance = weights @ squared(values) - squared(weights @ values)
    return variance.clamp_min(0.0).sqrt().squeeze(2)


def _part_weights(speech: Tensor, counts: Tensor, whole: Tensor, parts: int) -> Tensor:
    """Return the weights whose sums are the means of equal parts of what counts.

    Shape:
        speech (batch, frame) of 0 and 1, counts (batch, frame), how much each counts, whole
        (batch, frame), the weights of a part without a frame, to (batch, part, frame).
    """
    rank = speech.cumsum(dim=1) - speech  # counted frames before each
    count = speech.sum(dim=1, keepdim=True)
    size = torch.floor(count / parts)
    # As `tensor_split`: the first parts have one frame more, as many as are left over.
    edges = torch.arange(parts + 1.0)
    edges = edges * size + torch.minimum(edges, count - parts * size)  # (batch, parts + 1)
    rank, speech = rank.unsqueeze(1), speech.unsqueeze(1)
    after = (rank >= edges.unsqueeze(2)).to(speech) * speech  # (batch, parts + 1, frame)
    inside = (after[:, :-1] - after[:, 1:]) * counts.unsqueeze(1)
    n_inside = inside.sum(dim=2, keepdim=True)
    return torch.where(n_inside > 0, inside / n_inside.clamp_min(1e-9), whole.unsqueeze(1))


def masked_statistics(
    frames: Tensor,
    speech: Tensor,
    loudness: Tensor,
    *,
    parts: int,
    windows: tuple[int, ...],
    lags: tuple[int, ...],
) -> Tensor:
    """Return `statistics.statistics_over_time` with weights in the place of selected frames.

    Shape:
        frames (batch, depth, frame, width), speech (batch, frame) of 0 and 1, loudness (batch,
        frame), to (batch, depth, k * width).
    """
    n_frames = frames.shape[2]
    counts = speech * loudness
    weights = _weights(counts)
    counted = weights.unsqueeze(1)  # (batch, part, frame)
    if parts > 1:
        counted = torch.cat([counted, _part_weights(speech, counts, weights, parts)], dim=1)
    means = counted.unsqueeze(1) @ frames  # (batch, depth, part, width)
    centred = frames - means[:, :, :1]
    of_parts = means[:, :, 1:].flatten(2)
    pooled = [means[:, :, 0], _deviations(centred, weights), of_parts]
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
        pooled.append(_deviations(change, _weights(counts * (order >= lag).to(speech))))
    return torch.cat(pooled, dim=-1)
