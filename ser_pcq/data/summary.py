"""What a data directory holds: counts and durations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ser_pcq.data.directory import DataDir, Utterance


@dataclass(frozen=True)
class DurationSummary:
    """How many utterances there are and how long they are.

    Attributes:
        n_utterances: How many.
        total: s, all together.
        shortest: s.
        mean: s.
        longest: s.
    """

    n_utterances: int
    total: float
    shortest: float
    mean: float
    longest: float


@dataclass(frozen=True)
class Summary:
    """What a data directory holds.

    Attributes:
        counts: Utterances by emotion and speaker; every emotion lists every speaker.
        durations: By emotion.
        total: Over all utterances.
    """

    counts: dict[str, dict[str, int]]
    durations: dict[str, DurationSummary]
    total: DurationSummary


def utterance_duration(utterance: Utterance) -> float:
    """Return the length of an utterance in s, from the header of its audio and its own times.

    Raises:
        AudioError: When the audio cannot be used.
    """
    from ser_pcq.audio.waveform import duration

    length = duration(utterance.audio)
    end = length if utterance.end is None else min(utterance.end, length)
    return max(end - (utterance.start or 0.0), 0.0)


def _durations(values: Sequence[float]) -> DurationSummary:
    total = sum(values)
    return DurationSummary(len(values), total, min(values), total / len(values), max(values))


def summary(data: DataDir, durations: Mapping[str, float]) -> Summary:
    """Count utterances by emotion and speaker, and sum up their durations.

    Args:
        data: With at least one utterance.
        durations: Length of each utterance in s, by id.
    """
    count = Counter((u.emotion, u.speaker) for u in data.utterances)
    lengths: dict[str, list[float]] = {label: [] for label in data.labels}
    for u in data.utterances:
        lengths[u.emotion].append(durations[u.utterance_id])
    return Summary(
        counts={e: {s: count[e, s] for s in data.speakers} for e in data.labels},
        durations={emotion: _durations(values) for emotion, values in lengths.items()},
        total=_durations([durations[u.utterance_id] for u in data.utterances]),
    )
