"""Which of two systems is better on the same utterances, by how much, and is it more than chance.

Every difference is **B minus A**: above zero, B is better. Two questions are answered. McNemar's
test asks of two trained models whether one is right more often where they disagree, and takes
utterances for independent. The interval over speakers asks how far the difference would move with
other speakers, whose utterances succeed and fail together; it is the one to decide by.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.comparison.mcnemar import PairedTest, check_same_utterances, mcnemar
from ser_pcq.evaluation.intervals import Interval, draw_speakers, percentile_limits
from ser_pcq.evaluation.metrics import COMPARED, Confusion
from ser_pcq.evaluation.table import RUN, Predictions
from ser_pcq.files import rounded

# With n speakers, one system wins for all of them by luck with probability 2 / 2**n; below six
# speakers that is more than 5 %, so no result could settle the matter at the level of 95 %.
MIN_SPEAKERS = 6
# Means over seeds differ in the last bits with the order of the sum; such a difference is ignored.
DECIMALS = 12


Ratios = dict[str, float]
"""Name in `COMPARED` to a ratio in [0, 1]."""


@dataclass(frozen=True)
class Difference:
    """One ratio of both systems, each the mean over the runs of the system.

    Attributes:
        a: The pooled ratio of A, in [0, 1].
        b: The pooled ratio of B, in [0, 1].
        interval: Low and high of the 95 % interval over speakers of B minus A; None with one
            speaker.
        could_be_chance: False where the interval leaves zero out and there are at least
            `MIN_SPEAKERS` speakers.
    """

    a: float
    b: float
    interval: Interval | None
    could_be_chance: bool

    @property
    def difference(self) -> float:
        """B minus A, in [-1, 1]."""
        return round(self.b - self.a, DECIMALS)


@dataclass(frozen=True)
class SpeakerScores:
    """What both systems reach on one speaker.

    Attributes:
        n_utterances: Number of utterances of the speaker.
        a: The ratios of A over the classes that this speaker has, each the mean over the runs.
        b: The same of B.
    """

    n_utterances: int
    a: Ratios
    b: Ratios

    def to_dict(self) -> dict[str, float]:
        """Return plain values for `comparison.json`."""
        ratios: Ratios = {}
        for name in COMPARED:
            ratios |= {f"{name}_a": self.a[name], f"{name}_b": self.b[name]}
        return {"n_utterances": self.n_utterances, **ratios}


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same utterances.

    Attributes:
        n_utterances: Number of utterances.
        runs_a: Name of each run (seed) of A to its pooled ratios.
        runs_b: The same of B.
        pooled: Name in `COMPARED` to the pooled ratio of both.
        tests: Name of a pair of runs to McNemar's test. Where a system has several runs, only runs
            of the same name are paired, as the pairs of all seeds are not independent. Nor are
            these: they are about the same utterances, so do not count or combine them.
        speakers: Each speaker's scores, in the order of the names.
        names: What A and B are called.
        protocols: What made the folds of A and of B; None where it is not known.
        warnings: What makes the comparison unfair, one sentence each.
    """

    n_utterances: int
    runs_a: dict[str, Ratios]
    runs_b: dict[str, Ratios]
    pooled: dict[str, Difference]
    tests: dict[str, PairedTest]
    speakers: dict[str, SpeakerScores]
    names: tuple[str, str] = ("A", "B")
    protocols: tuple[str | None, str | None] = (None, None)
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `comparison.json`; ratios and p-values at 6 decimals."""
        systems = zip(self.names, self.protocols, (self.runs_a, self.runs_b), strict=True)
        a, b = (
            {"name": name, "protocol": protocol, "runs": runs} for name, protocol, runs in systems
        )
        pooled = {
            name: {
                "a": value.a,
                "b": value.b,
                "b_minus_a": value.difference,
                "speaker_interval_95": value.interval,
                "could_be_chance": value.could_be_chance,
            }
            for name, value in self.pooled.items()
        }
        return rounded(
            {
                "a": a,
                "b": b,
                "warnings": self.warnings,
                "n_utterances": self.n_utterances,
                "n_speakers": len(self.speakers),
                "pooled": pooled,
                "mcnemar": {name: asdict(test) for name, test in self.tests.items()},
                "speakers": {name: scores.to_dict() for name, scores in self.speakers.items()},
            }
        )


def compare(
    a: Predictions, b: Predictions, *, n_resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Compare one run of each system; see `compare_seeds`."""
    return compare_seeds({RUN: a}, {RUN: b}, n_resamples=n_resamples, seed=seed)


def compare_seeds(
    a: Mapping[str, Predictions],
    b: Mapping[str, Predictions],
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare the means of two systems over their training seeds.

    Paired cluster bootstrap with percentile limits: speakers are drawn with replacement, each with
    all their utterances, and each draw is made once for all runs of both systems, so that what
    makes a speaker hard for both cancels. The runs themselves are not drawn: how far the result
    would move with other training seeds is not in the interval.

    Args:
        a: Name of each run to what it predicted; the same utterances in all.
        b: The same of the other system.
        n_resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same limits.

    Raises:
        ScoreError: Without runs or utterances, with fewer than one resample, or when the runs
            differ in label set, utterances, references or speakers.

    Source:
        Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance
        evaluation, ICASSP 2004; Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
        sections 8 and 13.
    """
    if not a or not b:
        raise ScoreError("there is nothing to compare", given=f"{len(a)} and {len(b)} runs")
    if n_resamples < 1:
        raise ScoreError("n_resamples is out of range", given=n_resamples, accepted="1 or more")
    first = _check_runs(a, b)
    speakers = first.by_speaker()
    counts_a, counts_b = _count(a, first.labels), _count(b, first.labels)
    runs_a, runs_b = _ratios(counts_a.sum(axis=0)), _ratios(counts_b.sum(axis=0))  # (ratio, run)
    limits: list[Interval | None] = [None] * len(COMPARED)
    if len(speakers) > 1:
        draws = draw_speakers(len(speakers), n_resamples, seed)
        moved = _pool(draws, counts_b) - _pool(draws, counts_a)  # (ratio, resample)
        limits = [percentile_limits(values, 0.95) for values in moved.round(DECIMALS)]
    means = zip(runs_a.mean(axis=-1).tolist(), runs_b.mean(axis=-1).tolist(), limits, strict=True)
    differences = [
        Difference(one, other, interval, _could_be_chance(interval, len(speakers)))
        for one, other, interval in means
    ]
    return Comparison(
        n_utterances=len(first.rows),
        runs_a=dict(zip(a, map(_named, runs_a.T.tolist()), strict=True)),
        runs_b=dict(zip(b, map(_named, runs_b.T.tolist()), strict=True)),
        pooled=dict(zip(COMPARED, differences, strict=True)),
        tests=_test_pairs(a, b),
        speakers=_score_speakers(speakers, counts_a, counts_b),
    )


def interval_of_mean(
    runs: Mapping[str, Predictions], *, n_resamples: int = 10_000, seed: int = 0
) -> dict[str, Interval] | None:
    """Return the 95 % intervals over speakers of a system's mean ratios over its runs.

    Returns:
        Name in `COMPARED` to the interval; None with one speaker.
    """
    first = next(iter(runs.values()))
    n_speakers = len(first.by_speaker())
    if n_speakers < 2:
        return None
    draws = draw_speakers(n_speakers, n_resamples, seed)
    limits = (percentile_limits(v, 0.95) for v in _pool(draws, _count(runs, first.labels)))
    return dict(zip(COMPARED, limits, strict=True))


def _check_runs(a: Mapping[str, Predictions], b: Mapping[str, Predictions]) -> Predictions:
    """Return the first run, when all others are about the same utterances."""
    first, *others = (
        (system if len(runs) == 1 else f"{name} of {system}", run)
        for system, runs in (("A", a), ("B", b))
        for name, run in runs.items()
    )
    for other in others:
        check_same_utterances(first, other)
    return first[1]


def _test_pairs(
    a: Mapping[str, Predictions], b: Mapping[str, Predictions]
) -> dict[str, PairedTest]:
    """Test runs of the same name, or the only run of each; no run is tested twice."""
    if len(a) == len(b) == 1:
        (name, one), (other_name, other) = *a.items(), *b.items()
        return {name if name == other_name else f"{name}, {other_name}": mcnemar(one, other)}
    return {name: mcnemar(one, b[name]) for name, one in a.items() if name in b}


def _count(runs: Mapping[str, Predictions], labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Count the answers, (speaker, run, reference, prediction); speakers sorted by name.

    The labels are given, as their order may differ between the systems.
    """
    counts = [
        [
            Confusion.from_labels(
                [row.reference for row in part.rows], [row.prediction for row in part.rows], labels
            ).counts
            for part in run.by_speaker().values()
        ]
        for run in runs.values()
    ]
    return np.array(counts, dtype=np.int64).swapaxes(0, 1)


def _ratios(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the ratios that are compared: (..., reference, prediction) to (ratio, ...)."""
    return np.stack([metric.of_counts(counts) for metric in COMPARED.values()])


def _named(values: Iterable[float]) -> Ratios:
    """Return ratios, (ratio,), by their names."""
    return dict(zip(COMPARED, values, strict=True))


def _pool(draws: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the ratios of each resample, their mean over the runs.

    Shape:
        draws (resample, speaker), counts (speaker, run, reference, prediction) to
        (ratio, resample).
    """
    means: NDArray[np.float64] = _ratios(np.tensordot(draws, counts, axes=1)).mean(axis=-1)
    return means


def _score_speakers(
    speakers: Mapping[str, Predictions], counts_a: NDArray[np.int64], counts_b: NDArray[np.int64]
) -> dict[str, SpeakerScores]:
    """Score each speaker; counts (speaker, run, reference, prediction)."""
    ratios_a, ratios_b = (_ratios(c).mean(axis=-1).T.tolist() for c in (counts_a, counts_b))
    return {
        name: SpeakerScores(len(part.rows), _named(a), _named(b))
        for (name, part), a, b in zip(speakers.items(), ratios_a, ratios_b, strict=True)
    }


def _could_be_chance(interval: Interval | None, n_speakers: int) -> bool:
    """Say whether the speakers leave it open which system is better."""
    return interval is None or n_speakers < MIN_SPEAKERS or interval[0] <= 0 <= interval[1]
