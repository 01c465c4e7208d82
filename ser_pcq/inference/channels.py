"""Which channels of a recording are judged: all of them mixed, one, or each for itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ser_pcq.audio.decoder import opened
from ser_pcq.errors import AudioError
from ser_pcq.inference.mix import ALL, SPLIT
from ser_pcq.inference.prediction import Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal, hear
from ser_pcq.inference.span import WHOLE, Span


@dataclass(frozen=True)
class Channels:
    """A recording whose channels are judged one by one.

    Attributes:
        path: The file.
        each: What each of them holds, in order.
    """

    path: Path
    each: tuple[Recording | Refusal, ...]


Heard = Recording | Refusal | Channels


def hear_mixed(path: Path, mix: str, span: Span = WHOLE) -> Heard:
    """Read a file, or a part of it, as `hear` does; its channels as `checked_mix` returned."""
    n_channels = 1
    if mix == SPLIT:
        try:
            with opened(path) as file:
                n_channels = file.channels
        except AudioError:
            return hear(path)  # which says what is wrong, or finds it mended
    return hear_channels(path, mix, n_channels, partial(hear, path, span=span))


def hear_channels(
    path: Path, mix: str, n_channels: int, hear_one: Callable[[int | None], Recording | Refusal]
) -> Heard:
    """Read the channels that are wanted.

    Args:
        path: What the recording is called.
        mix: What `checked_mix` returned.
        n_channels: How many the recording has; only looked at to split them.
        hear_one: Reads a channel, from 1, or all mixed when None.
    """
    if mix == ALL:
        return hear_one(None)
    if mix != SPLIT:
        return hear_one(int(mix))
    return Channels(path, tuple(map(hear_one, range(1, n_channels + 1))))


def joined(path: Path, each: Sequence[Prediction]) -> Prediction:
    """Return the result for a file whose channels have results of their own.

    It has an answer where one of them has, and else the status of the first.
    """
    best = next((p for p in each if p.status is Status.OK), None)
    best = best or next((p for p in each if not p.status.is_failure), each[0])
    return replace(
        best,
        path=str(path),
        label=None,
        confidence=None,
        probabilities={},
        warnings=(),
        segments=(),
        channel=None,
        channels=tuple(each),
    )
