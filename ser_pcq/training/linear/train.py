"""Train the linear recognizer of one fold: features and setting chosen without the test fold."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser_pcq.config import AugmentConfig, Config
from ser_pcq.data.waveforms import read_utterance
from ser_pcq.evaluation.calibration import fit_temperature
from ser_pcq.files import write_json
from ser_pcq.models.device import resolve_device
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.encoders.pretrained import load_encoder
from ser_pcq.models.info import CalibrationInfo, LinearTrainingInfo, VoiceInfo
from ser_pcq.models.linear import LINEAR
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, LinearClassifier
from ser_pcq.models.linear.recognizer import (
    Functionals,
    LinearRecognizer,
    candidate_features,
    check_times,
    with_features,
)
from ser_pcq.models.temperature import calibrated
from ser_pcq.protocols.provenance import Provenance
from ser_pcq.protocols.rules import Fold
from ser_pcq.training.contract import Observer, OnProgress, Trained
from ser_pcq.training.copies.make import augmented_copies, n_copies, seed_of
from ser_pcq.training.experiment import Experiment
from ser_pcq.training.linear import METHODS
from ser_pcq.training.linear.features import features_of
from ser_pcq.training.linear.method import Method, fit_mean
from ser_pcq.training.linear.sample import SampleSets
from ser_pcq.training.linear.selection import Chosen, choose_and_fit, choose_on
from ser_pcq.training.linear.slim.encoder import check_slim, n_stages, slim_encoder
from ser_pcq.training.linear.slim.speech import heard_by_slim
from ser_pcq.training.linear.table import Table
from ser_pcq.training.linear.voices import fit_by_voice, voice_info


def _load_encoder(config: Config, layers: tuple[int, ...]) -> ContextEncoder | None:
    """Load the encoder of a linear recognizer that has one, reading these layers."""
    if not config.model.sums_encoder_up:
        return None
    context = dataclasses.replace(config.context, layers=layers)
    return load_encoder(context, duration=config.segment.duration)


def _slimmed(
    experiment: Experiment,
    fold: Fold,
    encoder: ContextEncoder,
    on_prepare: OnProgress,
    provenance: Provenance,
) -> ContextEncoder:
    """Return a slim encoder, fitted to the sound of the fold's training utterances."""
    config = experiment.config
    cut = Functionals(config, encoder)
    heard = heard_by_slim(experiment.data.utterances, fold.train, config.slim.utterances)
    provenance.record("encoder", [u.utterance_id for u in heard])
    device = next(encoder.parameters()).device
    channels = AugmentConfig(channels=config.slim.channels)
    total, done = n_stages(config.slim) * len(heard) * n_copies(channels), 0

    def speech() -> Iterator[Tensor]:
        for utterance in heard:
            waveform = torch.from_numpy(read_utterance(utterance))
            seed = seed_of(experiment.seed, utterance.utterance_id)
            for copy in augmented_copies(waveform, channels, seed=seed):
                yield cut.segments(copy).to(device)

    def advance() -> None:
        nonlocal done
        done += 1
        on_prepare(done, total)

    return slim_encoder(encoder, speech, config.slim, on_progress=advance)


def _method(config: Config) -> Method:
    """Return the way to fit."""
    return METHODS[LINEAR[config.model.name].method](config)


def _choose(table: Table, fold: Fold, experiment: Experiment, provenance: Provenance) -> Chosen:
    """Choose features and setting: on the validation utterances, else across training groups."""
    method = _method(experiment.config)
    discriminant = LINEAR[experiment.config.model.name].method == "discriminant"
    average = discriminant and experiment.config.discriminant.several == "average"
    # The test fold is among them only where `valid_from` says so, and the guard reports it.
    chosen_on = fold.valid or fold.train
    if not average:
        provenance.record("hyper-parameters", chosen_on)
    train = table.take("train", copies=True)
    if not fold.valid:
        return choose_and_fit(train, method, average=average)
    return choose_on(train, table.take("valid"), method, average=average)


def _refit(table: Table, chosen: Chosen, method: Method) -> LinearClassifier:
    """Fit what was chosen on training and validation utterances together."""
    known = table.take("train", "valid", copies=True).only(chosen.feature_sets)
    return fit_mean(known, method, chosen.settings)


def _log_prior(config: Config, train: SampleSets) -> NDArray[np.float64]:
    """Return what is added to the log-probability of each class, (class,); 0 for an absent one."""
    shares = np.bincount(train.targets, train.weights, minlength=train.n_classes)
    present = shares > 0
    log_prior = np.zeros(train.n_classes)
    log_prior[present] = config.discriminant.prior * np.log(shares[present] / shares.max())
    return log_prior


def _calibration(
    chosen: Chosen, judged: SampleSets, log_prior: NDArray[np.float64]
) -> CalibrationInfo:
    """Fit the temperature on held-out logits."""
    targets = judged.targets[: len(chosen.logits)]
    # An inner fit without a class has no confidence in it to calibrate.
    known = np.flatnonzero(chosen.logits[np.arange(len(targets)), targets] > ABSENT_LOGIT)
    temperature = 1.0
    if len(known):
        temperature = fit_temperature(
            chosen.logits[known],
            targets[known],
            weights=None if judged.weights is None else judged.weights[known],
            log_prior=log_prior,
        )
    return CalibrationInfo(temperature, len(known))


def _voice(
    table: Table,
    fold: Fold,
    chosen: Chosen,
    config: Config,
    classifier: LinearClassifier,
    log_prior: NDArray[np.float64],
) -> tuple[VoiceInfo | None, LinearClassifier | None]:
    """Return what adapting to a voice needs to know, and starts from."""
    side = "valid" if fold.valid else "train"
    voice = voice_info(table, side, chosen, log_prior, copies=not fold.valid)
    if voice is None:
        return None, None
    sides = ["train", "valid"] if config.protocol.refit else ["train"]
    return voice, fit_by_voice(table, sides, chosen, _method(config), classifier)


def _training(
    experiment: Experiment, chosen: Chosen, encoder: ContextEncoder | None
) -> LinearTrainingInfo:
    """Return what the checkpoint says of the training."""
    return LinearTrainingInfo(
        seed=experiment.seed,
        features=tuple(chosen.feature_sets),
        setting=_method(experiment.config).setting,
        values=tuple(chosen.settings),
        device="cpu" if encoder is None else next(encoder.parameters()).device.type,
    )


def _recognizer(
    config: Config,
    labels: tuple[str, ...],
    encoder: ContextEncoder | None,
    chosen: Chosen,
    classifier: LinearClassifier,
) -> LinearRecognizer:
    """Build the model: the chosen features, the encoder's layers for them, and the linear map."""
    if encoder is not None:
        sets = candidate_features(config, encoder.layers)
        config, layers = with_features(config, [sets[name] for name in chosen.feature_sets])
        if config.slim.conv:
            # It cannot be loaded again, and computes all states anyway.
            encoder.layers = layers
        else:
            encoder = _load_encoder(config, layers)
    recognizer = LinearRecognizer(config, labels, encoder, classifier.mean.size).eval()
    recognizer.load_classifier(classifier)
    return recognizer


def _begin(experiment: Experiment) -> ContextEncoder | None:
    """Load the encoder, check it, and only then write the record of the folder."""
    config = experiment.config
    encoder = _load_encoder(config, config.context.layers)
    if config.slim.conv:
        check_slim(encoder, config.slim)
    if encoder is not None:
        check_times(config, encoder)
    experiment.write_record(encoder)
    return None if encoder is None else encoder.to(resolve_device(experiment.device))


def train_linear(
    experiment: Experiment,
    fold: Fold,
    observer: Observer,
    *,
    resume: bool,
    on_prepare: OnProgress,
) -> Trained:
    """Train the linear recognizer of one fold and score its test utterances.

    Hyper-parameters (features, and cost or shrinkage) are chosen on the validation utterances;
    without any, by leaving out one training speaker after the other (nested cross-validation); or
    all are averaged. The temperature is fitted on the same held-out logits.
    """
    config, provenance = experiment.config, Provenance()
    encoder = _begin(experiment)
    if encoder is not None and config.slim.conv:
        encoder = _slimmed(experiment, fold, encoder, on_prepare, provenance)
    features = features_of(experiment, Functionals(config, encoder), on_prepare)
    table = Table(experiment, fold, features)
    if config.protocol.adapt == "speaker":
        everybody = (u.utterance_id for u in experiment.data.utterances)
        provenance.record("speaker statistics", everybody)
    chosen = _choose(table, fold, experiment, provenance)
    if len(chosen.logits):
        provenance.record("temperature", fold.valid or fold.train)
    classifier = chosen.classifier
    fitted = fold.train
    if config.protocol.refit:
        classifier = _refit(table, chosen, _method(config))
        fitted = (*fold.train, *fold.valid)
    provenance.record("normalisation", fitted)
    provenance.record("weights", fitted)
    judged = table.take("valid") if fold.valid else table.take("train", copies=True)
    log_prior = _log_prior(config, table.take("train"))
    calibration = _calibration(chosen, judged, log_prior)
    # It is added to probabilities, which are divided by the temperature before.
    bias = classifier.bias + calibration.temperature * log_prior
    classifier = dataclasses.replace(classifier, bias=bias)
    recognizer = _recognizer(config, experiment.data.labels, encoder, chosen, classifier)
    recognizer.temperature = calibration.temperature

    def score_test() -> Tensor:
        sets = table.take("test").feature_sets
        joined = np.concatenate([sets[name] for name in chosen.feature_sets], axis=1)
        test = torch.from_numpy(joined).float()
        logits: Tensor = recognizer(test)
        return calibrated(logits, recognizer.temperature).log_softmax(dim=-1)

    candidates = [dataclasses.asdict(candidate) for candidate in chosen.candidates]
    write_json(experiment.fold_dir(fold) / "candidates.json", candidates)
    training = _training(experiment, chosen, encoder)
    voice, by_voice = _voice(table, fold, chosen, config, classifier, log_prior)
    return Trained(recognizer, score_test, training, calibration, provenance, voice, by_voice)
