"""From stored predictions to scores; how they are shown and written is in `report`.

Pooled ratios come from the counts of all folds added up; the mean over folds is given beside them
and never without its name. Intervals are over speakers.
"""

import json
import re
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ser_pcq.errors import ScoreError
from ser_pcq.metrics import Confusion, SpeakerIntervals, mean_over_folds, speaker_interval
from ser_pcq.predictions import TABLE, Predictions, merge, read_predictions


@dataclass(frozen=True)
class Scores:
    """The scores of one set of predictions; every ratio is in [0, 1].

    Attributes:
        confusion: Counts pooled over all folds.
        protocol: Name of the protocol that made the folds; None when it is not known.
        n_folds: Number of folds.
        n_speakers: Number of tested speakers.
        wa: Pooled weighted accuracy.
        ua: Pooled unweighted accuracy.
        macro_f1: Pooled macro F1.
        intervals: 95 % bootstrap intervals over speakers; None with fewer than two speakers.
        mean_over_folds_wa: Mean of the folds' WA.
        mean_over_folds_ua: Mean of the folds' UA.
    """

    confusion: Confusion
    protocol: str | None
    n_folds: int
    n_speakers: int
    wa: float
    ua: float
    macro_f1: float
    intervals: SpeakerIntervals | None
    mean_over_folds_wa: float
    mean_over_folds_ua: float

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
        return _rounded(
            {
                "protocol": self.protocol,
                "n_utterances": self.n_utterances,
                "n_speakers": self.n_speakers,
                "n_folds": self.n_folds,
                "pooled": {"wa": self.wa, "ua": self.ua, "macro_f1": self.macro_f1},
                "speaker_interval_95": None if self.intervals is None else asdict(self.intervals),
                "mean_over_folds": {"wa": self.mean_over_folds_wa, "ua": self.mean_over_folds_ua},
                "recall": self.recalls,
                "labels": self.labels,
                "confusion": self.confusion.counts,
            }
        )


@dataclass(frozen=True)
class SeedScores:
    """The scores of several seeds of one experiment.

    Attributes:
        seeds: Folder name of the seed to its scores.
    """

    seeds: dict[str, Scores]

    def over_seeds(self, ratio: str) -> tuple[float, float | None]:
        """Return mean and sample standard deviation (n - 1) of the pooled `wa` or `ua`.

        The deviation of a single seed does not exist: None.
        """
        values = [getattr(scores, ratio) for scores in self.seeds.values()]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `seeds.json`; ratios rounded to 6 decimals."""
        names = ("mean", "standard_deviation")
        over = {r: dict(zip(names, self.over_seeds(r), strict=True)) for r in ("wa", "ua")}
        seeds = {name: scores.to_dict() for name, scores in self.seeds.items()}
        return _rounded({"n_seeds": len(seeds), "pooled_over_seeds": over, "seeds": seeds})


def _rounded(value: Any) -> Any:
    """Return nested values with every float at 6 decimals and tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def score_seeds(seeds: Mapping[str, Predictions], *, protocol: str | None = None) -> SeedScores:
    """Score each seed by itself."""
    return SeedScores({name: score(part, protocol=protocol) for name, part in seeds.items()})


def score(predictions: Predictions, *, protocol: str | None = None) -> Scores:
    """Score predictions, pooled and as the mean over their folds.

    Raises:
        ScoreError: When there is no row or a row holds an unknown label.
    """
    confusion = predictions.confusion()
    folds = [fold.confusion() for fold in predictions.by_fold().values()]
    speakers = {name: rows.confusion() for name, rows in predictions.by_speaker().items()}
    fold_wa, fold_ua = mean_over_folds(folds)
    return Scores(
        confusion=confusion,
        protocol=protocol,
        n_folds=len(folds),
        n_speakers=len(speakers),
        wa=confusion.weighted_accuracy,
        ua=confusion.unweighted_accuracy,
        macro_f1=confusion.macro_f1,
        intervals=speaker_interval(speakers) if len(speakers) > 1 else None,
        mean_over_folds_wa=fold_wa,
        mean_over_folds_ua=fold_ua,
    )


# ---- what an experiment folder holds


@dataclass(frozen=True)
class _Split:
    """What `split.json` promises: the protocol and the test utterances of each fold."""

    protocol: str
    test: dict[int, frozenset[str]]


def _read_split(exp_dir: Path) -> _Split | None:
    """Read `split.json`; None where there is none. A fold without a test set is left out."""
    path = exp_dir / "split.json"
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        test = {int(fold["fold"]): frozenset(fold["test"]) for fold in table["folds"]}
        return _Split(str(table["protocol"]), {n: ids for n, ids in test.items() if ids})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScoreError(
            "split.json is damaged", given=f"{path} ({type(error).__name__}: {error})"
        ) from error


def read_protocol(exp_dir: Path) -> str | None:
    """Return the protocol in `split.json` of the folder or of its first seed; None without one.

    Raises:
        ScoreError: When the file is damaged.
    """
    seeds = [folder for _, folder in _numbered_folders(exp_dir, "seed")]
    splits = (_read_split(folder) for folder in [exp_dir, *seeds[:1]])
    return next((split.protocol for split in splits if split is not None), None)


def _numbered_folders(folder: Path, name: str) -> list[tuple[int, Path]]:
    """Return the sub-folders called `<name>_<number>`, in the order of the numbers."""
    found = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        match = re.fullmatch(rf"{name}_([0-9]{{1,9}})", entry.name)
        if match and entry.is_dir():
            found.append((int(match[1]), entry))
    return sorted(found)


def holds_seeds(exp_dir: Path) -> bool:
    """Say whether the folder holds `seed_*` folders and no predictions of its own."""
    own = (exp_dir / TABLE).exists() or _numbered_folders(exp_dir, "fold")
    return not own and bool(_numbered_folders(exp_dir, "seed"))


def collect(exp_dir: Path) -> Predictions:
    """Return the predictions that training stored for the test folds, checked for completeness.

    Fold folders come first; `exp_dir/predictions.csv` is read only where there are none, as this
    file is also what a report writes.

    Raises:
        ScoreError: When there is nothing to score, or a fold is missing, foreign, or does not hold
            exactly the test utterances of `split.json`.
    """
    split = _read_split(exp_dir)
    folders = _numbered_folders(exp_dir, "fold")
    done = [(number, folder) for number, folder in folders if (folder / TABLE).exists()]
    if not folders and (exp_dir / TABLE).exists():
        predictions = read_predictions(exp_dir / TABLE)
        if split is not None:
            _check_folds(set(predictions.by_fold()), set(split.test), exp_dir)
    elif folders or (split is not None and split.test):
        # Without a split the numbers themselves tell: they start at 1 and have no gap.
        last = max((number for number, _ in folders), default=0)
        expected = set(range(1, last + 1)) if split is None else set(split.test)
        _check_folds({number for number, _ in done}, expected, exp_dir)
        predictions = merge(_read_fold(number, folder) for number, folder in done)
    else:
        raise ScoreError(
            "nothing to score",
            given=exp_dir if exp_dir.is_dir() else f"{exp_dir}, which is no folder",
            accepted=f"a folder with fold_01/{TABLE} ..., with {TABLE}, or with seed_* folders",
            do="train with ser-train first",
        )
    if split is not None:
        _check_utterances(predictions, split, exp_dir)
    return predictions


def _read_fold(number: int, folder: Path) -> Predictions:
    """Read the table of one fold folder; its rows must say that fold."""
    predictions = read_predictions(folder / TABLE)
    others = {row.fold for row in predictions.rows} - {number}
    if others:
        raise ScoreError(
            f"{folder / TABLE} holds rows of another fold", given=f"fold {min(others)}"
        )
    return predictions


def _check_folds(found: set[int], expected: set[int], exp_dir: Path) -> None:
    """Refuse to score a part of the folds as if it were the whole."""
    missing, foreign = sorted(expected - found), sorted(found - expected)
    if missing:
        raise ScoreError(
            f"folds without predictions in {exp_dir}: {', '.join(map(str, missing))}",
            do=f"train them, for example with `ser-train ... --fold {missing[0]}`",
        )
    if foreign:
        raise ScoreError(
            f"folds that are not in {exp_dir / 'split.json'}: {', '.join(map(str, foreign))}",
            do="remove them, or score them in an experiment folder of their own",
        )


def _check_utterances(predictions: Predictions, split: _Split, exp_dir: Path) -> None:
    """Refuse folds that did not test exactly what the split says."""
    for number, fold in predictions.by_fold().items():
        tested = {row.utterance_id for row in fold.rows}
        for names, problem in (
            (split.test[number] - tested, "lacks utterances of its test set"),
            (tested - split.test[number], "holds utterances that are not in its test set"),
        ):
            if names:
                shown = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
                raise ScoreError(
                    f"fold {number} of {exp_dir} {problem}",
                    given=f"{len(names)} of them: {shown}",
                    do=f"train it again with `ser-train ... --fold {number}`",
                )


def collect_seeds(exp_dir: Path) -> dict[str, Predictions]:
    """Return the predictions of every `seed_*` folder, in the order of the seeds.

    Raises:
        ScoreError: When there is no such folder, one cannot be scored, or they tested different
            utterances, which would make their mean meaningless.
    """
    seeds = {folder.name: collect(folder) for _, folder in _numbered_folders(exp_dir, "seed")}
    if not seeds:
        raise ScoreError("no seeds to score", given=exp_dir, accepted="seed_0, seed_1, ... in it")
    first, *others = (
        (name, part.labels, {(r.utterance_id, r.fold, r.reference) for r in part.rows})
        for name, part in seeds.items()
    )
    for name, *tested in others:
        if tested != list(first[1:]):
            raise ScoreError(f"{first[0]} and {name} of {exp_dir} tested different utterances")
    return seeds
