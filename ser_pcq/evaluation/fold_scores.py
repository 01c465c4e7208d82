"""Scores of each fold by itself, where a fold is a whole corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ser_pcq.evaluation.calibration import calibration_of
from ser_pcq.evaluation.intervals import Interval, speaker_interval
from ser_pcq.evaluation.restricted import of_labels
from ser_pcq.evaluation.risk_coverage import RiskCoverage, risk_coverage_of
from ser_pcq.evaluation.table import Predictions


@dataclass(frozen=True)
class FoldScores:
    """How well one fold was recognised; every ratio is in [0, 1].

    Attributes:
        tested: What the fold tests, by name.
        labels: The emotions that it shares with the other folds, on which the model has learnt.
        left_out: How many utterances have another one, which no model could answer.
        n_utterances: How many are scored.
        n_speakers: Of how many speakers.
        wa: Weighted accuracy.
        ua: Unweighted accuracy, over the shared emotions.
        interval: 95 % interval of UA over its speakers; None with fewer than two.
        ece: Calibration error of the confidence.
        risk_coverage: What leaving out the least confident answers gains.
    """

    tested: str
    labels: tuple[str, ...]
    left_out: int
    n_utterances: int
    n_speakers: int
    wa: float
    ua: float
    interval: Interval | None
    ece: float
    risk_coverage: RiskCoverage

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `scores.json`; of the curve its area."""
        values = asdict(self)
        del values["risk_coverage"]
        return {**values, "aurc": self.risk_coverage.area}


def fold_scores(predictions: Predictions, tested: Mapping[int, str]) -> tuple[FoldScores, ...]:
    """Score each fold by itself, on the emotions that it shares with the others.

    Where each fold tests a whole corpus, an emotion of this corpus alone is in no training side.
    The model chooses among the emotions that both sides have. A fold with fewer than two is left
    out.

    Args:
        predictions: Of all folds.
        tested: Number of each fold to the name of what it tests.
    """
    folds = predictions.by_fold()
    emotions = {n: {row.reference for row in part.rows} for n, part in folds.items()}
    scores = []
    for number, part in folds.items():
        learnt = set().union(*(emotions[n] for n in folds if n != number))
        shared = [label for label in part.labels if label in learnt & emotions[number]]
        if len(shared) > 1:
            scores.append(_score(part, tested.get(number, str(number)), shared))
    return tuple(scores)


def _score(whole: Predictions, tested: str, labels: Sequence[str]) -> FoldScores:
    """Score one fold on these labels."""
    part = of_labels(whole, labels)
    speakers = {name: rows.confusion() for name, rows in part.by_speaker().items()}
    confusion = part.confusion()
    return FoldScores(
        tested,
        part.labels,
        len(whole.rows) - len(part.rows),
        len(part.rows),
        len(speakers),
        confusion.weighted_accuracy,
        confusion.unweighted_accuracy,
        speaker_interval(speakers)["ua"] if len(speakers) > 1 else None,
        calibration_of(part).ece,
        risk_coverage_of(part),
    )


def format_fold_scores(folds: tuple[FoldScores, ...]) -> list[str]:
    """Return a line for each fold under a line of heads."""
    first = max(len("fold"), *(len(fold.tested) for fold in folds))
    heads = "  emotions  utterances  speakers        WA        UA"
    lines = [f"{'fold':<{first}}{heads}  {'95 %':<16}    ECE"]
    for fold in folds:
        limits = "-"
        if fold.interval is not None:
            low, high = fold.interval
            limits = f"[{100 * low:.2f}, {100 * high:.2f}]"
        lines.append(
            f"{fold.tested:<{first}}  {len(fold.labels):>8}  {fold.n_utterances:>10}"
            f"  {fold.n_speakers:>8}"
            f"  {100 * fold.wa:6.2f} %  {100 * fold.ua:6.2f} %  {limits:<16}  {100 * fold.ece:5.2f}"
        )
    if left_out := sum(fold.left_out for fold in folds):
        lines.append(f"without {left_out} utterances of emotions that no other corpus has")
    return lines
