"""Counts of right and wrong answers, and the metrics that follow from them.

Everything is derived from a `Confusion`: whole counts that can be added, so that pooling folds is
an addition and the order of the utterances cannot matter. Ratios are in [0, 1], never in percent.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import ScoreError

Counts = NDArray[np.int64] | NDArray[np.float64]
"""Count matrices, (..., reference, prediction), none of them empty; sums of weights as well."""

Ratio = NDArray[np.float64]
"""One ratio of each matrix, (...), in [0, 1]."""


def weighted_accuracy(counts: Counts) -> Ratio:
    """Return WA: correct utterances / all utterances."""
    ratio: Ratio = _correct(counts).sum(axis=-1) / counts.sum(axis=-1).sum(axis=-1)
    return ratio


def unweighted_accuracy(counts: Counts) -> Ratio:
    """Return UA: the mean of the recalls of the classes that the reference holds (UAR)."""
    return _mean_over_present(_correct(counts), counts.sum(axis=-1), counts)


def macro_f1(counts: Counts) -> Ratio:
    """Return the mean F1 of the classes that the reference holds; F1 = 2 tp / (2 tp + fp + fn)."""
    in_either = counts.sum(axis=-1) + counts.sum(axis=-2)
    return _mean_over_present(2 * _correct(counts), in_either, counts)


def _correct(counts: Counts) -> Ratio:
    """Return the correct answers of each class, (..., class)."""
    return np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)


def _mean_over_present(part: Ratio, whole: Counts, counts: Counts) -> Ratio:
    """Return the mean of part / whole, (..., class), over the classes that the reference holds."""
    present = counts.sum(axis=-1) > 0
    shares = np.divide(part, whole, out=np.zeros_like(part), where=present)
    mean: Ratio = shares.sum(axis=-1) / present.sum(axis=-1)
    return mean


@dataclass(frozen=True)
class Metric:
    """A ratio of correct and wrong answers.

    Attributes:
        title: As reports print it.
        of_counts: Computes it. One formula serves the score itself and every resample of the
            bootstrap, so both follow the same rule for absent classes.
        is_compared: Whether it is also averaged over folds and over seeds, and compared between
            systems; otherwise it is only reported, pooled over the folds.
    """

    title: str
    of_counts: Callable[[Counts], Ratio]
    is_compared: bool = True


METRICS = {
    "wa": Metric("WA", weighted_accuracy),
    "ua": Metric("UA", unweighted_accuracy),
    "macro_f1": Metric("macro F1", macro_f1, is_compared=False),
}
"""Name in JSON files to what computes it; all reports are made from this table."""

COMPARED = {name: metric for name, metric in METRICS.items() if metric.is_compared}
"""The metrics that are averaged and compared."""


def ratios_of_counts(counts: Counts) -> dict[str, Ratio]:
    """Return every metric of count matrices, none of them empty.

    Shape:
        counts (..., reference, prediction) to (...) for each metric.
    """
    return {name: metric.of_counts(counts) for name, metric in METRICS.items()}


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

    @property
    def ratios(self) -> dict[str, float]:
        """Name in `METRICS` to the ratio.

        Raises:
            ScoreError: When nothing was counted, as 0 / 0 is undefined.
        """
        if not self.n_utterances:
            raise ScoreError("no utterances to score")
        counts = self.as_array()
        return {name: float(ratio) for name, ratio in ratios_of_counts(counts).items()}

    @property
    def weighted_accuracy(self) -> float:
        """WA: correct utterances / all utterances.

        Raises:
            ScoreError: When nothing was counted.
        """
        return self.ratios["wa"]

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
        return self.ratios["ua"]

    @property
    def macro_f1(self) -> float:
        """The mean F1 over the classes that the reference holds; F1 = 2 tp / (2 tp + fp + fn).

        Raises:
            ScoreError: When nothing was counted.
        """
        return self.ratios["macro_f1"]

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


def mean_over_folds(confusions: Iterable[Confusion]) -> dict[str, float]:
    """Return the plain mean of the folds' own ratios, for each metric that is averaged.

    Unlike the pooled ratios this weighs a small fold like a large one, and a fold without a class
    averages over fewer classes.

    Raises:
        ScoreError: Without folds, or when a fold has no utterances.

    Examples:
        >>> small = Confusion.from_labels("ab", "ab", "ab")
        >>> large = Confusion.from_labels("aabb", "abab", "ab")
        >>> mean_over_folds([small, large])
        {'wa': 0.75, 'ua': 0.75}
        >>> round((small + large).weighted_accuracy, 3)
        0.667
    """
    folds = [confusion.ratios for confusion in confusions]
    if not folds:
        raise ScoreError("no folds to average over")
    return {name: sum(fold[name] for fold in folds) / len(folds) for name in COMPARED}
