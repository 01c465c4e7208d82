"""Scores of each fold by itself, where a fold is a whole corpus."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ser_pcq.evaluation.calibration import calibration_of
from ser_pcq.evaluation.intervals import Interval, speaker_interval
from ser_pcq.evaluation.risk_coverage import RiskCoverage, risk_coverage_of
from ser_pcq.evaluation.table import Predictions


@dataclass(frozen=True)
class FoldScores:
    """How well one fold was recognised; every ratio is in [0, 1].

    Attributes:
        tested: What the fold tests, by name.
        n_utterances: How many.
        n_speakers: Of how many speakers.
        wa: Weighted accuracy.
        ua: Unweighted accuracy, over the emotions that the fold has.
        interval: 95 % interval of UA over its speakers; None with fewer than two.
        ece: Calibration error of the confidence.
        risk_coverage: What leaving out the least confident answers gains.
    """

    tested: str
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
    """Score each fold by itself.

    Args:
        predictions: Of all folds.
        tested: Number of each fold to the name of what it tests.
    """
    return tuple(
        _score(part, tested.get(number, str(number)))
        for number, part in predictions.by_fold().items()
    )


def _score(part: Predictions, tested: str) -> FoldScores:
    """Score one fold."""
    speakers = {name: rows.confusion() for name, rows in part.by_speaker().items()}
    confusion = part.confusion()
    interval = speaker_interval(speakers)["ua"] if len(speakers) > 1 else None
    return FoldScores(
        tested,
        len(part.rows),
        len(speakers),
        confusion.weighted_accuracy,
        confusion.unweighted_accuracy,
        interval,
        calibration_of(part).ece,
        risk_coverage_of(part),
    )


def format_fold_scores(folds: tuple[FoldScores, ...]) -> list[str]:
    """Return a line for each fold under a line of heads."""
    first = max(len("fold"), *(len(fold.tested) for fold in folds))
    lines = [f"{'fold':<{first}}  utterances  speakers        WA        UA  {'95 %':<16}     ECE"]
    for fold in folds:
        limits = "-"
        if fold.interval is not None:
            low, high = fold.interval
            limits = f"[{100 * low:.2f}, {100 * high:.2f}]"
        lines.append(
            f"{fold.tested:<{first}}  {fold.n_utterances:>10}  {fold.n_speakers:>8}"
            f"  {100 * fold.wa:6.2f} %  {100 * fold.ua:6.2f} %  {limits:<16}  {100 * fold.ece:5.2f}"
        )
    return lines
