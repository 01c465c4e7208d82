"""How an utterance is cut, with lists and one segment after the other: slow, and easy to check."""

import torch
from torch import Tensor

from ser_pcq.models.segments import SHORTEST, Padding


def spans(n_samples: int, length: int, hop: int, padding: Padding) -> list[tuple[int, int]]:
    """First sample of each segment, and how many of its samples are of the utterance."""
    n_segments = n_samples // length + 1 if padding == "published" else -(-n_samples // length)
    if padding == "none" and n_segments > 1:
        length = min(length, hop * -(-n_samples // (hop * n_segments)))
        last = (n_samples - length) // hop * hop
        return [(min(k * length, last), length) for k in range(n_segments)]
    if padding not in ("repeat", "none"):
        return [
            (k * length, max(0, min(length, n_samples - k * length))) for k in range(n_segments)
        ]
    if n_segments == 1:
        return [(0, min(length, n_samples))]
    last = -(-(n_samples - length) // hop)
    starts = [hop * round(last * k / (n_segments - 1)) for k in range(n_segments)]
    return [(start, min(length, n_samples - start)) for start in starts]


def waveforms(waveform: Tensor, length: int, hop: int, padding: Padding) -> Tensor:
    """The segments of a waveform, (time,) to (segment, time')."""
    return torch.stack(
        [
            _piece(waveform, start, n_valid, length, padding)
            for start, n_valid in spans(len(waveform), length, hop, padding)
        ]
    )


def _piece(waveform: Tensor, start: int, n_valid: int, length: int, padding: Padding) -> Tensor:
    if padding == "none":
        length, padding = max(n_valid, SHORTEST), "repeat"
    piece = waveform[start : start + n_valid]
    missing = length - len(piece)
    if padding == "repeat":
        return piece.repeat(-(-length // len(piece)))[:length]
    before_and_after = (missing, 0) if padding == "published" else (0, missing)
    return torch.nn.functional.pad(piece, before_and_after)


def spectrograms(
    spectrogram: Tensor, n_samples: int, length: int, hop: int, padding: Padding, fill: float
) -> Tensor:
    """The segments of a spectrogram, (channel, frequency, frame) to (segment, …, frame')."""
    pieces = []
    for start, n_valid in spans(n_samples, length, hop, padding):
        size = max(n_valid, SHORTEST) if padding == "none" else length
        n_frames = -(-size // hop)
        first, available = start // hop, min(n_frames, -(-n_valid // hop))
        piece = spectrogram[..., first : first + available]
        if padding in ("repeat", "none"):
            piece = piece.repeat(1, 1, -(-n_frames // available))[..., :n_frames]
        else:
            piece = torch.nn.functional.pad(piece, (0, n_frames - available), value=fill)
        pieces.append(piece)
    return torch.stack(pieces)
