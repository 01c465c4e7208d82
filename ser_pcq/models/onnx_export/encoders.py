"""Context encoders for graphs: parts that a runtime would compute slowly are replaced."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.encoders.slim_whisper import LowRankConv, Positions, SlimWhisper
from ser_pcq.models.encoders.whisper_input import WhisperLogMel, sinusoids
from ser_pcq.models.onnx_export.spectra import WhisperLogMelGraph


class NeighbourProduct(nn.Module):
    """A convolution over three neighbouring frames, as a product of matrices.

    Runtimes keep products, not convolutions, in 8 bits.

    Args:
        conv: Kernel 3, padding 1, any stride.

    Shape:
        (batch, n_in, frame) to (batch, n_out, frame').
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.stride = conv.stride[0]
        self.map = nn.Linear(3 * conv.in_channels, conv.out_channels, bias=conv.bias is not None)
        with torch.no_grad():
            self.map.weight.copy_(conv.weight.transpose(1, 2).flatten(1))
            if conv.bias is not None:
                self.map.bias.copy_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution."""
        padded = F.pad(x.transpose(1, 2), (0, 0, 1, 1))  # (batch, frame + 2, n_in)
        n_frames = x.shape[2]
        beside = [padded[:, k : k + n_frames : self.stride] for k in range(3)]
        return self.map(torch.cat(beside, dim=2)).transpose(1, 2)


class LowRankConvGraph(nn.Module):
    """`LowRankConv` as two convolutions; (batch, n_in, frame) to (batch, n_out, frame')."""

    def __init__(self, original: LowRankConv) -> None:
        super().__init__()
        down, up = original.map.down, original.map.up
        n_in = down.in_features // 3
        self.down = nn.Conv1d(
            n_in, down.out_features, 3, stride=original.stride, padding=1, bias=False
        )
        self.up = nn.Conv1d(up.in_features, up.out_features, 1)
        with torch.no_grad():
            self.down.weight.copy_(down.weight.unflatten(1, (n_in, 3)))
            self.up.weight.copy_(up.weight.unsqueeze(2))
            self.up.bias.copy_(up.bias)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the map."""
        return self.up(self.down(x))


class PositionsGraph(nn.Module):
    """`Positions` of any number of frames from small tables, by the sine of a sum.

    A runtime takes long for a sine, and a table of all positions would be larger than the model.
    The tables hold each number twice, sines and cosines in both orders, so that a sum of two
    products is all there is to do.

    Args:
        original: The module that it replaces.
        n_most: Frames of the longest segment.
    """

    coarse: Tensor
    coarse_turned: Tensor
    fine_cosine: Tensor
    fine_sine: Tensor
    STEP = 16

    def __init__(self, original: Positions, n_most: int) -> None:
        super().__init__()
        step = self.STEP
        table = sinusoids(n_most + step, original.width)  # sines, then cosines
        sine, cosine = table.chunk(2, dim=1)
        for name, left, right in (("coarse", sine, cosine), ("coarse_turned", cosine, -sine)):
            both = torch.cat([left, right], dim=1)[::step]
            self.register_buffer(name, both.unsqueeze(1).contiguous())  # (steps, 1, width)
        for name, half in (("fine_cosine", cosine), ("fine_sine", sine)):
            self.register_buffer(name, torch.cat([half, half], dim=1)[:step].contiguous())

    def forward(self, n_frames: int) -> Tensor:
        """Return the positions of the first frames, (frame, width)."""
        n_steps = (n_frames + self.STEP - 1) // self.STEP
        places = self.coarse[:n_steps] * self.fine_cosine  # (step, STEP, width)
        places = places + self.coarse_turned[:n_steps] * self.fine_sine
        return places.flatten(0, 1).narrow(0, 0, n_frames)


class FoldedAttention(nn.Module):
    """The attention of a `SlimWhisper`, with the maps before and after it within it.

    A head's scores are products of queries and keys, both of which are maps of the same few
    numbers z of each frame: so they are products of z with z again, through one small matrix. And
    what is gathered are the few numbers that values are maps of, the maps coming after. The bias
    of the keys adds the same to all scores of a frame, which leaves attention as it is. This is
    less work where the ranks are smaller than the width of a head, and as right where not.

    Args:
        encoder: The one whose attention it replaces.

    Shape:
        normed (batch, frame, width), normalised state 0, to the same: what is added to state 0.
    """

    score: Tensor
    score_bias: Tensor
    carry: Tensor

    def __init__(self, encoder: SlimWhisper) -> None:
        super().__init__()
        heads = self.heads = encoder.heads
        self.query_key, self.value = encoder.query_key.down, encoder.value.down
        self.up = copy.deepcopy(encoder.output.up)
        with torch.no_grad():
            up, bias = encoder.query_key.up.weight.double(), encoder.query_key.up.bias.double()
            query, key = up.unflatten(0, (2, heads, -1))  # each (head, width / head, rank)
            scale = query.shape[1] ** -0.5
            query_bias = bias.chunk(2)[0].view(heads, -1)
            score = scale * torch.einsum("hwi,hwj->ihj", query, key)
            score_bias = scale * torch.einsum("hw,hwj->hj", query_bias, key)
            value = encoder.value.up.weight.double().unflatten(0, (heads, -1))
            output = encoder.output.down.weight.double().unflatten(1, (heads, -1))
            carry = torch.einsum("ohw,hwi->hio", output, value)
            # Weights of attention sum to 1, so the values' bias passes through.
            bias = encoder.output.down.weight.double() @ encoder.value.up.bias.double()
            self.up.bias.add_(encoder.output.up.weight.double() @ bias)
        self.register_buffer("score", score.flatten(1).float())  # (rank, head * rank)
        self.register_buffer("score_bias", score_bias.flatten().float())
        self.register_buffer("carry", carry.flatten(0, 1).float())  # (head * rank, rank of output)

    def forward(self, normed: Tensor) -> Tensor:
        """Apply the attention."""
        z, frames = self.query_key(normed), (normed.shape[1], self.heads)
        query = (z @ self.score + self.score_bias).unflatten(2, (self.heads, -1)).flatten(1, 2)
        weights = (query @ z.transpose(1, 2)).softmax(dim=2)  # (batch, frame * head, frame)
        gathered = (weights @ self.value(normed)).unflatten(1, frames).flatten(2)
        return self.up(gathered @ self.carry)


class SlimWhisperGraph(nn.Module):
    """A `SlimWhisper` whose parts are replaced; (batch, time) to (batch, depth, frame, width)."""

    def __init__(self, encoder: SlimWhisper) -> None:
        super().__init__()
        self.layers, self.encoder = encoder.layers, encoder
        self.attention = FoldedAttention(encoder)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the hidden states that are read."""
        hidden = self.encoder.stem(self.encoder.prepare(waveform))
        attended = hidden + self.attention(self.encoder.norm(hidden))
        states = [hidden, self.encoder.finish(attended)]
        return torch.stack([states[layer] for layer in self.layers], dim=1)


def graph_encoder(encoder: ContextEncoder, n_samples: int) -> ContextEncoder | SlimWhisperGraph:
    """Return a copy of an encoder with parts that a graph runs fast.

    Args:
        encoder: The original.
        n_samples: The longest segment.
    """
    encoder = copy.deepcopy(encoder)
    for name, module in list(encoder.named_children()):
        if isinstance(module, WhisperLogMel):
            setattr(encoder, name, WhisperLogMelGraph(module))
        elif isinstance(module, Positions):
            setattr(encoder, name, PositionsGraph(module, encoder.n_frames(n_samples)))
        elif isinstance(module, LowRankConv):
            setattr(encoder, name, LowRankConvGraph(module))
        elif isinstance(module, nn.Conv1d):
            setattr(encoder, name, NeighbourProduct(module))
    return SlimWhisperGraph(encoder) if isinstance(encoder, SlimWhisper) else encoder
