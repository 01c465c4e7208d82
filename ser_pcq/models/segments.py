"""Utterance to segments of one length, and segments back to an utterance score.

A network sees segments of `duration` seconds. Four ways of cutting are offered; the choice is part
of the configuration because it changes results:

- `repeat`: as few segments as cover the utterance, spread evenly (so they may overlap) and all
  full; an utterance shorter than one segment is repeated until it fills one.
- `zero`: laid end to end, the last one padded at its end.
- `none`: nothing is added. An utterance is one segment, as long as itself; one that is longer than
  `duration` falls into as few equal parts as fit.
- `published`: as the authors' code does it: laid end to end, one segment *more* where the length is
  an exact multiple, and the waveform padded at the *front* while the spectrogram is padded at its
  end.

The same code runs in recognizers and becomes part of ONNX graphs, where the length of an utterance
is a symbol: nothing but what the configuration says may decide between two ways.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.config import Config
from ser_pcq.models.temperature import calibrated

Padding = Literal["repeat", "zero", "published", "none"]

SHORTEST = 3200
"""Samples at 16 kHz (0.2 s): with `none`, an utterance that is shorter is repeated until it has so
many, as a transform and an encoder need some."""


@dataclass(frozen=True)
class Places:
    """Where the segments of an utterance are.

    Attributes:
        start: First sample of each, a multiple of the frame step, (segment,).
        n_valid: Samples of the utterance in each, (segment,); the rest is padding.
        size: Samples of a segment.
    """

    start: Tensor
    n_valid: Tensor
    size: int


@dataclass(frozen=True)
class Cutting:
    """How utterances are cut.

    Attributes:
        length: Samples of a segment, a multiple of `hop`; with `none` at most so many.
        hop: Samples of a spectrogram frame step; every start is a multiple of it, so that waveform
            and spectrogram are cut at the same instant.
        padding: The way of cutting, see the module.
    """

    length: int
    hop: int
    padding: Padding

    @classmethod
    def of(cls, config: Config) -> "Cutting":
        """Return what the configuration says."""
        length = round(config.segment.duration * SAMPLE_RATE)
        return cls(length, config.frontend.hop_length, config.segment.padding)

    def places(self, n_samples: int, device: torch.device | None = None) -> Places:
        """Return where the segments of an utterance are.

        Args:
            n_samples: Samples of the utterance, at least 1.
            device: Where the tensors are to be.
        """
        size, hop = self.length, self.hop
        if self.padding == "published":
            n_segments = n_samples // size + 1
        else:
            n_segments = (n_samples + size - 1) // size
        order = torch.arange(n_segments, device=device)
        if self.padding == "none":
            # Equal parts, a multiple of the step, or the whole. The last part starts on the grid,
            # too: it overlaps with the one before, and leaves less than a step at the very end.
            part = hop * ((n_samples + hop * n_segments - 1) // (hop * n_segments))
            size = torch.sym_min(part, n_samples)
            last = (n_samples - size) // hop * hop
            start = torch.minimum(order * size, torch.ones_like(order) * last)
        elif self.padding == "repeat":
            # The last start is rounded up to the grid: at most hop - 1 samples of it are padding.
            last = (torch.sym_max(n_samples - size, 0) + hop - 1) // hop
            gaps = torch.sym_max(n_segments - 1, 1)
            start = hop * torch.round(order.double() * last / gaps).long()
        else:
            start = order * size
        n_valid = torch.clamp(n_samples - start, min=0, max=size)
        return Places(
            start, n_valid, torch.sym_max(size, SHORTEST) if self.padding == "none" else size
        )

    def waveforms(self, waveforms: Tensor) -> Tensor:
        """Cut waveforms of one length.

        Shape:
            (batch, time) to (batch, segment, time').
        """
        n_samples = waveforms.shape[1]
        places = self.places(n_samples, waveforms.device)
        # Only what is shorter than any recording may be is repeated more than once.
        tiny = not torch.compiler.is_exporting() and n_samples < SHORTEST // 2
        if self.padding == "none" and self.length >= 2 * SHORTEST and not tiny:
            return self._rows(waveforms, places)
        repeats = self.padding in ("repeat", "none")
        index, real = _table(
            places.start,
            places.n_valid,
            places.size,
            repeats=repeats,
            at_front=self.padding == "published",
        )
        # One long row of indices: gathering by a table takes ten times as long.
        flat = waveforms.index_select(1, index.flatten())
        cut = flat.view(waveforms.shape[0], index.shape[0], places.size)
        return cut if repeats else torch.where(real, cut, 0.0)

    def _rows(self, waveforms: Tensor, places: Places) -> Tensor:
        """Cut where every segment is full and begins on the grid: whole steps are copied.

        Shape:
            (batch, time) to (batch, segment, time').
        """
        hop = self.hop
        whole = torch.sym_max(waveforms.shape[1], SHORTEST)
        # What is too short is repeated; its beginning is enough, as it has half of SHORTEST or
        # more. Zeros fill the last row. No segment of a longer recording reaches into either.
        beginning = waveforms[:, : SHORTEST // 2]
        zeros = waveforms.new_zeros(waveforms.shape[0], hop)
        repeated = torch.cat([waveforms, beginning, zeros], dim=1)
        n_rows = (whole + hop - 1) // hop
        rows = repeated.narrow(1, 0, n_rows * hop).unflatten(1, (n_rows, hop))
        n_each = (places.size + hop - 1) // hop
        index = (places.start // hop).unsqueeze(1)
        index = index + torch.arange(n_each, device=index.device).unsqueeze(0)
        cut = rows.index_select(1, index.flatten())  # (batch, segment * n_each, hop)
        cut = cut.view(waveforms.shape[0], index.shape[0], n_each * hop)
        return cut.narrow(2, 0, places.size)

    def spectrograms(self, spectrograms: Tensor, n_samples: int, fill: float) -> Tensor:
        """Cut spectrograms of whole utterances at the same places.

        Args:
            spectrograms: Centred frames, one each `hop` samples.
            n_samples: Samples of the utterances.
            fill: Value of padded frames (`zero` and `published`).

        Shape:
            (batch, channel, frequency, frame) to (batch, segment, channel, frequency, frame'):
            length // hop frames; with `none` as many as the segment has.
        """
        hop = self.hop
        places = self.places(n_samples, spectrograms.device)
        n_frames = (places.size + hop - 1) // hop
        available = torch.clamp((places.n_valid + hop - 1) // hop, max=n_frames)
        repeats = self.padding in ("repeat", "none")
        index, real = _table(
            places.start // hop, available, n_frames, repeats=repeats, at_front=False
        )
        flat = spectrograms.index_select(3, index.flatten())
        cut = flat.view(*spectrograms.shape[:3], index.shape[0], n_frames)
        if not repeats:
            cut = torch.where(real, cut, fill)
        return cut.permute(0, 3, 1, 2, 4)


def _table(
    start: Tensor, n_valid: Tensor, size: int, *, repeats: bool, at_front: bool
) -> tuple[Tensor, Tensor]:
    """Return what is at each place of each segment, and whether it is of the utterance.

    Shape:
        start (segment,), n_valid (segment,) to two of (segment, size).
    """
    start, n_valid = start.unsqueeze(1), n_valid.unsqueeze(1)
    place = torch.arange(size, device=start.device).unsqueeze(0)
    if repeats:
        index = start + place % n_valid
        return index, torch.ones_like(index, dtype=torch.bool)
    place = place - (size - n_valid) if at_front else place + torch.zeros_like(n_valid)
    real = (place >= 0) & (place < n_valid)
    return torch.where(real, start + place, 0), real


def not_numbers(waveforms: Tensor) -> Tensor:
    """Return NaN for waveforms with a sample that is NaN or infinite, 0 for others.

    Added to a result, it keeps a comparison or a maximum within the model from hiding such samples.

    Shape:
        (..., time) to (..., 1).
    """
    return (waveforms - waveforms).sum(dim=-1, keepdim=True)


def utterance_scores(logits: Tensor) -> Tensor:
    """Score utterances: the mean of their segments' log-softmax.

    Shape:
        logits (..., segment, class) to (..., class), not normalised.
    """
    return logits.log_softmax(dim=-1).mean(dim=-2)


def utterance_log_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the log-probabilities of an utterance.

    The published code takes the arg max of the mean score; neither normalising nor the temperature
    moves it, and the probabilities sum to one.

    Args:
        logits: Of its segments.
        temperature: As `calibrated` takes it.

    Shape:
        logits (segment, class) to (class,).
    """
    return calibrated(utterance_scores(logits), temperature).log_softmax(dim=-1)
