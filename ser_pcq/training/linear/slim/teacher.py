"""What Whisper has at the places that a slim encoder's maps aim at."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from ser_pcq.models.encoders.context import WhisperContext
from ser_pcq.models.encoders.slim_whisper import attend


class SlimTeacher:
    """The stem and the first block of a Whisper encoder, place by place.

    Args:
        encoder: An encoder with one block or more.
    """

    def __init__(self, encoder: WhisperContext) -> None:
        self.encoder, self.block = encoder, encoder.blocks[0]
        self.heads = int(encoder.hub_config["encoder_attention_heads"])

    @property
    def n_units(self) -> int:
        """Units of the block's feed-forward half."""
        return int(self.block.fc1.out_features)

    def first(self, waveform: Tensor) -> Tensor:
        """Return the values before the first activation, (batch, frame, width) of 10 ms."""
        heard: Tensor = self.encoder.conv1(self.encoder.log_mel(waveform))
        return heard.transpose(1, 2)

    def second(self, waveform: Tensor) -> Tensor:
        """Return the values before the second activation, (batch, frame, width) of 20 ms."""
        heard: Tensor = self.encoder.conv2(F.gelu(self.first(waveform)).transpose(1, 2))
        return heard.transpose(1, 2)

    def maps(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value of state 0."""
        attention = self.block.self_attn
        normed = self.block.self_attn_layer_norm(hidden)
        return attention.q_proj(normed), attention.k_proj(normed), attention.v_proj(normed)

    def attended(self, waveform: Tensor) -> Tensor:
        """Return the state after attention, before the feed-forward half."""
        hidden = self.encoder.stem(waveform)
        gathered = attend(*self.maps(hidden), self.heads)
        projected: Tensor = self.block.self_attn.out_proj(gathered)
        return hidden + projected

    def units(self, attended: Tensor) -> Tensor:
        """Return the values of the feed-forward half's units before their activation.

        Shape:
            attended (batch, frame, width) to (batch, frame, n_units).
        """
        values: Tensor = self.block.fc1(self.block.final_layer_norm(attended))
        return values

    def added(self, units: Tensor) -> Tensor:
        """Return what the feed-forward half adds, (batch, frame, n_units) to (…, width)."""
        sums: Tensor = self.block.fc2(F.gelu(units))
        return sums

    def strongest_units(self, speech: Iterable[Tensor], n: int) -> Tensor:
        """Choose units: those that move what the feed-forward half adds the most.

        A unit counts as its variance times the squares of its weights, each output on one scale.

        Args:
            speech: Segments of one utterance after the other, (segment, time), prepared.
            n: How many to choose.

        Returns:
            (n,) indices, ascending.
        """
        count, sums = 0, [torch.zeros(()).double()] * 4
        for segments in speech:
            units = self.units(self.attended(segments)).flatten(0, 1)
            active, added = F.gelu(units), self.added(units)
            parts = [active.sum(0), active.square().sum(0), added.sum(0), added.square().sum(0)]
            sums = [a.to(b.device) + b.double() for a, b in zip(sums, parts, strict=True)]
            count += units.shape[0]
        mean, square, mean_added, square_added = (part / count for part in sums)
        scale = (square_added - mean_added.square()).clamp_min(1e-12)
        weight = (self.block.fc2.weight.double().square() / scale[:, None]).sum(0)
        strength = (square - mean.square()) * weight
        chosen: Tensor = strength.topk(n).indices.sort().values
        return chosen
