"""The spectrogram branch (paper: MLCNN): a two-shape stem and four stages of depth blocks.

For the published image, 3×256×384, the stages give 16×127×191, 32×63×95, 48×31×47 and 64×15×23
(PCQ, ICIC 2024, figure 1).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class Stem(nn.Module):
    """Two parallel convolutions, one tall in frequency and one long in time.

    Shape:
        (batch, in_channels, frequency, frame) to (batch, channels, frequency - 1, frame - 1).
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.tall = nn.Conv2d(in_channels, half, (10, 2), padding=(4, 0), bias=False)
        self.tall_norm = nn.BatchNorm2d(half)
        self.long = nn.Conv2d(in_channels, channels - half, (2, 8), padding=(0, 3), bias=False)
        self.long_norm = nn.BatchNorm2d(channels - half)

    def forward(self, image: Tensor) -> Tensor:
        """Return both views, concatenated over channels."""
        return torch.cat([torch.relu(view) for view in self._views(image)], dim=1)

    def halved(self, image: Tensor) -> Tensor:
        """Return `forward`, max-pooled by 2: the input of stage 1.

        The largest value of four is the same before the ReLU as after it, and pooling first leaves
        all that follows a quarter of the network's largest map. That map is laid out channels last
        only now: so laid out, batch normalisation on a CPU rounds the sums over its many places
        to three digits.

        Shape:
            (batch, in_channels, frequency, frame) to (batch, channels, (frequency - 1) // 2,
            (frame - 1) // 2), channels last in memory.
        """
        views = [v.contiguous(memory_format=torch.channels_last) for v in self._views(image)]
        return torch.relu(torch.cat([F.max_pool2d(view, 2) for view in views], dim=1))

    def _views(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tall and the long view before their activation."""
        return self.tall_norm(self.tall(image)), self.long_norm(self.long(image))


class ChannelAttention(nn.Module):
    """Squeeze and excitation: a weight between 0 and 1 for each channel.

    Shape:
        (batch, channel, frequency, frame) to the same.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        bottleneck = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, bottleneck)
        self.excite = nn.Linear(bottleneck, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each channel by its weight."""
        pooled = x.mean(dim=(2, 3))  # (batch, channel)
        weight = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))
        return x * weight[:, :, None, None]


class DepthBlock(nn.Module):
    """Depthwise block with channel attention (paper: PDC).

    ``x + [1×1 expand → depthwise 3×3 → channel attention → 1×1 contract](x)``. Expansion,
    reduction and activation are not stated in the paper and are configuration here.

    Shape:
        (batch, channel, frequency, frame) to the same.
    """

    def __init__(self, channels: int, *, expansion: int, reduction: int, activation: str) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = nn.Conv2d(channels, wide, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(wide)
        self.attention = ChannelAttention(wide, reduction)
        self.contract = nn.Conv2d(wide, channels, 1, bias=False)
        self.contract_norm = nn.BatchNorm2d(channels)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Add the block's output to its input."""
        y = self.activation(self.expand_norm(self.expand(x)))
        y = self.activation(self.depthwise_norm(self.depthwise(y)))
        return x + self.contract_norm(self.contract(self.attention(y)))


class Stage(nn.Module):
    """One stage: convolution to the stage's channels, max-pool, depth block.

    In stage 1 (`in_channels` None) the stem has done the first two.

    Shape:
        (batch, in_channels, frequency, frame) to (batch, out_channels, frequency // 2, frame // 2);
        in stage 1 to the same.
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        *,
        expansion: int,
        reduction: int,
        activation: str,
    ) -> None:
        super().__init__()
        self.widen: nn.Module = nn.Identity()
        if in_channels is not None:
            self.widen = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.MaxPool2d(2),
                nn.ReLU(),
            )
        self.block = DepthBlock(
            out_channels, expansion=expansion, reduction=reduction, activation=activation
        )

    def forward(self, x: Tensor) -> Tensor:
        """Halve the map and refine it."""
        return self.block(self.widen(x))


class MLCNN(nn.Module):
    """Stem and four stages.

    Args:
        in_channels: Spectrogram channels.
        channels: Channels of the four stages.
        expansion: Widening in a depth block.
        reduction: Bottleneck of its channel attention.
        activation: `gelu` or `relu`.
    """

    def __init__(
        self,
        in_channels: int,
        channels: tuple[int, int, int, int],
        *,
        expansion: int = 2,
        reduction: int = 4,
        activation: str = "gelu",
    ) -> None:
        super().__init__()
        self.stem = Stem(in_channels, channels[0])
        self.stages = nn.ModuleList(
            Stage(
                None if k == 0 else channels[k - 1],
                channels[k],
                expansion=expansion,
                reduction=reduction,
                activation=activation,
            )
            for k in range(4)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the four stage outputs x1, x2, x3, x4.

        Shape:
            image (batch, channel, frequency, frame) to four maps, each half the size of the last.
        """
        # Channels last in memory from here: a CPU pools and convolves (1×1, depthwise) faster so.
        x = self.stem.halved(image)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def stage_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (frequency, frame) of the four stage outputs for an image of `height` × `width`."""
    sizes = []
    height, width = height - 1, width - 1
    for _ in range(4):
        height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes
