"""One fold from data to predictions, and the experiment folder that holds it.

::

    EXP_DIR/config.json  split.json
    EXP_DIR/fold_01/checkpoint/  predictions.csv  history.csv  tensorboard/
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ser_pcq.card import model_card
from ser_pcq.checkpoint import save_checkpoint, shareable_config
from ser_pcq.config import Config
from ser_pcq.context_cache import ContextCache
from ser_pcq.datadir import DataDir, Utterance
from ser_pcq.dataset import PreparedUtterance, prepare_utterances
from ser_pcq.device import new_accelerator
from ser_pcq.errors import DataError, SerError
from ser_pcq.files import write_json
from ser_pcq.history import HistoryLog
from ser_pcq.models.context import ContextEncoder
from ser_pcq.models.pretrained import load_encoder
from ser_pcq.predictions import Predictions, UtterancePrediction, write_predictions
from ser_pcq.protocols import Fold, check_split, make_folds, write_split
from ser_pcq.recognizer import Recognizer
from ser_pcq.train import Fit, Observer, score_utterances


@dataclass(frozen=True)
class Experiment:
    """What all folds of an experiment share.

    Attributes:
        config: The configuration.
        data: The data directory.
        folds: Every fold of the protocol.
        exp_dir: The experiment folder.
        cache_dir: Folder for a frozen encoder's output.
        seed: Of initial weights, shuffling, dropout and augmentation.
        device: `auto`, `cpu` or `cuda`.
    """

    config: Config
    data: DataDir
    folds: tuple[Fold, ...]
    exp_dir: Path
    cache_dir: Path
    seed: int
    device: str

    def fold_dir(self, fold: Fold) -> Path:
        """Return the folder of a fold."""
        return self.exp_dir / fold.name

    def record(self) -> dict[str, Any]:
        """Return what a folder was made with, apart from its split and the encoder's weights."""
        told = [(u.utterance_id, u.speaker, u.emotion) for u in self.data.utterances]
        return {
            "config": shareable_config(self.config),
            "seed": self.seed,
            "data": hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest(),
        }

    def check_record(self, **more: str) -> bool:
        """Compare `config.json` with this experiment; return False where there is none.

        Args:
            more: Further entries to compare, such as the encoder's fingerprint.

        Raises:
            SerError: When the folder was made with something else, naming what differs.
        """
        path = self.exp_dir / "config.json"
        if not path.exists():
            return False
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            differing = [k for k, v in {**self.record(), **more}.items() if known[k] != v]
        except (ValueError, KeyError, TypeError):
            differing = ["a damaged config.json"]
        if differing:
            raise SerError(
                "the experiment folder was made with something else",
                given=f"{self.exp_dir}, differing in: {', '.join(differing)}",
                do="use a new experiment folder",
            )
        return True

    def write_record(self, encoder: ContextEncoder | None) -> None:
        """Write `config.json` and `split.json`, once what they name could be loaded.

        Raises:
            SerError: When the folder was made with other data or another encoder.
        """
        fingerprint = "none" if encoder is None else encoder.fingerprint()
        if not self.check_record(encoder=fingerprint):
            write_json(self.exp_dir / "config.json", {**self.record(), "encoder": fingerprint})
        write_split(self.exp_dir / "split.json", list(self.folds), self.config.protocol)

    def is_finished(self, fold: Fold) -> bool:
        """Whether the fold has been trained and scored."""
        return (self.fold_dir(fold) / "finished.json").is_file()

    def select(self, numbers: Sequence[int]) -> list[Fold]:
        """Return the folds with these numbers; all of them when there are none.

        Raises:
            DataError: For a number that the protocol does not have.
        """
        known = {fold.number: fold for fold in self.folds}
        for number in numbers:
            if number not in known:
                raise DataError("no such fold", given=number, accepted=f"1 to {len(known)}")
        return [known[n] for n in sorted(set(numbers))] or list(self.folds)


def open_experiment(
    config: Config,
    data: DataDir,
    exp_dir: Path,
    *,
    cache_dir: Path,
    seed: int,
    device: str = "auto",
) -> Experiment:
    """Make or reopen an experiment folder; refuse one that was made with something else.

    Raises:
        SerError: When the folder holds another configuration, seed or split.
    """
    folds = make_folds(data, config.protocol)
    experiment = Experiment(config, data, tuple(folds), exp_dir, cache_dir, seed, device)
    if len(data.labels) < 2:
        raise DataError("one emotion alone cannot be told from others", given=data.labels)
    if experiment.check_record():
        check_split(exp_dir / "split.json", folds, config.protocol)
    return experiment


def _prepare_sides(
    experiment: Experiment,
    fold: Fold,
    recognizer: Recognizer,
    cache: ContextCache | None,
    on_prepare: Callable[[int, int], None],
) -> dict[str, list[PreparedUtterance]]:
    """Prepare the utterances of train, valid and test."""
    known: dict[str, Utterance] = {u.utterance_id: u for u in experiment.data.utterances}
    total = len(fold.train) + len(fold.valid) + len(fold.test)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        on_prepare(done, total)

    sides = {}
    for side, ids in (("train", fold.train), ("valid", fold.valid), ("test", fold.test)):
        sides[side] = prepare_utterances(
            [known[i] for i in ids],
            recognizer,
            cache,
            augment=experiment.config.augment if side == "train" else None,
            seed=experiment.seed,
            on_progress=advance,
        )
    return sides


def run_fold(
    experiment: Experiment,
    fold: Fold,
    observer: Observer,
    *,
    resume: bool = False,
    on_prepare: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions | None:
    """Train one fold, write its checkpoint and score its test speakers.

    Args:
        experiment: The experiment.
        fold: One of its folds.
        observer: Sees the training.
        resume: Go on from a state that an interrupted run left.
        on_prepare: Called with (done, total) while utterances are read and encoded.

    Returns:
        Predictions on the test speakers; None for the protocol `all`, and in the helper processes
        of a distributed run.
    """
    config, folder = experiment.config, experiment.fold_dir(fold)
    accelerator = new_accelerator(experiment.device, config.train)
    encoder = load_encoder(config.context, duration=config.segment.duration)
    if accelerator.is_main_process:
        experiment.write_record(encoder)
    # After loading, which may draw random numbers: the first weights follow from the seed alone.
    torch.manual_seed(experiment.seed)
    recognizer = Recognizer(config, experiment.data.labels, encoder).to(accelerator.device)
    cache = None
    if recognizer.caches_context and recognizer.encoder is not None:
        cache = ContextCache(experiment.cache_dir, recognizer.encoder)
    # Utterances are cut on the CPU: they are short, and stay in memory for all epochs.
    recognizer.frontend.cpu()
    sides = _prepare_sides(experiment, fold, recognizer, cache, on_prepare)
    recognizer.frontend.fit(torch.cat([u.spectrogram for u in sides["train"]]))
    recognizer.frontend.to(accelerator.device)
    state_path = folder / "state.pt"
    fit = Fit(
        recognizer,
        sides["train"],
        sides["valid"],
        config.train,
        seed=experiment.seed,
        accelerator=accelerator,
        state_path=state_path,
    )
    folder.mkdir(parents=True, exist_ok=True)
    log = HistoryLog(folder, observer, fit.history) if accelerator.is_main_process else observer
    history = fit.run(log, resume=resume)
    if not accelerator.is_main_process:
        return None
    predictions = _predict_test(experiment, fold, recognizer, sides["test"], accelerator.device)
    if predictions is not None:
        write_predictions(folder / "predictions.csv", predictions)
    about = _about(experiment, fold, fit)
    save_checkpoint(folder / "checkpoint", recognizer, about, card=model_card(about, recognizer))
    write_json(folder / "finished.json", {"best_epoch": fit.best_epoch, "epochs": len(history)})
    state_path.unlink(missing_ok=True)
    return predictions


def _predict_test(
    experiment: Experiment,
    fold: Fold,
    recognizer: Recognizer,
    test: list[PreparedUtterance],
    device: torch.device,
) -> Predictions | None:
    """Score the test utterances of a fold."""
    if not test:
        return None
    speaker = {u.utterance_id: u.speaker for u in experiment.data.utterances}
    labels = recognizer.labels
    rows = []
    for utterance, row in zip(test, score_utterances(recognizer, test, device), strict=True):
        rows.append(
            UtterancePrediction(
                utterance.utterance_id,
                speaker[utterance.utterance_id],
                fold.number,
                labels[utterance.target],
                labels[int(row.argmax())],
                tuple(row.exp().tolist()),
            )
        )
    return Predictions(labels, tuple(rows))


def _about(experiment: Experiment, fold: Fold, fit: Fit) -> dict[str, Any]:
    """Describe the training for the checkpoint."""
    name = experiment.exp_dir.resolve().name
    speaker = {u.utterance_id: u.speaker for u in experiment.data.utterances}
    return {
        "name": f"{name}-{fold.name}" if fold.test else name,
        "data": {
            "name": experiment.data.path.resolve().name,
            "utterances": len(fold.train),
            "train_speakers": sorted({speaker[i] for i in fold.train}),
            "valid_speakers": sorted({speaker[i] for i in fold.valid}),
            "test_speakers": sorted({speaker[i] for i in fold.test}),
        },
        "protocol": asdict(experiment.config.protocol),
        "training": {
            "seed": experiment.seed,
            "epochs": len(fit.history),
            "selected_epoch": fit.best_epoch,
            "device": fit.accelerator.device.type,
        },
    }
