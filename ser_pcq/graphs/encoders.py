"""Context encoders, with those parts exchanged that a runtime would do slowly."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.graphs.spectra import WhisperLogMelGraph
from ser_pcq.models.context import ContextEncoder
from ser_pcq.models.slim_whisper import LowRankConv, Positions
from ser_pcq.models.whisper_input import WhisperLogMel, sinusoids


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
    """`Positions` of any number of frames from two small tables, by the sine of a sum.

    A runtime takes long for a sine, and a table of all positions would be larger than the model.

    Args:
        original: What it stands for.
        n_most: Frames of the longest segment.
    """

    coarse: Tensor
    fine: Tensor
    STEP = 16

    def __init__(self, original: Positions, n_most: int) -> None:
        super().__init__()
        half, step = original.width // 2, self.STEP
        table = sinusoids(n_most + step, original.width)
        both = torch.stack([table[:, :half], table[:, half:]])  # sines and cosines
        self.register_buffer("coarse", both[:, ::step].unsqueeze(2).contiguous())
        self.register_buffer("fine", both[:, :step].unsqueeze(1).contiguous())

    def forward(self, n_frames: int) -> Tensor:
        """Return the positions of the first frames, (frame, width)."""
        n_steps = (n_frames + self.STEP - 1) // self.STEP
        sine, cosine = self.coarse[:, :n_steps].unbind(0)  # each (step, 1, width / 2)
        fine_sine, fine_cosine = self.fine.unbind(0)  # each (1, STEP, width / 2)
        sines = sine * fine_cosine + cosine * fine_sine
        cosines = cosine * fine_cosine - sine * fine_sine
        return torch.cat([sines, cosines], dim=2).flatten(0, 1).narrow(0, 0, n_frames)


def graph_encoder(encoder: ContextEncoder, n_samples: int) -> ContextEncoder:
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
    return encoder
