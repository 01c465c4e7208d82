"""The sections of the configuration that linear recognizers read."""

from dataclasses import dataclass
from typing import Annotated, Literal

from ser_pcq.config.ranges import HUGE, TINY, AtLeast, Between, Distinct

TIMES = Distinct(0.01, 10, "times of 0.01 to 10 s", may_be_empty=True)


@dataclass(frozen=True)
class StatisticsConfig:
    """How linear classifiers sum an encoder's frames up; several values make several candidates."""

    speech_ranges: Annotated[
        tuple[float, ...], Distinct(0, 1000, "numbers of dB from 0 to 1000")
    ] = (0.0,)
    """Frames more than so many dB under the loudest are pauses and left out; 0 keeps all."""
    parts: Annotated[tuple[int, ...], Distinct(1, 100, "whole numbers, 1 to 100")] = (1,)
    """Beside mean and deviation of the whole, the mean over each of so many equal parts."""
    loudness: Annotated[tuple[float, ...], Distinct(0, 1, "numbers from 0 to 1")] = (0.0,)
    """Frames count by this power of their energy: 0 lets all count alike, 0.3 is loudness."""
    windows: Annotated[tuple[float, ...], TIMES] = ()
    """Lengths in s; each adds the deviation of the frames' moving average over that time, rounded
    to an odd number of frames."""
    lags: Annotated[tuple[float, ...], TIMES] = ()
    """Times in s; each adds the deviation of the frames' change over that time."""


@dataclass(frozen=True)
class SlimConfig:
    """A slim encoder made from the lower end of Whisper; off unless ranks are given."""

    conv: tuple[int, ...] = ()
    """Ranks of the two convolutions."""
    attention: tuple[int, ...] = ()
    """Ranks of the first block's query and key together, of its value, and of its output."""
    feed_forward: tuple[int, ...] = ()
    """Units that the feed-forward half of the first block keeps, the rank of the map to them, and
    of the map from them; nothing leaves this half out."""
    utterances: Annotated[int, AtLeast(1)] = 500
    """Most training utterances whose sound it is fitted to, as many of each corpus, spread evenly
    over its own."""
    channels: Annotated[int, AtLeast(0)] = 0
    """Copies of each of them through other channels that it is fitted to as well, so that it does
    in noise and rooms what Whisper does there."""


@dataclass(frozen=True)
class DiscriminantConfig:
    """Linear discriminant analysis."""

    shrinkages: Annotated[tuple[float, ...], Distinct(TINY, 1, "numbers above 0 and up to 1")] = (
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        0.95,
    )
    """Shares of the unit matrix in the covariance."""
    several: Literal["choose", "average"] = "choose"
    """Of several shrinkages and ways to sum up. `choose`: the best is taken, judged on the
    validation utterances or, without any, by leaving out one training speaker after the other.
    `average`: the discriminants of all are averaged; where candidates are nearly equal, choosing
    one of them only adds noise."""
    prior: Annotated[float, Between(0, 10)] = 0.0
    """How far emotions are as likely as they are frequent in training, by the weights of
    `protocol.balance`. 0: all are equally likely; 1: the share of each is its probability; above:
    a power of the share, for emotions that few corpora have and that nothing shows to be the same
    elsewhere."""


@dataclass(frozen=True)
class SvmConfig:
    """Linear support vector machines."""

    costs: Annotated[tuple[float, ...], Distinct(TINY, HUGE, "numbers above 0")] = (
        1e-5,
        1e-4,
        1e-3,
        1e-2,
        1e-1,
    )
    """Values of C to choose from, for a Whisper baseline each with each of `context.layers`: on the
    validation utterances or, without any, by leaving out one training speaker after the other."""
