"""A small residual network over the spectrogram alone, for where no encoder may run.

::

    spectrogram ─ 7×5, stride 2×1 ─ 3 × [pool ─ residual block with channel attention]
                ─ all frequencies side by side ─ 2 × [dilated convolution over frames]
                ─ mean and deviation over frames ─ logits

Most of its depth comes after frequencies have been pooled to a few rows, which keeps it fast.
Residual blocks: He et al. 2016; channel attention: Hu et al. 2018 (squeeze and excitation);
statistics pooling: Snyder et al. 2018 (x-vectors).
"""

import torch
from torch import Tensor, nn

from ser_pcq.config import ModelConfig
from ser_pcq.errors import ConfigError
from ser_pcq.models.network import Network
from ser_pcq.models.pcq.mlcnn import ChannelAttention

POOLS = ((2, 2), (2, 1), (2, 2))
"""How many frequencies and frames each block pools into one."""

DILATIONS = (1, 2)
"""Of the convolutions over frames."""


class ResidualBlock(nn.Module):
    """Pool, two convolutions with channel attention, and a short cut.

    Shape:
        (batch, n_in, frequency, frame) to (batch, n_out, frequency // pool, frame // pool).
    """

    def __init__(self, n_in: int, n_out: int, pool: tuple[int, int], reduction: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(pool)
        self.short_cut = nn.Conv2d(n_in, n_out, 1)
        self.first = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_out)
        self.attention = ChannelAttention(n_out, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        x = self.pool(x)
        y = torch.relu(self.first_norm(self.first(x)))
        y = self.attention(self.second_norm(self.second(y)))
        return torch.relu(self.short_cut(x) + y)


class FrameBlock(nn.Module):
    """Adds the output of a dilated convolution over frames, (batch, width, frame) to the same."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return x + torch.relu(self.norm(self.conv(x)))


class ResidualNetwork(Network):
    """The network without its frontend.

    Args:
        config: The `[model]` section: `channels`, `reduction`, `hidden` and `dropout`.
        n_classes: Emotions.
        image_shape: (channel, frequency, frame) of the spectrogram image.
        context_shape: None, as there is no place for context.

    Raises:
        ConfigError: When pooling leaves nothing of the image.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        n_classes: int,
        image_shape: tuple[int, int, int],
        context_shape: tuple[int, int, int] | None = None,
    ) -> None:
        super().__init__()
        rows, columns = (image_shape[1] + 1) // 2, image_shape[2]
        for pool in POOLS:
            rows, columns = rows // pool[0], columns // pool[1]
        if min(rows, columns) < 1:
            raise ConfigError(
                "the spectrogram is too small for three blocks",
                given=f"{image_shape[1]} frequencies, {image_shape[2]} frames",
                accepted="15 or more frequencies, 4 or more frames",
                do="raise frontend.n_mels or segment.duration, or lower frontend.hop_length",
            )
        first, *rest = config.channels
        self.stem = nn.Conv2d(
            image_shape[0], first, (7, 5), padding=(3, 2), stride=(2, 1), bias=False
        )
        self.stem_norm = nn.BatchNorm2d(first)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(n_in, n_out, pool, config.reduction)
                for n_in, n_out, pool in zip((first, *rest[:-1]), rest, POOLS, strict=True)
            )
        )
        self.join = nn.Conv1d(rest[-1] * rows, config.hidden, 1, bias=False)
        self.join_norm = nn.BatchNorm1d(config.hidden)
        self.over_frames = nn.Sequential(
            *(FrameBlock(config.hidden, dilation) for dilation in DILATIONS)
        )
        self.pooled_norm = nn.BatchNorm1d(2 * config.hidden, affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(2 * config.hidden, n_classes)

    def frames(self, image: Tensor) -> Tensor:
        """Return the features of each frame before pooling over time.

        Shape:
            image (batch, channel, frequency, frame) to (batch, hidden, frame // 4).
        """
        x = torch.relu(self.stem_norm(self.stem(image)))
        x = self.blocks(x).flatten(1, 2)
        return self.over_frames(torch.relu(self.join_norm(self.join(x))))

    @property
    def last(self) -> nn.Linear:
        """The layer that makes logits of the features."""
        return self.classify

    def features(self, image: Tensor, context: Tensor | None = None) -> Tensor:
        """Return what enters the last layer: mean and deviation over frames, normalised.

        Shape:
            image (batch, channel, frequency, frame) to (batch, 2 * hidden); there is no context.
        """
        frames = self.frames(image)
        deviation = (frames.var(dim=2, unbiased=False) + 1e-5).sqrt()
        pooled = self.pooled_norm(torch.cat([frames.mean(dim=2), deviation], dim=1))
        return self.dropout(pooled)
