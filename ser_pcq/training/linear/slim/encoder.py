"""Make a slim encoder from Whisper: maps of low rank, fitted one after the other.

Each map of the slim encoder is a regression of limited rank onto what Whisper has at that place:
the best one in the sense of squared error, every output put on one scale first, since a small
feature may matter as much as a large one. Its inputs are what the slim encoder computes so far, and
the last map of attention, and that of the feed-forward half, aim at the states that Whisper has
there, so each map also corrects errors of those before it.
It needs no gradients, random numbers or labels, only speech.

Source: Izenman, "Reduced-rank regression for the multivariate linear model", J. Multivariate
Analysis 5, 1975.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ser_pcq.config.linear import SlimConfig
from ser_pcq.errors import ConfigError
from ser_pcq.models.encoders.context import ContextEncoder, WhisperContext
from ser_pcq.models.encoders.slim_whisper import (
    FeedForward,
    LowRank,
    SlimShape,
    SlimWhisper,
    plain_shape,
)
from ser_pcq.training.linear.slim.teacher import SlimTeacher

RIDGE = 1e-5
"""Share of the mean variance of the inputs that is added to each: inputs are nearly dependent."""

NOTHING = 1e-8
"""Share of an output's variance that counts as none: a direction with less is not scaled up."""

LARGEST = 60_000.0
"""Largest weight; half precision ends soon above."""

Pair = tuple[Tensor, Tensor]
Pairs = Callable[[Tensor], Iterator[Pair]]
Stage = tuple[Sequence[LowRank], Pairs]


class Moments:
    """First and second moments of pairs of inputs and outputs, taken frame by frame."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: list[Tensor] = []

    def add(self, inputs: Tensor, outputs: Tensor) -> None:
        """Take in some frames, (…, n_in) and (…, n_out)."""
        x, y = inputs.flatten(0, -2), outputs.flatten(0, -2)
        parts = [x.sum(0), y.sum(0), x.T @ x, y.T @ x, y.square().sum(0)]
        # Each utterance in single precision, which is fast; the sum of many in double.
        wide = [part.double() for part in parts]
        self.sums = [a + b for a, b in zip(self.sums, wide, strict=True)] if self.sums else wide
        self.count += x.shape[0]

    def fit(self, target: LowRank) -> float:
        """Fit a map to them; return the share of the outputs' variance that is left."""
        mean_x, mean_y, xx, yx, yy = (part / self.count for part in self.sums)
        covariance = xx - mean_x.outer(mean_x)
        covariance += RIDGE * covariance.diagonal().mean() * torch.eye(len(mean_x)).to(covariance)
        scale = (yy - mean_y.square()).clamp_min(1e-12).sqrt()
        shared = (yx - mean_y.outer(mean_x)) / scale[:, None]
        full = torch.linalg.solve(covariance, shared.T).T  # (n_out, n_in), of any rank
        explained, directions = torch.linalg.eigh(full @ covariance @ full.T)
        rank = target.down.out_features
        strongest = explained.flip(0)[:rank].clamp_min(NOTHING)
        directions = directions.flip(1)[:, :rank]
        # What passes between the two halves has a variance of 1, which half precision holds well.
        down = directions.T @ full / strongest.sqrt()[:, None]
        up = directions * strongest.sqrt() * scale[:, None]
        # As checkpoints keep a frozen encoder, so that the next map corrects the rounding, too.
        down, up = down.clamp(-LARGEST, LARGEST).half().double(), up.half().double()
        with torch.no_grad():
            target.down.weight.copy_(down)
            target.up.weight.copy_(up)
            target.up.bias.copy_((mean_y - up @ (down @ mean_x)).half())
        moving = int((scale > 1e-6).sum())
        return max(0.0, 1.0 - float(explained[-rank:].sum()) / max(1, moving))


def n_stages(config: SlimConfig) -> int:
    """Return how many times the speech is read."""
    return 7 if config.feed_forward else 4


def _stages(teacher: SlimTeacher, slim: SlimWhisper) -> list[Stage]:
    """Return, in order, the maps to fit up to attention, and their pairs of inputs and outputs."""

    def first(waveform: Tensor) -> Iterator[Pair]:
        yield slim.conv1.neighbours(slim.log_mel(waveform)), teacher.first(waveform)

    def second(waveform: Tensor) -> Iterator[Pair]:
        heard = F.gelu(slim.conv1(slim.log_mel(waveform)))
        yield slim.conv2.neighbours(heard), teacher.second(waveform)

    def attention(waveform: Tensor) -> Iterator[Pair]:
        normed = slim.norm(slim.stem(waveform))
        query, key, value = teacher.maps(teacher.encoder.stem(waveform))
        yield normed, torch.cat([query, key], dim=2)
        yield normed, value

    def output(waveform: Tensor) -> Iterator[Pair]:
        hidden = slim.stem(waveform)
        yield slim.gather(slim.norm(hidden)), teacher.attended(waveform) - hidden

    return [
        ([slim.conv1.map], first),
        ([slim.conv2.map], second),
        ([slim.query_key, slim.value], attention),
        ([slim.output], output),
    ]


def _feed_forward_stages(
    teacher: SlimTeacher, slim: SlimWhisper, half: FeedForward, chosen: Tensor
) -> list[Stage]:
    """Return the same for the feed-forward half, with the chosen units."""

    def units(waveform: Tensor) -> Iterator[Pair]:
        normed = slim.norm(slim.attended(slim.stem(waveform)))
        yield normed, teacher.units(teacher.attended(waveform))[..., chosen]

    def output(waveform: Tensor) -> Iterator[Pair]:
        attended, wanted = slim.attended(slim.stem(waveform)), teacher.attended(waveform)
        wanted = wanted + teacher.added(teacher.units(wanted))
        yield half.active(slim.norm(attended)), wanted - attended

    return [([half.units], units), ([half.output], output)]


def check_slim(encoder: ContextEncoder | None, config: SlimConfig) -> WhisperContext:
    """Refuse an encoder that cannot be made slim, or ranks that it does not have.

    Returns:
        The encoder.

    Raises:
        ConfigError: For these.
    """
    if not isinstance(encoder, WhisperContext) or not len(encoder.blocks):
        raise ConfigError(
            "this encoder cannot be made slim",
            given="none" if encoder is None else f"{encoder.family}, layers {encoder.layers}",
            accepted="whisper-base or another Whisper, with its first block or more",
            do="change context.encoder, or leave [slim] out",
        )
    width, mels = encoder.width, int(encoder.hub_config["num_mel_bins"])
    n_units = SlimTeacher(encoder).n_units
    limits = {
        "conv": (min(3 * mels, width), width),
        "attention": (width,) * 3,
        "feed_forward": (n_units, min([width, *config.feed_forward[:1]]), width),
    }
    for key, most in limits.items():
        ranks = getattr(config, key)
        if any(rank > limit for rank, limit in zip(ranks, most[: len(ranks)], strict=True)):
            raise ConfigError(
                f"slim.{key} has a rank above what the map has",
                given=list(ranks),
                accepted=f"up to {', '.join(map(str, most))}",
            )
    return encoder


@torch.no_grad()
def slim_encoder(
    encoder: ContextEncoder,
    speech: Callable[[], Iterable[Tensor]],
    config: SlimConfig,
    *,
    on_progress: Callable[[], None] = lambda: None,
) -> SlimWhisper:
    """Return a slim encoder that does what Whisper's first block does with this speech.

    Args:
        encoder: A Whisper encoder with one block or more.
        speech: Gives the segments of one utterance after the other, (segment, time) at 16 kHz;
            called once for each of the `n_stages`.
        config: The `[slim]` section.
        on_progress: Called after each utterance of each stage.

    Raises:
        ConfigError: See `check_slim`.
    """
    whisper = check_slim(encoder, config)
    slim, teacher = _unfitted(whisper, config), SlimTeacher(whisper)

    def heard() -> Iterator[Tensor]:
        for segments in speech():
            yield from whisper.prepare(segments).split(16)
            on_progress()

    def fit(stages: list[Stage]) -> None:
        for maps, pairs in stages:
            moments = [Moments() for _ in maps]
            for part in heard():
                for sums, pair in zip(moments, pairs(part), strict=True):
                    sums.add(*pair)
            for sums, one in zip(moments, maps, strict=True):
                sums.fit(one)

    fit(_stages(teacher, slim))
    if slim.feed_forward is not None:
        chosen = teacher.strongest_units(heard(), config.feed_forward[0])
        fit(_feed_forward_stages(teacher, slim, slim.feed_forward, chosen))
    slim.freeze()
    return slim


def _unfitted(whisper: WhisperContext, config: SlimConfig) -> SlimWhisper:
    """Return a slim encoder of the wanted shape, beside the one that it is made from."""
    hub = whisper.hub_config
    shape = SlimShape(
        n_mels=int(hub["num_mel_bins"]),
        width=whisper.width,
        heads=int(hub["encoder_attention_heads"]),
        conv=config.conv,
        attention=config.attention,
        feed_forward=config.feed_forward,
    )
    slim = SlimWhisper(whisper.config, whisper.layers, plain_shape(shape)).eval()
    return slim.to(next(whisper.parameters()).device)
