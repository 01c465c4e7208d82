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
        windows: Besides, the deviation of the frames' moving average over each of these times in s.
        lags: Besides, the deviation of their change over each of these times in s.
        loudness: Exponent of the energy by which frames count; 0 lets all count alike.
    """

    layers: tuple[int, ...]
    speech_range: float
    parts: int
    windows: tuple[float, ...] = ()
    lags: tuple[float, ...] = ()
    loudness: float = 0.0

    @property
    def name(self) -> str:
        """Say what it is, for tables."""
        several = "s" if len(self.layers) > 1 else ""
        name = f"layer{several} {'+'.join(map(str, self.layers))}"
        if self.speech_range:
            name += f", speech within {self.speech_range:g} dB"
        name += f", loudness {self.loudness:g}" if self.loudness else ""
        name += f", {self.parts} parts" if self.parts > 1 else ""
        for what, times in (("averages over", self.windows), ("changes over", self.lags)):
            if times:
                name += f", {what} {' '.join(f'{t:g}' for t in times)} s"
        return name

    def times_in_frames(self, rate: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return windows and lags in frames, at `rate` frames a second; windows are odd."""
        windows = tuple(round(time * rate) // 2 * 2 + 1 for time in self.windows)
        return windows, tuple(max(1, round(time * rate)) for time in self.lags)


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


def loudness_weights(energy: Tensor, exponent: float) -> Tensor:
    """Return how much frames count by their loudness, the loudest one 1.

    Loudness grows with about the 0.3rd power of the energy (Stevens, "The Measurement of Loudness",
    JASA 27, 1955); what is loud is heard in spite of room and noise.

    Shape:
        energy (…, frame), not negative, to the same; 1 everywhere in silence.
    """
    loudest = energy.amax(dim=-1, keepdim=True)
    return torch.where(loudest > 0, energy / loudest.clamp_min(1e-30), 1.0).pow(exponent)


def _mean_and_deviation(values: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of the population over frames, each (depth, width).

    One value gives a deviation of 0; none gives 0 for both.

    Args:
        values: (depth, frame, width).
        weights: How much each frame counts, (frame,); None where all count alike.
    """
    if values.shape[1] == 0:
        nothing = values.new_zeros(values.shape[0], values.shape[2])
        return nothing, nothing
    if weights is None:
        deviation, mean = torch.std_mean(values, dim=1, correction=0)
        return mean, deviation
    shares = (weights / weights.sum()).to(values)[None, :, None]
    mean = (shares * values).sum(dim=1)
    return mean, (shares * (values - mean.unsqueeze(1)).square()).sum(dim=1).sqrt()


def _moving_average(frames: Tensor, window: int) -> Tensor:
    """Average over `window` frames around each; the first and last frame continue beyond the ends.

    Shape:
        frames (depth, frame, width) to the same; `window` is odd.
    """
    edges = F.pad(frames.transpose(1, 2), (window // 2, window // 2), mode="replicate")
    return F.avg_pool1d(edges, window, stride=1).transpose(1, 2)


def statistics_over_time(
    frames: Tensor,
    speech: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    parts: int = 1,
    windows: tuple[int, ...] = (),
    lags: tuple[int, ...] = (),
) -> Tensor:
    """Pool the frames of an utterance: mean, deviation, the means of its parts, its movement.

    The deviation is that of the population, so that one frame gives 0 and nothing is ever
    undefined; a part without a frame takes the mean of the whole. The deviations of its moving
    averages and of its changes show how a feature moves, fast or slowly: what attention and
    recurrent layers have to learn about modulation, without a weight.

    Args:
        frames: All frames, pauses too.
        speech: Which frames count, (frame,) of bool; None for all.
        weights: How much they count, (frame,), above 0; None where all count alike. A change
            counts as its later frame.
        parts: Equal parts of the counted frames; 1 for the whole alone.
        windows: Lengths of moving averages in frames, odd.
        lags: Distances of changes in frames, 1 or more.

    Shape:
        frames (depth, frame, width) to (depth, k * width), float32: `width` means, `width`
        deviations in the same order, with 2 or more parts `width` means of each, then `width`
        deviations for each window and each lag.

    Raises:
        DataError: Without any frame.
    """
    speech = torch.ones(frames.shape[1], dtype=torch.bool) if speech is None else speech
    if not speech.any():
        raise DataError("no frame to take statistics of", given=f"shape {tuple(frames.shape)}")
    # Half precision, as cached, cannot hold sums; float64 makes the order of frames immaterial.
    wide = frames.double()
    counted = wide[:, speech]

    def pool(values: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        return _mean_and_deviation(values, None if weights is None else weights[kept])

    places = speech.nonzero().squeeze(1)
    mean, deviation = pool(counted, places)
    pooled = [mean, deviation]
    if parts > 1:
        pieces = zip(counted.tensor_split(parts, dim=1), places.tensor_split(parts), strict=True)
        pooled += [pool(piece, at)[0] if piece.shape[1] else mean for piece, at in pieces]
    pooled += [pool(_moving_average(wide, window)[:, speech], places)[1] for window in windows]
    for lag in lags:
        changes = (wide[:, lag:] - wide[:, :-lag])[:, speech[lag:]]
        pooled.append(pool(changes, places[places >= lag])[1])
    return torch.cat(pooled, dim=-1).float()
