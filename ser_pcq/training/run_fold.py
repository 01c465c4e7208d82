"""One fold from data to predictions: train, let the guard judge, score the test fold, keep all."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from ser_pcq.audio.fingerprint import save_prints
from ser_pcq.evaluation.table import Predictions, UtterancePrediction, write_predictions
from ser_pcq.files import write_json
from ser_pcq.models.checkpoint import AnyRecognizer, describe, save_checkpoint
from ser_pcq.models.folder import PRINTS
from ser_pcq.models.info import CalibrationInfo, DataInfo, ModelInfo, TrainingInfo, as_json
from ser_pcq.protocols.leakage import check_provenance
from ser_pcq.protocols.provenance import Provenance, write_provenance
from ser_pcq.protocols.rules import Fold, protocol_name, rule_of
from ser_pcq.training.card import model_card
from ser_pcq.training.experiment import Experiment
from ser_pcq.training.network.fit import Observer

OnPrepare: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Trained:
    """What training a fold leaves.

    Attributes:
        recognizer: The model, its temperature included.
        score_test: Returns log-probabilities of the test utterances, (utterance, class), in the
            fold's order; it is called when the guard has agreed.
        training: What the checkpoint says of the training.
        calibration: What the checkpoint says of the temperature.
        provenance: What was fitted or chosen on which utterances.
    """

    recognizer: AnyRecognizer
    score_test: Callable[[], Tensor]
    training: TrainingInfo
    calibration: CalibrationInfo
    provenance: Provenance


def run_fold(
    experiment: Experiment,
    fold: Fold,
    observer: Observer,
    *,
    resume: bool = False,
    on_prepare: OnPrepare = lambda done, total: None,
) -> Predictions | None:
    """Train one fold, write its checkpoint and score its test utterances.

    Args:
        experiment: The experiment.
        fold: One of its folds.
        observer: Sees the training.
        resume: Go on from a state that an interrupted run left.
        on_prepare: Called with (done, total) while utterances are read and encoded.

    Returns:
        Predictions on the test utterances; None for the protocol `all`, and in the helper processes
        of a distributed run.

    Raises:
        LeakageError: When something was fitted or chosen on the test fold and that is not allowed.
    """
    # Imported here: each brings libraries along that the other does not need.
    if experiment.config.model.is_network:
        from ser_pcq.training.network.train import train_network as train
    else:
        from ser_pcq.training.linear.train import train_linear as train
    started = time.monotonic()
    trained = train(experiment, fold, observer, resume=resume, on_prepare=on_prepare)
    seconds = time.monotonic() - started
    if trained is None:
        return None
    leaky = _judge(experiment, fold, trained.provenance)
    folder = experiment.fold_dir(fold)
    predictions = _test_predictions(experiment, fold, trained)
    if predictions is not None:
        write_predictions(folder / "predictions.csv", predictions)
    trained.provenance.leaky = tuple(leaky)
    write_provenance(folder, trained.provenance, fold, experiment.split()["sha256"])
    info = _info(experiment, fold, trained, leaky)
    save_checkpoint(folder / "checkpoint", trained.recognizer, info, card=model_card(info))
    known = {*fold.train, *fold.valid}
    prints = [one for one in experiment.audio.prints if one.utterance_id in known]
    save_prints(folder / "checkpoint" / PRINTS, prints)
    # Apart from the checkpoint, which is to be the same when it is trained again.
    write_json(
        folder / "finished.json", {**as_json(trained.training), "seconds": round(seconds, 1)}
    )
    for state in ("state.pt", "selection.json", "refit/state.pt"):
        (folder / state).unlink(missing_ok=True)
    return predictions


def _judge(experiment: Experiment, fold: Fold, provenance: Provenance) -> list[str]:
    """Return what leaks in this fold, one line each; refuse it unless it is allowed."""
    protocol = experiment.config.protocol
    verdict = check_provenance(
        [fold],
        {fold.number: provenance},
        experiment.groups,
        rule_of(protocol.name, protocol.session_mates),
        adapted=protocol.adapt == "speaker",
    )
    if not experiment.allow_leakage:
        verdict.refuse()
    return experiment.verdict.leaky + verdict.leaky


def _test_predictions(experiment: Experiment, fold: Fold, trained: Trained) -> Predictions | None:
    """Return the answers on the test utterances; None where nothing is tested."""
    if not fold.test:
        return None
    known = {u.utterance_id: u for u in experiment.data.utterances}
    labels = trained.recognizer.labels
    rows = [
        UtterancePrediction(
            utterance_id,
            known[utterance_id].speaker,
            fold.number,
            known[utterance_id].emotion,
            labels[int(row.argmax())],
            tuple(row.exp().tolist()),
        )
        for utterance_id, row in zip(fold.test, trained.score_test(), strict=True)
    ]
    return Predictions(labels, tuple(rows))


def _info(experiment: Experiment, fold: Fold, trained: Trained, leaky: list[str]) -> ModelInfo:
    """Describe the model for its checkpoint."""
    name = experiment.exp_dir.resolve().name
    speaker = experiment.speaker_of
    protocol = experiment.config.protocol
    # With refitting, validation speakers are trained on in the end.
    train = (*fold.train, *fold.valid) if protocol.refit else fold.train
    data = DataInfo(
        name=experiment.data.path.resolve().name,
        corpus=experiment.data.corpus,
        utterances=len(train),
        train_speakers=tuple(sorted({speaker[i] for i in train})),
        valid_speakers=tuple(sorted({speaker[i] for i in fold.valid})),
        test_speakers=tuple(sorted({speaker[i] for i in fold.test})),
    )
    return describe(
        trained.recognizer,
        name=f"{name}-{fold.name}" if fold.test else name,
        data=data,
        protocol_name=protocol_name(protocol),
        training=trained.training,
        calibration=trained.calibration,
        leaky=tuple(leaky),
    )
