"""What an experiment folder holds: stored predictions, checked against its split."""

import re
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.table import RUN, TABLE, Predictions, merge, read_predictions
from ser_pcq.protocols.proof import Proof, prove, read_config
from ser_pcq.protocols.rules import UtteranceGroups
from ser_pcq.protocols.split_file import SPLIT, Split, SplitError, read_split


@dataclass(frozen=True)
class StoredRun:
    """One training run.

    Attributes:
        folder: Where it is.
        predictions: What it predicted for the test folds.
        proof: What its files prove of its protocol.
    """

    folder: Path
    predictions: Predictions
    proof: Proof


@dataclass(frozen=True)
class StoredExperiment:
    """All runs of an experiment folder.

    Attributes:
        runs: Name of each `seed_*` folder to its run; the only run is called `RUN` where there are
            no seeds.
        has_seeds: Whether the runs are `seed_*` folders.
    """

    runs: dict[str, StoredRun]
    has_seeds: bool

    @property
    def predictions(self) -> dict[str, Predictions]:
        """Name of each run to what it predicted."""
        return {name: run.predictions for name, run in self.runs.items()}

    @property
    def proofs(self) -> dict[str, Proof]:
        """Name of each run to what its files prove."""
        return {name: run.proof for name, run in self.runs.items()}

    def refuse_leaks(self) -> None:
        """Stop unless no run leaks.

        Raises:
            LeakageError: For the first run that leaks.
        """
        for run in self.runs.values():
            run.proof.verdict.refuse()


def read_experiment(exp_dir: Path) -> StoredExperiment:
    """Read what training left in a folder, plain or with `seed_*` folders, and judge it anew.

    Raises:
        ScoreError: When it cannot be scored.
    """
    has_seeds = holds_seeds(exp_dir)
    folders = seed_folders(exp_dir) if has_seeds else [exp_dir]
    predictions = collect_seeds(exp_dir) if has_seeds else {RUN: collect(exp_dir)}
    runs = {
        name: StoredRun(folder, part, prove(folder))
        for (name, part), folder in zip(predictions.items(), folders, strict=True)
    }
    return StoredExperiment(runs, has_seeds)


def _read_split(exp_dir: Path) -> Split | None:
    """Return `split.json`; None where there is none."""
    try:
        return read_split(exp_dir / SPLIT) if (exp_dir / SPLIT).exists() else None
    except SplitError as error:
        raise ScoreError(str(error)) from error


def _numbered_folders(folder: Path, name: str) -> list[tuple[int, Path]]:
    """Return the sub-folders called `<name>_<number>`, in the order of the numbers."""
    found = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        match = re.fullmatch(rf"{name}_([0-9]{{1,9}})", entry.name)
        if match and entry.is_dir():
            found.append((int(match[1]), entry))
    numbers = [number for number, _ in found]
    if len(set(numbers)) < len(numbers):
        twice = max(numbers, key=numbers.count)
        raise ScoreError(
            f"two folders are {name} {twice}",
            given=", ".join(str(path) for number, path in found if number == twice),
            do="remove one of them",
        )
    return sorted(found)


def holds_seeds(exp_dir: Path) -> bool:
    """Return whether the folder holds `seed_*` folders, and no predictions beside them."""
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
    # A fold that tests nothing has no predictions.
    tests = None
    if split is not None:
        tests = {fold.number: frozenset(fold.test) for fold in split.folds if fold.test}
    folders = _numbered_folders(exp_dir, "fold")
    done = [(number, folder) for number, folder in folders if (folder / TABLE).exists()]
    if not folders and (exp_dir / TABLE).exists():
        predictions = read_predictions(exp_dir / TABLE)
        if tests is not None:
            _check_folds(set(predictions.by_fold()), set(tests), exp_dir)
    elif folders or tests:
        # Without a split the numbers decide: they start at 1 and have no gap.
        last = max((number for number, _ in folders), default=0)
        expected = set(range(1, last + 1)) if tests is None else set(tests)
        _check_folds({number for number, _ in done}, expected, exp_dir)
        predictions = merge(_read_fold(number, folder) for number, folder in done)
    else:
        raise ScoreError(
            "nothing to score",
            given=exp_dir if exp_dir.is_dir() else f"{exp_dir}, which is not a folder",
            accepted=f"a folder with fold_01/{TABLE} ..., with {TABLE}, or with seed_* folders",
            do="train with ser-train first",
        )
    if split is not None and tests is not None:
        _check_utterances(predictions, tests, exp_dir)
        _check_speakers(predictions, split, exp_dir)
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
            do="remove them, or score them in a separate experiment folder",
        )


def _check_utterances(
    predictions: Predictions, tests: dict[int, frozenset[str]], exp_dir: Path
) -> None:
    """Refuse folds that did not test exactly what the split says."""
    for number, fold in predictions.by_fold().items():
        tested = {row.utterance_id for row in fold.rows}
        for names, problem in (
            (tests[number] - tested, "lacks utterances of its test set"),
            (tested - tests[number], "holds utterances that are not in its test set"),
        ):
            if names:
                shown = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
                raise ScoreError(
                    f"fold {number} of {exp_dir} {problem}",
                    given=f"{len(names)} of them: {shown}",
                    do=f"train it again with `ser-train ... --fold {number}`",
                )


def _check_speakers(predictions: Predictions, split: Split, exp_dir: Path) -> None:
    """Refuse rows of another speaker than the split has: intervals are over speakers."""
    for row in predictions.rows:
        known = (split.groups or {}).get(row.utterance_id, UtteranceGroups()).speaker
        if known is not None and row.speaker != known:
            raise ScoreError(
                f"an utterance of {exp_dir} has another speaker than in {SPLIT}",
                given=f"{row.utterance_id}: {row.speaker}",
                accepted=known,
            )


def seed_folders(exp_dir: Path) -> list[Path]:
    """Return the `seed_*` folders, in the order of the seeds."""
    return [folder for _, folder in _numbered_folders(exp_dir, "seed")]


def collect_seeds(exp_dir: Path) -> dict[str, Predictions]:
    """Return the predictions of every `seed_*` folder, in the order of the seeds.

    Raises:
        ScoreError: Without such folders, when one cannot be scored, or when they tested different
            utterances, which would make their mean meaningless.
    """
    seeds = {folder.name: collect(folder) for folder in seed_folders(exp_dir)}
    if not seeds:
        raise ScoreError("no seeds to score", given=exp_dir, accepted="seed_0, seed_1, ... in it")
    _check_same_config(exp_dir, list(seeds))
    first, *others = (
        (name, part.labels, {(r.utterance_id, r.fold, r.reference) for r in part.rows})
        for name, part in seeds.items()
    )
    for name, *tested in others:
        if tested != list(first[1:]):
            raise ScoreError(f"{first[0]} and {name} of {exp_dir} tested different utterances")
    return seeds


def _check_same_config(exp_dir: Path, names: list[str]) -> None:
    """Refuse seeds of different configurations: their mean would mean nothing."""
    configs = {name: read_config(exp_dir / name) for name in names}
    known = {name: config for name, config in configs.items() if config is not None}
    for name, config in known.items():
        if config != next(iter(known.values())):
            raise ScoreError(
                f"{next(iter(known))} and {name} of {exp_dir} have different configurations",
                do="score them one by one",
            )
