"""How an utterance is cut into segments, as tables of indices that an ONNX graph can compute.

`segment` says it with lists; a graph has no branches and learns the length only when it runs. Both
give the same segments for every way of cutting and every length, which is tested.
"""

import torch
from torch import Tensor

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.config import SegmentConfig
from ser_pcq.models.segments import SHORTEST


def _spans(n_samples: int, hop: int, segment: SegmentConfig) -> tuple[Tensor, Tensor, int]:
    """Return first sample and number of samples of each segment, (segment,), and its length.

    `n_samples` is a symbol while a graph is made, so nothing may be decided by it.
    """
    length = round(segment.duration * SAMPLE_RATE)
    if segment.padding == "published":
        n_segments = n_samples // length + 1
    else:
        n_segments = (n_samples + length - 1) // length
    order = torch.arange(n_segments)
    if segment.padding == "none":
        # The whole utterance, repeated up to SHORTEST, or equal parts on the grid.
        several = torch.sym_min(n_segments - 1, 1)
        part = hop * ((n_samples + hop * n_segments - 1) // (hop * n_segments))
        whole = torch.sym_max(n_samples, SHORTEST)
        length = several * torch.sym_min(length, part) + (1 - several) * whole
        last = torch.sym_max(n_samples - length, 0) // hop * hop
        starts = torch.minimum(order * length, torch.ones_like(order) * last)
    elif segment.padding == "repeat":
        last = (torch.sym_max(n_samples - length, 0) + hop - 1) // hop
        gaps = torch.sym_max(n_segments - 1, 1)
        # Halves go to the even neighbour, as Python rounds.
        starts = hop * torch.round(order.double() * last / gaps).long()
    else:
        starts = order * length
    return starts, torch.clamp(n_samples - starts, min=0, max=length), length


def _table(
    starts: Tensor, valid: Tensor, size: int, *, repeats: bool, at_front: bool
) -> tuple[Tensor, Tensor]:
    """Return what stands at each place of each segment, and whether it is of the utterance.

    Shape:
        starts (segment,), valid (segment,) to two of (segment, size).
    """
    starts, valid = starts.unsqueeze(1), valid.unsqueeze(1)
    place = torch.arange(size).unsqueeze(0)
    if repeats:
        index = starts + place % valid
        return index, torch.ones_like(index, dtype=torch.bool)
    place = place - (size - valid) if at_front else place + torch.zeros_like(valid)
    real = (place >= 0) & (place < valid)
    return torch.where(real, starts + place, 0), real


def cut_waveforms(waveforms: Tensor, hop: int, segment: SegmentConfig) -> Tensor:
    """Cut utterances of one length as `segment.cut_waveform` does.

    Shape:
        waveforms (batch, time) to (batch, segment, time').
    """
    padding = segment.padding
    starts, valid, length = _spans(waveforms.shape[1], hop, segment)
    if padding == "none":
        return _cut_rows(waveforms, starts, length, hop)
    repeats = padding == "repeat"
    index, real = _table(starts, valid, length, repeats=repeats, at_front=padding == "published")
    # One long row of indices: gathering by a table takes ten times as long.
    flat = waveforms.index_select(1, index.flatten())
    cut = flat.view(waveforms.shape[0], index.shape[0], length)
    return cut if repeats else cut * real.to(waveforms)


def _cut_rows(waveforms: Tensor, starts: Tensor, length: int, hop: int) -> Tensor:
    """Cut where every segment is full and begins on the grid: whole steps are copied.

    Shape:
        waveforms (batch, time), starts (segment,), to (batch, segment, length).
    """
    whole = torch.sym_max(waveforms.shape[1], SHORTEST)
    # What is too short is repeated; its beginning is enough, as recordings have half of SHORTEST or
    # more. Zeros fill the last row. No segment of a longer recording reaches into either.
    beginning = waveforms[:, : SHORTEST // 2]
    zeros = waveforms.new_zeros(waveforms.shape[0], hop)
    repeated = torch.cat([waveforms, beginning, zeros], dim=1)
    n_rows = (whole + hop - 1) // hop
    rows = repeated.narrow(1, 0, n_rows * hop).unflatten(1, (n_rows, hop))
    n_each = (length + hop - 1) // hop
    index = (starts // hop).unsqueeze(1) + torch.arange(n_each).unsqueeze(0)
    cut = rows.index_select(1, index.flatten())  # (batch, segment * n_each, hop)
    cut = cut.view(waveforms.shape[0], starts.shape[0], n_each * hop)
    return cut.narrow(2, 0, length)


def cut_spectrograms(
    spectrograms: Tensor, n_samples: int, hop: int, segment: SegmentConfig, fill: float
) -> Tensor:
    """Cut the spectrograms of these utterances at the same places, as `segment.cut_frames` does.

    Shape:
        spectrograms (batch, channel, frequency, frame) to (batch, segment, channel, frequency,
        frame').
    """
    starts, valid, length = _spans(n_samples, hop, segment)
    n_frames = length // hop
    available = torch.clamp((valid + hop - 1) // hop, max=n_frames)
    index, real = _table(
        starts // hop, available, n_frames, repeats=segment.padding == "repeat", at_front=False
    )
    flat = spectrograms.index_select(3, index.flatten())
    cut = flat.view(*spectrograms.shape[:3], index.shape[0], n_frames)
    if segment.padding != "repeat":
        cut = torch.where(real, cut, torch.full_like(cut, fill))
    return cut.permute(0, 3, 1, 2, 4)
