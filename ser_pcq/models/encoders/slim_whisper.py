"""A Whisper encoder of some hundred thousand parameters: its stem and its first block, made small.

Every linear map is of low rank. The feed-forward half is the greater part of a block: it keeps some
of its units, or is left out. Within one corpus it is hardly missed; on a corpus that was left out
it is worth some seven points. `ser_pcq.training.linear.slim.encoder` makes all of it from Whisper.

Nothing here needs transformers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.config import ContextConfig
from ser_pcq.errors import ConfigError
from ser_pcq.models.data_info import Plain, as_json
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.encoders.whisper_input import HOP, WhisperLogMel, sinusoids


@dataclass(frozen=True)
class SlimShape:
    """The sizes of a slim encoder.

    Attributes:
        n_mels: Mel bands that it hears.
        width: Features of a frame, as Whisper has.
        heads: Attention heads; a divisor of the width.
        conv: Ranks of the two convolutions.
        attention: Ranks of query and key together, of value, and of output.
        feed_forward: Units that are kept, the rank of the map to them, and of the map from them;
            nothing where this half of the block is left out.
    """

    n_mels: int
    width: int
    heads: int
    conv: tuple[int, ...]
    attention: tuple[int, ...]
    feed_forward: tuple[int, ...] = ()


class LowRank(nn.Module):
    """A linear map through a few numbers: (…, n_in) to (…, n_out)."""

    def __init__(self, n_in: int, n_out: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(n_in, rank, bias=False)
        self.up = nn.Linear(rank, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the map."""
        return self.up(self.down(x))


class LowRankConv(nn.Module):
    """The same over three neighbouring frames: (batch, n_in, frame) to (batch, n_out, frame')."""

    def __init__(self, n_in: int, n_out: int, rank: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.map = LowRank(3 * n_in, n_out, rank)

    def neighbours(self, x: Tensor) -> Tensor:
        """Lay three frames side by side, zeros beyond the ends.

        Shape:
            (batch, n_in, frame) to (batch, frame', 3 * n_in): channel by channel.
        """
        around = F.pad(x, (1, 1)).unfold(2, 3, self.stride)  # (batch, n_in, frame', 3)
        return around.transpose(1, 2).flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the map."""
        return self.map(self.neighbours(x)).transpose(1, 2)


class Positions(nn.Module):
    """Whisper's positions as a module, which a graph exchanges."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, n_frames: int) -> Tensor:
        """Return the positions of the first frames, (frame, width)."""
        return sinusoids(n_frames, self.width)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention of all heads (Vaswani et al. 2017, equation 1).

    Shape:
        each (batch, frame, width) to (batch, frame, width).
    """
    split = [x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value)]
    return F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)


class FeedForward(nn.Module):
    """The feed-forward half of a block, with some of its units.

    The last map sees the normalised frames, too: what the missing units add is linear for the most.

    Shape:
        (batch, frame, width), normalised, to the same: what is added to the frames.
    """

    def __init__(self, width: int, n_units: int, to_units: int, from_units: int) -> None:
        super().__init__()
        self.units = LowRank(width, n_units, to_units)
        self.output = LowRank(n_units + width, width, from_units)

    def active(self, normed: Tensor) -> Tensor:
        """Return what the last map sees: the units' values beside the frames.

        Shape:
            (batch, frame, width) to (batch, frame, n_units + width).
        """
        return torch.cat([F.gelu(self.units(normed)), normed], dim=-1)

    def forward(self, normed: Tensor) -> Tensor:
        """Apply both maps."""
        added: Tensor = self.output(self.active(normed))
        return added


class SlimWhisper(ContextEncoder):
    """The slim encoder; its hidden states are 0, the stem's, and 1, after the first block.

    Args:
        config: The `[context]` section.
        layers: The states that are read, 0 and 1.
        hub_config: The fields of `SlimShape`, as plain values.

    Raises:
        ConfigError: For a state that it does not have.
    """

    family = "slim-whisper"

    def __init__(self, config: ContextConfig, layers: tuple[int, ...], hub_config: Plain) -> None:
        super().__init__(config, layers, hub_config)
        if not set(layers) <= {0, 1}:
            raise ConfigError("a slim encoder has no such layer", given=layers, accepted="0 and 1")
        shape = shape_of(hub_config)
        self.width, self.heads = shape.width, shape.heads
        self.log_mel = WhisperLogMel(shape.n_mels)
        self.conv1 = LowRankConv(shape.n_mels, self.width, shape.conv[0], stride=1)
        self.conv2 = LowRankConv(self.width, self.width, shape.conv[1], stride=2)
        # Without weights: the maps that follow take in what scale and shift Whisper has here.
        self.norm = nn.LayerNorm(self.width, elementwise_affine=False)
        self.positions = Positions(self.width)
        query_key, value, output = shape.attention
        self.query_key = LowRank(self.width, 2 * self.width, query_key)
        self.value = LowRank(self.width, self.width, value)
        self.output = LowRank(self.width, self.width, output)
        self.feed_forward = (
            FeedForward(self.width, *shape.feed_forward) if shape.feed_forward else None
        )

    def stem(self, waveform: Tensor) -> Tensor:
        """Return state 0, (batch, time) to (batch, frame, width)."""
        hidden = F.gelu(self.conv1(self.log_mel(waveform)))
        hidden = F.gelu(self.conv2(hidden)).transpose(1, 2)
        return hidden + self.positions(hidden.shape[1]).to(hidden)

    def gather(self, normed: Tensor) -> Tensor:
        """Return what attention gathers, before its output map.

        Shape:
            normed (batch, frame, width), normalised state 0, to the same.
        """
        query, key = self.query_key(normed).chunk(2, dim=2)
        return attend(query, key, self.value(normed), self.heads)

    def hidden_states(self, waveform: Tensor) -> list[Tensor]:
        """Return states 0 and 1, each (batch, frame, width)."""
        hidden = self.stem(waveform)
        return [hidden, self.finish(self.attended(hidden))]

    def attended(self, hidden: Tensor) -> Tensor:
        """Return state 0 with what attention adds, (batch, frame, width) to the same."""
        return hidden + self.output(self.gather(self.norm(hidden)))

    def finish(self, attended: Tensor) -> Tensor:
        """Return state 1: what attention left, and what the feed-forward half adds to it.

        Shape:
            (batch, frame, width) to the same.
        """
        if self.feed_forward is None:
            return attended
        added: Tensor = self.feed_forward(self.norm(attended))
        return attended + added

    def n_frames(self, n_samples: int) -> int:
        """Frames of 20 ms."""
        return (n_samples // HOP + 1) // 2


def shape_of(plain: Plain) -> SlimShape:
    """Return a shape from plain values."""
    # Older checkpoints have no feed-forward half.
    ranks = {key: tuple(plain.get(key, ())) for key in ("conv", "attention", "feed_forward")}
    return SlimShape(**{**plain, **ranks})


def plain_shape(shape: SlimShape) -> Plain:
    """Return a shape as plain values, as a checkpoint holds them."""
    return as_json(shape)
