"""Classifier heads: the published one and a light sibling."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.config import ModelConfig


@dataclass(frozen=True)
class HeadSizes:
    """The sizes of what a head reads.

    Attributes:
        pooled: Numbers that the stage maps give after global average pooling; 0 without maps.
        last: (channel, frequency, frame) of the last stage's map; zeros without maps.
        depth: Encoder layers read; 0 without context.
        frames: Encoder frames of a segment; 0 without context.
        width: Encoder width; 0 without context.
    """

    pooled: int
    last: tuple[int, int, int]
    depth: int
    frames: int
    width: int


class Head(nn.Module, ABC):
    """What ends the network: from pooled stage maps and context to logits.

    A head is built from the `[model]` section, the sizes of what it reads and the number of
    emotions.

    Attributes:
        classify: The last layer, which makes logits of the features.
    """

    classify: nn.Linear

    def __init__(self, config: ModelConfig, sizes: HeadSizes, n_classes: int) -> None:
        super().__init__()

    @abstractmethod
    def features(self, pooled: Tensor, last: Tensor, context: Tensor | None) -> Tensor:
        """Return what enters the last layer: the embedding of each segment.

        Shape:
            pooled (batch, pooled channel), last (batch, channel, frequency, frame) and context
            (batch, depth, frame, width) or None, to (batch, feature).
        """

    def forward(self, pooled: Tensor, last: Tensor, context: Tensor | None) -> Tensor:
        """Return logits.

        Shape:
            As of `features`, to (batch, class).
        """
        return self.classify(self.features(pooled, last, context))


class PaperHead(Head):
    """The published fusion and classifier, 3.3 M parameters for the published sizes.

    Pooled stage maps give 128 numbers. The flattened last stage weighs the encoder's frames
    (Q4 in the paper), whose weighted sum is pooled to 128 more. Two layers and the classes follow.

    Args:
        config: The `[model]` section: `hidden` (published: 128) and `dropout`.
        sizes: Of what it reads; it needs maps.
        n_classes: Emotions.
    """

    def __init__(self, config: ModelConfig, sizes: HeadSizes, n_classes: int) -> None:
        super().__init__(config, sizes, n_classes)
        hidden = self.hidden = config.hidden
        self.dropout = nn.Dropout(config.dropout)
        self.maps = nn.Linear(sizes.pooled, hidden)
        self.weigh = nn.Linear(math.prod(sizes.last), sizes.frames) if sizes.frames else None
        joined = 2 * hidden if sizes.frames else hidden
        self.first = nn.Linear(joined, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.classify = nn.Linear(hidden, n_classes)

    def features(self, pooled: Tensor, last: Tensor, context: Tensor | None) -> Tensor:
        """Return the second of the two layers.

        Shape:
            pooled (batch, pooled_channels), last (batch, channel, frequency, frame), context
            (batch, depth, frame, width) or None, of which the deepest layer is used, to
            (batch, hidden).
        """
        parts = [torch.relu(self.maps(self.dropout(pooled)))]
        if self.weigh is not None and context is not None:
            weights = torch.relu(self.weigh(self.dropout(last.flatten(1))))  # (batch, frame)
            summed = torch.einsum("bf,bfw->bw", weights, context[:, -1])  # (batch, width)
            parts.append(F.adaptive_avg_pool1d(summed, self.hidden))
        joined = torch.cat(parts, dim=1)
        hidden = self.dropout(torch.relu(self.first(joined)))
        return self.dropout(torch.relu(self.second(hidden)))


def _statistics_over_time(context: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each feature over the frames, (batch, depth, width) each.

    Shape:
        context (batch, depth, frame, width).
    """
    mean = context.mean(dim=2)
    if torch.compiler.is_exporting():
        # A graph has no loop over a batch of any size.
        variance = (context - mean.unsqueeze(2)).square().mean(dim=2)
    else:
        # Segment by segment, so that the squares of one stay in the processor's cache.
        variance = torch.stack(
            [
                (segment - centre.unsqueeze(1)).square().mean(dim=1)
                for segment, centre in zip(context, mean, strict=True)
            ]
        )
    return mean, variance.clamp_min(1e-8).sqrt()


class LightHead(Head):
    """Mean and deviation over time of every encoder layer read, beside the pooled stage maps.

    An encoder expresses emotion in how its features are distributed over the utterance, and a mean
    over time with its deviation keeps nearly all of that; the published head averages the
    768 features to 128 neighbours' means, which have no meaning of their own. Batch statistics
    put every number on one scale, so that one linear layer can serve them all.

    Args:
        config: The `[model]` section: `dropout` and `branch_dropout`.
        sizes: Of what it reads.
        n_classes: Emotions.
    """

    def __init__(self, config: ModelConfig, sizes: HeadSizes, n_classes: int) -> None:
        super().__init__(config, sizes, n_classes)
        self.pooled_channels = sizes.pooled
        # Without context the maps are all there is, and cannot be spared.
        self.branch_dropout = config.branch_dropout if sizes.depth else 0.0
        size = sizes.pooled + 2 * sizes.depth * sizes.width
        self.norm = nn.BatchNorm1d(size, affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(size, n_classes)

    def features(self, pooled: Tensor, last: Tensor, context: Tensor | None) -> Tensor:
        """Return the normalised statistics.

        Shape:
            pooled (batch, pooled_channels), last unused, context (batch, depth, frame, width) or
            None, to (batch, pooled_channels + 2 * depth * width).
        """
        parts = [pooled]
        if context is not None:
            mean, deviation = _statistics_over_time(context)
            parts += [mean.flatten(1), deviation.flatten(1)]
        features = self.norm(torch.cat(parts, dim=1))
        if self.training and self.branch_dropout > 0:
            kept = torch.rand(features.shape[0], 1, device=features.device) >= self.branch_dropout
            maps, rest = features.split(
                [self.pooled_channels, features.shape[1] - self.pooled_channels], dim=1
            )
            features = torch.cat([maps * kept, rest], dim=1)
        return self.dropout(features)
