"""From stored predictions to scores; how they are shown and written is in `report`.

Pooled ratios come from the counts of all folds added up; the mean over folds is given beside them
and never without its name. Intervals are over speakers.
"""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ser_pcq.data.utterance import UNKNOWN_SPEAKER
from ser_pcq.evaluation.calibration import Calibration, calibration_of
from ser_pcq.evaluation.collect import StoredExperiment
from ser_pcq.evaluation.fold_scores import FoldScores, fold_scores
from ser_pcq.evaluation.intervals import Interval, speaker_interval
from ser_pcq.evaluation.metrics import COMPARED, Confusion, mean_over_folds
from ser_pcq.evaluation.risk_coverage import REPORTED_COVERAGES, RiskCoverage, risk_coverage_of
from ser_pcq.evaluation.table import Predictions
from ser_pcq.files import rounded
from ser_pcq.protocols.proof import Proof


@dataclass(frozen=True)
class Scores:
    """The scores of one set of predictions; every ratio is in [0, 1].

    Attributes:
        confusion: Counts pooled over all folds.
        proof: How the folds were made, what was checked of them, and what leaks.
        n_folds: Number of folds.
        n_speakers: Number of tested speakers, unknown ones left out.
        knows_speakers: Whether the speaker of every utterance is known.
        ratios: Name in `METRICS` to the pooled ratio.
        intervals: The same names to 95 % bootstrap intervals over speakers; None with fewer than
            two speakers, or unknown ones.
        mean_over_folds: Name in `COMPARED` to the mean of the folds' ratios.
        calibration: How far the confidences agree with the accuracy, pooled; its `nll` is in nats.
        risk_coverage: What leaving out the least confident answers gains, pooled.
        folds: Scores of each fold where it is a corpus; empty elsewhere.
    """

    confusion: Confusion
    proof: Proof
    n_folds: int
    n_speakers: int
    knows_speakers: bool
    ratios: Mapping[str, float]
    intervals: Mapping[str, Interval] | None
    mean_over_folds: Mapping[str, float]
    calibration: Calibration
    risk_coverage: RiskCoverage
    folds: tuple[FoldScores, ...] = ()

    @property
    def protocol(self) -> str | None:
        """Name of the protocol that made the folds; None when it is not known."""
        return self.proof.protocol

    @property
    def why_no_interval(self) -> str:
        """Why intervals over speakers are missing."""
        return "none: one speaker" if self.knows_speakers else "none: speakers are not known"

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set."""
        return self.confusion.labels

    @property
    def n_utterances(self) -> int:
        """Number of scored utterances."""
        return self.confusion.n_utterances

    @property
    def recalls(self) -> dict[str, float | None]:
        """Recall of each label, None where the reference does not hold it."""
        return self.confusion.recalls

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `scores.json`; ratios rounded to 6 decimals."""
        return rounded(
            {
                "protocol": self.protocol,
                "split_sha256": self.proof.split_sha256,
                **self.proof.stamp(),
                "n_utterances": self.n_utterances,
                "n_speakers": self.n_speakers,
                "n_folds": self.n_folds,
                "pooled": self.ratios,
                "speaker_interval_95": self.intervals,
                "mean_over_folds": self.mean_over_folds,
                **({"corpora": [fold.to_dict() for fold in self.folds]} if self.folds else {}),
                "calibration": self._calibration(),
                "risk_coverage": self._risk_coverage(),
                "recall": self.recalls,
                "labels": self.labels,
                "confusion": self.confusion.counts,
            }
        )

    def _calibration(self) -> dict[str, Any]:
        """Return plain values of the calibration."""
        values = asdict(self.calibration)
        return {key: values[key] for key in ("ece", "brier", "nll", "bins")}

    def _risk_coverage(self) -> dict[str, Any]:
        """Return plain values of the risk-coverage curve: its area and some points."""
        points = {str(share): self.risk_coverage.at_coverage(share) for share in REPORTED_COVERAGES}
        keys = ("min_confidence", "coverage", "accuracy")
        return {
            "area": self.risk_coverage.area,
            "at_coverage": {
                share: {key: getattr(point, key) for key in keys} for share, point in points.items()
            },
        }


@dataclass(frozen=True)
class SeedScores:
    """The scores of several seeds of one experiment.

    Attributes:
        seeds: Folder name of the seed to its scores.
    """

    seeds: dict[str, Scores]

    def over_seeds(self, metric: str) -> tuple[float, float | None]:
        """Return mean and sample standard deviation (n - 1) of a pooled ratio.

        The deviation of a single seed does not exist: None.
        """
        values = [scores.ratios[metric] for scores in self.seeds.values()]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `seeds.json`; ratios rounded to 6 decimals."""
        names = ("mean", "standard_deviation")
        over = {m: dict(zip(names, self.over_seeds(m), strict=True)) for m in COMPARED}
        seeds = {name: scores.to_dict() for name, scores in self.seeds.items()}
        return rounded({"n_seeds": len(seeds), "pooled_over_seeds": over, "seeds": seeds})


def score_seeds(
    seeds: Mapping[str, Predictions], proofs: Mapping[str, Proof] | None = None
) -> SeedScores:
    """Score each seed by itself."""
    known = proofs or {}
    return SeedScores({name: score(part, known.get(name)) for name, part in seeds.items()})


def score_experiment(experiment: StoredExperiment) -> Scores | SeedScores:
    """Score an experiment folder: its only run, or each seed by itself."""
    if experiment.has_seeds:
        return score_seeds(experiment.predictions, experiment.proofs)
    (run,) = experiment.runs.values()
    return score(run.predictions, run.proof)


def score(predictions: Predictions, proof: Proof | None = None) -> Scores:
    """Score predictions, pooled and as the mean over their folds.

    Args:
        predictions: Of all folds.
        proof: What is known of how they were made; None for nothing.

    Raises:
        ScoreError: Without rows, or when a row holds an unknown label or probabilities that are
            none.
    """
    confusion = predictions.confusion()
    folds = [fold.confusion() for fold in predictions.by_fold().values()]
    speakers = {name: rows.confusion() for name, rows in predictions.by_speaker().items()}
    knows_speakers = UNKNOWN_SPEAKER not in speakers
    return Scores(
        confusion=confusion,
        proof=proof or Proof(),
        n_folds=len(folds),
        n_speakers=len(speakers.keys() - {UNKNOWN_SPEAKER}),
        knows_speakers=knows_speakers,
        ratios=confusion.ratios,
        intervals=speaker_interval(speakers) if knows_speakers and len(speakers) > 1 else None,
        mean_over_folds=mean_over_folds(folds),
        calibration=calibration_of(predictions),
        risk_coverage=risk_coverage_of(predictions),
        folds=fold_scores(predictions, proof.corpora) if proof and proof.corpora else (),
    )
