"""Train the network of one fold: fit, choose and calibrate on validation speakers, train again."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from ser_pcq.config import AugmentConfig
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import SerError
from ser_pcq.evaluation.calibration import fit_temperature
from ser_pcq.files import write_json
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.encoders.pretrained import load_encoder
from ser_pcq.models.info import CalibrationInfo, NetworkTrainingInfo
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.protocols.provenance import Provenance
from ser_pcq.protocols.rules import Fold
from ser_pcq.training.balance import balanced_weights
from ser_pcq.training.contract import Observer, OnProgress, Trained
from ser_pcq.training.experiment import Experiment
from ser_pcq.training.network.accelerator import new_accelerator
from ser_pcq.training.network.adaptation import adapt_to_speakers
from ser_pcq.training.network.context_cache import ContextCache
from ser_pcq.training.network.dataset import PreparedUtterance, prepare_utterances
from ser_pcq.training.network.fit import Fit
from ser_pcq.training.network.history import HistoryLog, LaterEpochs
from ser_pcq.training.network.validation import score_utterances


@dataclasses.dataclass(frozen=True)
class Sides:
    """The prepared utterances of a fold.

    Attributes:
        train: What the network is fitted to, with augmented copies.
        valid: What epoch and temperature are chosen on.
        test: What is scored at the end.
        refit: What a second training (`protocol.refit`) is fitted to: `train` and `valid`, with
            augmented copies, in the order of the data.
    """

    train: list[PreparedUtterance]
    valid: list[PreparedUtterance]
    test: list[PreparedUtterance]
    refit: list[PreparedUtterance]


@dataclasses.dataclass(frozen=True)
class Selection:
    """What validation speakers decided.

    Attributes:
        epoch: The chosen epoch.
        epochs: Epochs that were trained.
        temperature: Fitted on the validation speakers; 1 without any.
        utterances: Number of utterances that the temperature was fitted on.
    """

    epoch: int
    epochs: int
    temperature: float
    utterances: int


class NetworkTraining:
    """The training of one fold's network.

    Args:
        experiment: The experiment.
        fold: One of its folds.
        observer: Is called after each step and epoch.
        resume: Continue from the state that an interrupted run left.
    """

    def __init__(
        self, experiment: Experiment, fold: Fold, observer: Observer, *, resume: bool
    ) -> None:
        self.experiment, self.fold, self.observer, self.resume = experiment, fold, observer, resume
        self.config = experiment.config
        self.folder = experiment.fold_dir(fold)
        self.provenance = Provenance()
        self.accelerator = self._new_accelerator()
        self.encoder: ContextEncoder | None = self._load_encoder()
        if self.accelerator.is_main_process:
            experiment.write_record(self.encoder)

    def _new_accelerator(self) -> Accelerator:
        return new_accelerator(self.experiment.device, self.config.train)

    def _load_encoder(self) -> ContextEncoder | None:
        return load_encoder(self.config.context, duration=self.config.segment.duration)

    def new_recognizer(self) -> Recognizer:
        """Build a network whose first weights follow from the seed alone."""
        # After loading the encoder, which may draw random numbers.
        torch.manual_seed(self.experiment.seed)
        recognizer = Recognizer(self.config, self.experiment.data.labels, self.encoder)
        recognizer.to(self.accelerator.device)
        # Utterances are cut on the CPU: they are short, and stay in memory for all epochs.
        recognizer.frontend.cpu()
        return recognizer

    def prepare(self, recognizer: Recognizer, on_prepare: OnProgress) -> Sides:
        """Read, cut and encode the utterances of all sides."""
        experiment, fold = self.experiment, self.fold
        known = {u.utterance_id: u for u in experiment.data.utterances}
        cache = None
        if recognizer.caches_context and recognizer.encoder is not None:
            cache = ContextCache(experiment.cache_dir, recognizer.encoder)
        wanted: dict[str, tuple[tuple[str, ...], AugmentConfig | None]] = {
            "train": (fold.train, self.config.augment),
            "valid": (fold.valid, None),
            "test": (fold.test, None),
        }
        if self.config.protocol.refit:
            wanted["refit"] = (fold.valid, self.config.augment)
        total, done = sum(len(ids) for ids, _ in wanted.values()), 0

        def advance() -> None:
            nonlocal done
            done += 1
            on_prepare(done, total)

        sides = {
            side: prepare_utterances(
                [known[i] for i in ids],
                recognizer,
                cache,
                augment=augment,
                seed=experiment.seed,
                on_progress=advance,
            )
            for side, (ids, augment) in wanted.items()
        }
        if self.config.protocol.adapt == "speaker":
            for side in sides.values():
                self.record("speaker statistics", side)
            sides = adapt_to_speakers(sides, experiment.speaker_of)
        # In the order of the data, as if there had never been validation speakers.
        place = {i: n for n, i in enumerate(known)}
        both = sides["train"] + sides.get("refit", [])
        refit = sorted(both, key=lambda u: place[u.utterance_id])
        if self.config.protocol.balance != "none":
            sides["train"], refit = (_balanced(side, known) for side in (sides["train"], refit))
        return Sides(sides["train"], sides["valid"], sides["test"], refit)

    def record(self, thing: str, utterances: Iterable[PreparedUtterance]) -> None:
        """Record that `thing` was fitted or chosen on these utterances."""
        self.provenance.record(thing, (u.utterance_id for u in utterances))

    def fit(
        self,
        recognizer: Recognizer,
        train: list[PreparedUtterance],
        valid: list[PreparedUtterance],
        folder: Path,
        observer: Observer,
        last_epoch: int | None = None,
    ) -> Fit:
        """Fit normalisation and weights; the recognizer then holds the selected epoch."""
        recognizer.frontend.cpu()
        recognizer.frontend.fit(torch.cat([u.spectrogram for u in train]))
        self.record("normalisation", train)
        recognizer.frontend.to(self.accelerator.device)
        config = self.config.train
        if last_epoch is not None:
            config = dataclasses.replace(config, select="last", patience=0)
        fit = Fit(
            recognizer,
            train,
            valid,
            config,
            seed=self.experiment.seed,
            accelerator=self.accelerator,
            state_path=folder / "state.pt",
        )
        folder.mkdir(parents=True, exist_ok=True)
        is_main = self.accelerator.is_main_process
        log = HistoryLog(folder, observer, fit.history) if is_main else observer
        fit.run(log, resume=self.resume, last_epoch=last_epoch)
        self.record("weights", train)
        if config.select == "best":
            self.record("epoch", valid)
        return fit

    def score(self, recognizer: Recognizer, utterances: list[PreparedUtterance]) -> Tensor:
        """Return log-probabilities, (utterance, class)."""
        return score_utterances(recognizer, utterances, self.accelerator.device)

    def select(self, recognizer: Recognizer, sides: Sides) -> Selection:
        """Train, and let the validation speakers choose the epoch and the temperature."""
        valid = sides.valid
        fit = self.fit(recognizer, sides.train, valid, self.folder, self.observer)
        temperature = 1.0
        if valid:
            targets = torch.tensor([u.target for u in valid]).numpy()
            temperature = fit_temperature(self.score(recognizer, valid).numpy(), targets)
            self.record("temperature", valid)
        return Selection(fit.best_epoch, len(fit.history), temperature, len(valid))

    def refit(self, selection: Selection, sides: Sides) -> Recognizer:
        """Train anew on training and validation speakers, for the chosen number of epochs."""
        self.accelerator.free_memory()
        self.accelerator = self._new_accelerator()
        if self.config.context.fine_tune:
            self.encoder = self._load_encoder()
        recognizer = self.new_recognizer()
        observer = LaterEpochs(self.observer, self.config.train.epochs)
        # What was fitted first is not part of the model; what was chosen is.
        for thing in ("weights", "normalisation"):
            self.provenance.forget(thing)
        self.fit(recognizer, sides.refit, [], self.folder / "refit", observer, selection.epoch)
        return recognizer


def _balanced(
    prepared: list[PreparedUtterance], known: Mapping[str, Utterance]
) -> list[PreparedUtterance]:
    """Return utterances and copies with weights by which emotions and corpora count alike."""
    weights = balanced_weights([known[u.utterance_id] for u in prepared]).tolist()
    return [
        dataclasses.replace(one, weight=weight)
        for one, weight in zip(prepared, weights, strict=True)
    ]


def _kept_selection(path: Path) -> Selection | None:
    """Read what an interrupted run had selected; None where it had selected nothing."""
    if not path.exists():
        return None
    try:
        return Selection(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SerError(
            "the kept state of an interrupted run is damaged",
            given=path,
            do="delete it and start this fold again",
        ) from error


def train_network(
    experiment: Experiment,
    fold: Fold,
    observer: Observer,
    *,
    resume: bool,
    on_prepare: OnProgress,
) -> Trained | None:
    """Train the network of one fold and score its test utterances.

    Returns:
        What was trained; None in the helper processes of a distributed run.
    """
    training = NetworkTraining(experiment, fold, observer, resume=resume)
    recognizer = training.new_recognizer()
    sides = training.prepare(recognizer, on_prepare)
    kept_path = training.folder / "selection.json"
    refit = experiment.config.protocol.refit
    selection = _kept_selection(kept_path) if resume and refit else None
    if selection is None:
        selection = training.select(recognizer, sides)
    else:
        training.record("temperature", sides.valid)
        if experiment.config.train.select == "best":
            training.record("epoch", sides.valid)
    if refit:
        if training.accelerator.is_main_process:
            write_json(kept_path, dataclasses.asdict(selection))
        recognizer = training.refit(selection, sides)
    if not training.accelerator.is_main_process:
        return None
    recognizer.temperature = selection.temperature
    info = NetworkTrainingInfo(
        seed=experiment.seed,
        epochs=selection.epochs,
        selected_epoch=selection.epoch,
        device=training.accelerator.device.type,
    )
    calibration = CalibrationInfo(selection.temperature, selection.utterances)

    def score_test() -> Tensor:
        return training.score(recognizer, sides.test)

    return Trained(recognizer, score_test, info, calibration, training.provenance)
