"""Utterance to segments of one length, and segments back to an utterance score.

A network sees segments of `duration` seconds. Four ways of cutting are offered; the choice is part
of the configuration because it changes results:

- `repeat`: as few segments as cover the utterance, spread evenly (so they may overlap) and all
  full; an utterance shorter than one segment is repeated until it fills one.
- `zero`: laid end to end, the last one padded at its end.
- `none`: nothing is added. An utterance is one segment of its own length; one that is longer than
  `duration` falls into as few equal parts as fit.
- `published`: as the authors' code does it: laid end to end, one segment *more* where the length is
  an exact multiple, and the waveform padded at the *front* while the spectrogram is padded at its
  end.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Padding = Literal["repeat", "zero", "published", "none"]

SHORTEST = 3200
"""Samples at 16 kHz (0.2 s): with `none`, an utterance that is shorter is repeated until it has so
many, as a transform and an encoder need some."""


@dataclass(frozen=True)
class Span:
    """Where a segment stands in its utterance.

    Attributes:
        start: First sample.
        n_valid: Samples of the utterance in the segment; the rest is padding.
    """

    start: int
    n_valid: int


def segment_spans(n_samples: int, length: int, hop: int, padding: Padding) -> list[Span]:
    """Return the segments of an utterance.

    Args:
        n_samples: Samples of the utterance, at least 1.
        length: Samples of a segment.
        hop: Samples of a spectrogram frame step; every start is a multiple of it, so that waveform
            and spectrogram are cut at the same instant.
        padding: The way of cutting, see the module.
    """
    n_segments = n_samples // length + 1 if padding == "published" else -(-n_samples // length)
    if padding == "none" and n_segments > 1:
        # Parts of one length, a multiple of the step. The last starts on the grid, too: it overlaps
        # with the one before, and leaves less than a step at the very end.
        length = min(length, hop * -(-n_samples // (hop * n_segments)))
        last = (n_samples - length) // hop * hop
        return [Span(min(k * length, last), length) for k in range(n_segments)]
    if padding not in ("repeat", "none"):
        return [
            Span(k * length, max(0, min(length, n_samples - k * length))) for k in range(n_segments)
        ]
    if n_segments == 1:
        return [Span(0, min(length, n_samples))]
    # The last start is rounded up to the grid: at most hop - 1 samples of it are padding.
    last = -(-(n_samples - length) // hop)
    starts = [hop * round(last * k / (n_segments - 1)) for k in range(n_segments)]
    return [Span(start, min(length, n_samples - start)) for start in starts]


def cut_waveform(waveform: Tensor, span: Span, length: int, padding: Padding) -> Tensor:
    """Cut one segment out of a waveform.

    Shape:
        waveform (time,) to (length,); with `none` to the length of the span.
    """
    if padding == "none":
        length, padding = max(span.n_valid, SHORTEST), "repeat"
    piece = waveform[span.start : span.start + span.n_valid]
    missing = length - piece.shape[0]
    if missing == 0:
        return piece
    if padding == "repeat":
        return piece.repeat(-(-length // piece.shape[0]))[:length]
    front_and_back = (missing, 0) if padding == "published" else (0, missing)
    return torch.nn.functional.pad(piece, front_and_back)


def cut_frames(
    spectrogram: Tensor, span: Span, length: int, hop: int, padding: Padding, fill: float
) -> Tensor:
    """Cut the same segment out of a spectrogram of the whole utterance.

    Args:
        spectrogram: Centred frames, one each `hop` samples.
        span: The segment, in samples.
        length: Samples of a segment, a multiple of `hop`.
        hop: Samples between frames.
        padding: The way of cutting.
        fill: Value of padded frames (`zero` and `published`).

    Shape:
        spectrogram (channel, frequency, frame) to (channel, frequency, length // hop); with `none`
        to as many frames as the span has.
    """
    if padding == "none":
        length, padding = hop * -(-max(span.n_valid, SHORTEST) // hop), "repeat"
    n_frames = length // hop
    first = span.start // hop
    available = -(-span.n_valid // hop)
    piece = spectrogram[..., first : first + min(n_frames, available)]
    missing = n_frames - piece.shape[-1]
    if missing == 0:
        return piece
    if padding == "repeat":
        repeats = -(-n_frames // piece.shape[-1])
        return piece.repeat(1, 1, repeats)[..., :n_frames]
    return torch.nn.functional.pad(piece, (0, missing), value=fill)


def utterance_log_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Score an utterance: the mean of its segments' log-softmax, normalised again.

    The published code takes the arg max of the mean; neither normalising nor the temperature
    (Guo et al. 2017, section 4.2) moves it, and the probabilities sum to one.

    Args:
        logits: Of its segments.
        temperature: Above 1 makes the probabilities more even, below 1 more decided.

    Shape:
        logits (segment, class) to (class,).
    """
    return (logits.log_softmax(dim=-1).mean(dim=0) / temperature).log_softmax(dim=-1)
