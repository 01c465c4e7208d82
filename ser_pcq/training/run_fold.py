"""One fold from data to predictions: train, check for leaks, score the test fold, write all."""

import time
from collections.abc import Collection

from ser_pcq.audio.fingerprint import save_prints
from ser_pcq.data.directory import DataDir
from ser_pcq.evaluation.table import Predictions, UtterancePrediction, write_predictions
from ser_pcq.files import write_json
from ser_pcq.models.checkpoint import describe as describe_recognizer
from ser_pcq.models.checkpoint import save_checkpoint
from ser_pcq.models.data_info import DataInfo, as_json
from ser_pcq.models.folder import PRINTS
from ser_pcq.models.info import ModelInfo
from ser_pcq.models.linear.voice_file import save_by_voice
from ser_pcq.protocols.leakage import check_provenance
from ser_pcq.protocols.provenance import Provenance, write_provenance
from ser_pcq.protocols.rules import Fold, protocol_name, rule_of
from ser_pcq.protocols.verdict import Leak, describe
from ser_pcq.training.card import model_card
from ser_pcq.training.contract import Observer, OnProgress, Trained, ignore_progress
from ser_pcq.training.experiment import Experiment
from ser_pcq.training.registry import trainer_of


def run_fold(
    experiment: Experiment,
    fold: Fold,
    observer: Observer,
    *,
    resume: bool = False,
    on_prepare: OnProgress = ignore_progress,
) -> Predictions | None:
    """Train one fold, write its checkpoint and score its test utterances.

    Args:
        experiment: The experiment.
        fold: One of its folds.
        observer: Is called after each step and epoch.
        resume: Continue from the state that an interrupted run left.
        on_prepare: Called while utterances are read and encoded.

    Returns:
        Predictions on the test utterances; None for the protocol `all`, and in the helper processes
        of a distributed run.

    Raises:
        LeakageError: When something was fitted or chosen on the test fold and that is not allowed.
    """
    train = trainer_of(experiment.config.model)
    started = time.monotonic()
    trained = train(experiment, fold, observer, resume=resume, on_prepare=on_prepare)
    seconds = time.monotonic() - started
    if trained is None:
        return None
    leaks = _judge(experiment, fold, trained.provenance)
    folder = experiment.fold_dir(fold)
    predictions = _test_predictions(experiment, fold, trained)
    if predictions is not None:
        write_predictions(folder / "predictions.csv", predictions)
    trained.provenance.leaks = tuple(leak for leak in leaks if leak.fold == fold.number)
    write_provenance(folder, trained.provenance, fold, experiment.split().sha256)
    info = _info(experiment, fold, trained, describe(leaks))
    save_checkpoint(folder / "checkpoint", trained.recognizer, info, card=model_card(info))
    known = {*fold.train, *fold.valid}
    prints = [one for one in experiment.audio.prints if one.utterance_id in known]
    save_prints(folder / "checkpoint" / PRINTS, prints)
    if trained.by_voice is not None:
        save_by_voice(folder / "checkpoint", trained.by_voice)
    # Not in the checkpoint, which must be the same when it is trained again.
    write_json(
        folder / "finished.json", {**as_json(trained.training), "seconds": round(seconds, 1)}
    )
    for state in ("state.pt", "selection.json", "refit/state.pt"):
        (folder / state).unlink(missing_ok=True)
    return predictions


def _judge(experiment: Experiment, fold: Fold, provenance: Provenance) -> tuple[Leak, ...]:
    """Return what leaks in the experiment and in this fold; refuse it unless it is allowed."""
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
    return experiment.verdict.leaks + verdict.leaks


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


def _corpora(data: DataDir, known: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the speakers of known utterances by corpus, where the data has several."""
    if len(data.corpora) < 2:
        return {}
    speakers: dict[str, set[str]] = {}
    for u in data.utterances:
        if u.utterance_id in known and u.corpus is not None:
            speakers.setdefault(u.corpus, set()).add(u.speaker)
    return {corpus: tuple(sorted(of)) for corpus, of in sorted(speakers.items())}


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
        corpora=_corpora(experiment.data, {*fold.train, *fold.valid}),
    )
    return describe_recognizer(
        trained.recognizer,
        name=f"{name}-{fold.name}" if fold.test else name,
        data=data,
        protocol_name=protocol_name(protocol),
        training=trained.training,
        calibration=trained.calibration,
        leaky=tuple(leaky),
        voice=trained.voice,
    )
