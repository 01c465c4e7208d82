"""Channel query blocks (paper: CSQ) and the query maps that guide them.

The block's inside is the group aggregation bridge known from EGE-UNet (MICCAI 2023), with the query
map in the place of the segmentation mask; that this is what PCQ uses is inferred from the paper's
figure and its parameter count.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DILATIONS = (1, 2, 5, 7)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of a map, at each place by itself.

    Shape:
        (batch, channel, frequency, frame) to the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise to zero mean and unit variance, then scale and shift each channel."""
        last = x.permute(0, 2, 3, 1)  # (batch, frequency, frame, channel)
        normed = F.layer_norm(last, (x.shape[1],), self.weight, self.bias, eps=1e-6)
        return normed.permute(0, 3, 1, 2)


class DilatedConvolution(nn.Conv2d):
    """A 3×3 convolution of each channel by itself, its taps `dilation` places apart.

    Shape:
        (batch, channel, frequency, frame) to the same.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__(
            channels, channels, 3, padding=dilation, dilation=dilation, groups=channels
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and add the bias."""
        assert self.bias is not None
        # Within a dilated convolution, the bias's gradient takes a CPU as long as all the rest.
        y = F.conv2d(x, self.weight, None, self.stride, self.padding, self.dilation, self.groups)
        return y + self.bias[:, None, None]


def _join_channels(maps: Sequence[Tensor]) -> Tensor:
    """Concatenate maps over their channels, laid out channels last as `ChannelNorm` reads them.

    Plain concatenation over dimension 1 loses that layout when one map has a single channel.

    Shape:
        (batch, channel_i, frequency, frame) each, to (batch, sum of channel_i, frequency, frame).
    """
    return torch.cat([m.movedim(1, 3) for m in maps], dim=3).movedim(3, 1)


class ChannelQuery(nn.Module):
    """Join a deep and a shallow map, guided by a query map (paper: CSQ).

    Args:
        high_channels: Channels of the deeper map (stage k + 1).
        low_channels: Channels of the shallower map (stage k), a multiple of 4.
        with_query: False leaves the query map out (the ablation without context).
    """

    def __init__(self, high_channels: int, low_channels: int, *, with_query: bool = True) -> None:
        super().__init__()
        self.project = nn.Conv2d(high_channels, low_channels, 1)
        grouped = 2 * (low_channels // len(DILATIONS)) + int(with_query)
        self.norms = nn.ModuleList(ChannelNorm(grouped) for _ in DILATIONS)
        self.convolutions = nn.ModuleList(DilatedConvolution(grouped, d) for d in DILATIONS)
        joined = grouped * len(DILATIONS)
        self.tail_norm = ChannelNorm(joined)
        self.tail = nn.Conv2d(joined, low_channels, 1)

    def forward(self, high: Tensor, low: Tensor, query_map: Tensor | None) -> Tensor:
        """Return the joined map at the size of `low`.

        Shape:
            high (batch, high_channels, frequency', frame'), low (batch, low_channels, frequency,
            frame), query_map (batch, 1, frequency, frame) or None, to the shape of `low`.
        """
        size = (low.shape[2], low.shape[3])
        high = F.interpolate(self.project(high), size=size, mode="bilinear", align_corners=False)
        groups = []
        for i, (high_i, low_i) in enumerate(zip(high.chunk(4, 1), low.chunk(4, 1), strict=True)):
            parts = [high_i, low_i] if query_map is None else [high_i, low_i, query_map]
            groups.append(self.convolutions[i](self.norms[i](_join_channels(parts))))
        return self.tail(self.tail_norm(torch.cat(groups, dim=1)))


class QueryMaps(nn.Module):
    """Encoder output to the three query maps Q1, Q2, Q3.

    Args:
        sizes: (frequency, frame) of the stages that are queried: x1, x2, x3.
        per_depth: False (published): the deepest layer read becomes Q1, and Q1 is pooled further
            for Q2, and Q2 for Q3. True: the k-th layer read becomes Q_k, so that both branches
            progress in depth.
        time_aligned: False (published): encoder frames lie along the map's frequency axis and the
            encoder's width along its frames. True: frames along frames.
    """

    def __init__(
        self, sizes: Sequence[tuple[int, int]], *, per_depth: bool, time_aligned: bool
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.per_depth = per_depth
        self.time_aligned = time_aligned

    def forward(self, context: Tensor) -> list[Tensor]:
        """Return Q1, Q2, Q3.

        Shape:
            context (batch, depth, frame, width) to three maps (batch, 1, frequency, frame).
        """
        if self.per_depth:
            return [self._pool(context[:, k : k + 1], size) for k, size in enumerate(self.sizes)]
        maps = [self._pool(context[:, -1:], self.sizes[0])]
        for size in self.sizes[1:]:
            maps.append(F.adaptive_avg_pool2d(maps[-1], size))
        return maps

    def _pool(self, layer: Tensor, size: tuple[int, int]) -> Tensor:
        """Pool one encoder layer to a map, one axis after the other.

        Shape:
            (batch, 1, frame, width) to (batch, 1, frequency, frame).
        """
        frames, widths = reversed(size) if self.time_aligned else size
        pooled = F.adaptive_avg_pool1d(layer[:, 0], widths)  # (batch, frame, width')
        pooled = F.adaptive_avg_pool1d(pooled.transpose(1, 2), frames)  # (batch, width', frame')
        return (pooled if self.time_aligned else pooled.transpose(1, 2)).unsqueeze(1)
