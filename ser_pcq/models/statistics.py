"""How an encoder's frames are distributed over an utterance: what linear classifiers look at."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ser_pcq.errors import DataError


@dataclass(frozen=True)
class FeatureSet:
    """One way to sum an utterance up.

    Attributes:
        layers: Encoder layers whose statistics are put one after the other.
        speech_range: Frames more than this many dB under the loudest one are pauses and left out;
            0 keeps all frames.
        parts: Besides the whole, the mean over each of so many equal parts of the speech; 1 for
            the whole alone.
    """

    layers: tuple[int, ...]
    speech_range: float
    parts: int

    @property
    def name(self) -> str:
        """Say what it is, for tables."""
        several = "s" if len(self.layers) > 1 else ""
        name = f"layer{several} {'+'.join(map(str, self.layers))}"
        if self.speech_range:
            name += f", speech within {self.speech_range:g} dB"
        return name + (f", {self.parts} parts" if self.parts > 1 else "")


def frame_energy(waveform: Tensor, n_frames: int) -> Tensor:
    """Return the mean square of the samples that belong to each encoder frame.

    Shape:
        waveform (segment, time) to (segment, n_frames).
    """
    return F.adaptive_avg_pool1d(waveform.square().unsqueeze(1), n_frames).squeeze(1)


def speech_frames(energy: Tensor, speech_range: float) -> Tensor:
    """Return which frames of an utterance are loud enough to be speech.

    Args:
        energy: (frame,), not negative.
        speech_range: In dB under the loudest frame; 0 keeps all.

    Returns:
        (frame,) of bool, true for at least one frame where there is one; all of a silent one.
    """
    if speech_range <= 0:
        return torch.ones_like(energy, dtype=torch.bool)
    return energy >= energy.max() * 10.0 ** (-speech_range / 10.0)


def statistics_over_time(frames: Tensor, parts: int = 1) -> Tensor:
    """Pool the frames of an utterance: mean, deviation, and the means of its parts.

    The deviation is that of the population, so that one frame gives 0 and nothing is ever
    undefined; a part without a frame takes the mean of the whole.

    Shape:
        frames (depth, frame, width) to (depth, k * width), float32: `width` means, `width`
        deviations in the same order and, with 2 or more parts, `width` means of each.

    Raises:
        DataError: When there is no frame.
    """
    if frames.shape[1] == 0:
        raise DataError("no frame to take statistics of", given=f"shape {tuple(frames.shape)}")
    # Half precision, as cached, cannot hold sums; float64 makes the order of frames immaterial.
    wide = frames.double()
    deviation, mean = torch.std_mean(wide, dim=1, correction=0)
    pooled = [mean, deviation]
    if parts > 1:
        pooled += [p.mean(dim=1) if p.shape[1] else mean for p in wide.tensor_split(parts, dim=1)]
    return torch.cat(pooled, dim=-1).float()
