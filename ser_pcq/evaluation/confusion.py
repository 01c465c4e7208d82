"""Counts of right and wrong answers, the ratios that follow from them, and their uncertainty.

Everything is derived from a `Confusion`: whole counts that can be added, so that pooling folds is
an addition and the order of the utterances cannot matter. Ratios are in [0, 1], never in percent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import ScoreError


class Ratios(NamedTuple):
    """The three ratios of one or of many confusion matrices, each in [0, 1], shape (...)."""

    wa: NDArray[np.float64]
    ua: NDArray[np.float64]
    macro_f1: NDArray[np.float64]


def ratios_of_counts(counts: NDArray[np.int64]) -> Ratios:
    """Return WA, UA and macro F1 of count matrices, none of them empty.

    The only place where these formulas stand: the point estimate and every resample of the
    bootstrap go through it, so both follow the same rule for absent classes.

    Shape:
        counts (..., reference, prediction) to (...).
    """
    correct = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)  # (..., class)
    in_reference = counts.sum(axis=-1)  # (..., class)
    in_prediction = counts.sum(axis=-2)  # (..., class)
    present = in_reference > 0
    n_present = present.sum(axis=-1)
    zeros = np.zeros_like(correct)
    recall = np.divide(correct, in_reference, out=zeros.copy(), where=present)
    f1 = np.divide(2 * correct, in_reference + in_prediction, out=zeros.copy(), where=present)
    return Ratios(
        wa=correct.sum(axis=-1) / in_reference.sum(axis=-1),
        ua=recall.sum(axis=-1) / n_present,
        macro_f1=f1.sum(axis=-1) / n_present,
    )


@dataclass(frozen=True)
class Confusion:
    """How often each label was answered for each label of the reference.

    **Absent classes**: a label that the reference never holds has no recall, so it is left out of
    the means over classes (UA and macro F1). Answering it still costs: the utterance counts as
    wrong for the label it has.

    Attributes:
        labels: The label set; fixed, also where a label does not occur.
        counts: Utterances, row = reference, column = prediction, both in the order of `labels`.

    Raises:
        ScoreError: When labels repeat, or counts are not a square of numbers from 0.

    Examples:
        >>> confusion = Confusion.from_labels("aab", "abb", ["a", "b"])
        >>> confusion.counts
        ((1, 1), (0, 1))
        >>> round(confusion.weighted_accuracy, 3), confusion.unweighted_accuracy
        (0.667, 0.75)
        >>> (confusion + confusion).n_utterances
        6
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Check the shape, so that no later step has to."""
        size = len(self.labels)
        if len(set(self.labels)) != size or not size:
            raise ScoreError("labels must be given, each once", given=", ".join(self.labels))
        if len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise ScoreError(f"confusion counts must be {size} x {size}", given=self.counts)
        if any(count < 0 for row in self.counts for count in row):
            raise ScoreError("confusion counts cannot be negative", given=self.counts)

    @classmethod
    def from_labels(
        cls, references: Iterable[str], predictions: Iterable[str], labels: Iterable[str]
    ) -> "Confusion":
        """Count pairs of labels.

        Args:
            references: What is right, one label per utterance.
            predictions: What was answered, in the same order.
            labels: The label set.

        Raises:
            ScoreError: When the lengths differ or a label is not in the label set.
        """
        names = tuple(labels)
        index = {label: i for i, label in enumerate(names)}
        table = [[0] * len(names) for _ in names]
        right, answered = list(references), list(predictions)
        if len(right) != len(answered):
            raise ScoreError(
                "references and predictions differ in length",
                given=f"{len(right)} and {len(answered)}",
            )
        unknown = set(right + answered) - set(names)
        if unknown:
            raise ScoreError(
                "unknown label", given=repr(min(unknown, key=str)), accepted=", ".join(names)
            )
        for reference, prediction in zip(right, answered, strict=True):
            table[index[reference]][index[prediction]] += 1
        return cls(names, tuple(tuple(row) for row in table))

    def __add__(self, other: "Confusion") -> "Confusion":
        """Pool two counts over the same labels in the same order."""
        if not isinstance(other, Confusion):
            return NotImplemented
        if other.labels != self.labels:
            raise ScoreError(
                "counts over different labels cannot be added",
                given=f"{', '.join(self.labels)} and {', '.join(other.labels)}",
            )
        return Confusion(
            self.labels,
            tuple(
                tuple(a + b for a, b in zip(mine, theirs, strict=True))
                for mine, theirs in zip(self.counts, other.counts, strict=True)
            ),
        )

    def as_array(self) -> NDArray[np.int64]:
        """Return the counts as a new array, (reference, prediction)."""
        return np.array(self.counts, dtype=np.int64)

    @property
    def n_utterances(self) -> int:
        """Number of utterances counted."""
        return sum(map(sum, self.counts))

    def _checked_ratios(self) -> Ratios:
        """Return the three ratios; raise where nothing was counted, as 0 / 0 is no score."""
        if not self.n_utterances:
            raise ScoreError("there is no utterance to score")
        return ratios_of_counts(self.as_array())

    @property
    def weighted_accuracy(self) -> float:
        """WA: correct utterances / all utterances.

        Raises:
            ScoreError: When nothing was counted.
        """
        return float(self._checked_ratios().wa)

    @property
    def unweighted_accuracy(self) -> float:
        """UA: the mean of the recalls of the classes that the reference holds (UAR).

        Raises:
            ScoreError: When nothing was counted.

        Examples:
            The reference holds only "0", so the recall of "1" does not exist and UA is that of "0":

            >>> Confusion.from_labels("00", "01", "01").unweighted_accuracy
            0.5
        """
        return float(self._checked_ratios().ua)

    @property
    def macro_f1(self) -> float:
        """The mean F1 over the classes that the reference holds; F1 = 2 tp / (2 tp + fp + fn).

        Raises:
            ScoreError: When nothing was counted.
        """
        return float(self._checked_ratios().macro_f1)

    @property
    def recalls(self) -> dict[str, float | None]:
        """Correct / utterances of the class in the reference; None for an absent class."""
        totals = [sum(row) for row in self.counts]
        return self._shares(totals)

    @property
    def precisions(self) -> dict[str, float | None]:
        """Correct / answers of the class; None for a class that was never answered."""
        totals = [sum(column) for column in zip(*self.counts, strict=True)]
        return self._shares(totals)

    def _shares(self, totals: list[int]) -> dict[str, float | None]:
        """Return the diagonal over `totals`, None over zero."""
        return {
            label: self.counts[i][i] / total if total else None
            for i, (label, total) in enumerate(zip(self.labels, totals, strict=True))
        }


def mean_over_folds(confusions: Iterable[Confusion]) -> tuple[float, float]:
    """Return (WA, UA), each the plain mean of the folds' own ratios.

    Unlike the pooled ratios this weighs a small fold like a large one, and a fold without a class
    averages over fewer classes.

    Raises:
        ScoreError: When there is no fold, or a fold without utterances.

    Examples:
        >>> small = Confusion.from_labels("ab", "ab", "ab")
        >>> large = Confusion.from_labels("aabb", "abab", "ab")
        >>> mean_over_folds([small, large])
        (0.75, 0.75)
        >>> round((small + large).weighted_accuracy, 3)
        0.667
    """
    folds = list(confusions)
    if not folds:
        raise ScoreError("there is no fold to average over")
    return (
        sum(fold.weighted_accuracy for fold in folds) / len(folds),
        sum(fold.unweighted_accuracy for fold in folds) / len(folds),
    )


@dataclass(frozen=True)
class SpeakerIntervals:
    """Intervals of pooled ratios, each (low, high) in [0, 1]."""

    wa: tuple[float, float]
    ua: tuple[float, float]
    macro_f1: tuple[float, float]


def draw_speakers(n_speakers: int, n_resamples: int, seed: int) -> NDArray[np.int64]:
    """Draw `n_speakers` with replacement; return how often each was, (resample, speaker)."""
    # How often each speaker is drawn is all that matters, so a resample is one row of numbers.
    shares = np.full(n_speakers, 1 / n_speakers)
    return np.random.default_rng(seed).multinomial(n_speakers, shares, size=n_resamples)


def percentile_limits(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return low and high of the middle share `level`, in (0, 1), of values (resample,)."""
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def speaker_interval(
    speakers: Mapping[str, Confusion],
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> SpeakerIntervals:
    """Estimate how far the pooled ratios would move with other speakers.

    Cluster bootstrap with percentile limits: as many speakers as there are get drawn with
    replacement, each with all their utterances. Utterances of one speaker succeed and fail
    together, so drawing single utterances would give intervals that are too narrow. A resample
    without some class follows the rule for absent classes.

    Args:
        speakers: The counts of each speaker; their order does not matter.
        n_resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same limits.
        level: Share of the resamples inside the interval, in (0, 1).

    Raises:
        ScoreError: With fewer than two speakers, with a speaker without utterances, with different
            label sets, or with arguments out of range.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 8 and 13.
    """
    if len(speakers) < 2:
        raise ScoreError("an interval over speakers needs two speakers", given=len(speakers))
    if n_resamples < 1 or not 0 < level < 1:
        raise ScoreError(
            "n_resamples or level is out of range",
            given=f"{n_resamples}, {level}",
            accepted="1 or more, between 0 and 1",
        )
    ordered = [speakers[name] for name in sorted(speakers)]
    if len({confusion.labels for confusion in ordered}) > 1:
        raise ScoreError("the speakers were scored with different labels")
    if not all(confusion.n_utterances for confusion in ordered):
        raise ScoreError("a speaker has no utterances")
    counts = np.stack([c.as_array() for c in ordered])  # (speaker, reference, prediction)
    draws = draw_speakers(len(ordered), n_resamples, seed)
    ratios = ratios_of_counts(np.tensordot(draws, counts, axes=1))  # each (resample,)
    return SpeakerIntervals(*(percentile_limits(values, level) for values in ratios))
