"""Trained models on a data directory: every utterance by a model that has not seen its speaker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ser_pcq.audio.fingerprint import AudioPrint, find_copies
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance, read
from ser_pcq.data.waveforms import read_utterance
from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.common_labels import CommonLabels, common_labels
from ser_pcq.evaluation.table import Predictions, UtterancePrediction
from ser_pcq.evaluation.trained.model import ADAPTED_TO, TrainedModel, trained_model
from ser_pcq.models.data_info import DataInfo
from ser_pcq.models.device import resolve_device
from ser_pcq.models.folder import ABOUT, find_model
from ser_pcq.protocols.copies import prints_of
from ser_pcq.protocols.known_speakers import KnownSpeakers, Person, person_of, persons
from ser_pcq.protocols.proof import Proof
from ser_pcq.protocols.split_file import SPLIT, SplitError, read_split
from ser_pcq.protocols.verdict import Leak, LeakKind, Verdict


def _fold_models(exp_dir: Path) -> dict[int, Path]:
    """Return the checkpoint of each fold of an experiment, or the single one as fold 1."""
    split = exp_dir / SPLIT
    if not split.is_file() or list(exp_dir.glob("all/checkpoint/" + ABOUT)):
        return {1: find_model(str(exp_dir))}
    try:
        folds = read_split(split).folds
    except SplitError as error:
        raise ScoreError(str(error)) from error
    models = {}
    for fold in folds:
        folder = exp_dir / fold.name / "checkpoint"
        if not (folder / ABOUT).is_file():
            raise ScoreError(
                f"fold {fold.number} has no checkpoint",
                given=exp_dir,
                do=f"train it: ser-train … --fold {fold.number} --resume",
            )
        models[fold.number] = folder
    return models


def predict_data_dir(
    exp_dir: Path,
    data_dir: Path,
    *,
    cache_dir: Path,
    device: str = "cpu",
    allow_leakage: bool = False,
    mapping: Mapping[str, str] | None = None,
    shared_classes: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Predictions, Proof]:
    """Predict every utterance of a data directory with trained models.

    With the folds of an experiment, each speaker is given to the fold that held it out; a speaker
    that no fold trained on goes to the first. A speaker that every model was trained on, or a
    recording that is a copy of one that its model was trained on, is refused: such a score would
    say nothing. A speaker of another corpus is another person, even under the same name; where
    either corpus is not known, the name decides.

    Args:
        exp_dir: An experiment folder, or a single model of any kind.
        data_dir: A data directory.
        cache_dir: Where fingerprints of recordings are kept.
        device: `cpu` or `cuda`; `auto` takes CUDA when it is there.
        allow_leakage: Continue anyway, and record the leak in the proof.
        mapping: New names for emotions of the model and of the data.
        shared_classes: Score on the emotions that both have; otherwise the model must know all
            emotions of the data.
        on_progress: Called with (done, total), recordings read.

    Returns:
        The predictions, and what was checked of them.

    Raises:
        LeakageError: For speakers or recordings that the models know.
        ScoreError: For models that cannot judge single utterances.
        DataError: For emotions that do not fit together, and unreadable audio.
    """
    resolve_device(device)
    models = {fold: trained_model(path) for fold, path in _fold_models(exp_dir).items()}
    infos = {fold: _data_of(model) for fold, model in models.items()}
    model_labels = next(iter(models.values())).labels
    common, data = common_labels(
        model_labels, read(data_dir), mapping or {}, shared_only=shared_classes
    )
    fold_of, leaks, foreign = _assign(data, infos)
    # Every recording is read twice: to be compared, and to be judged.
    n = len(data.utterances)
    prints = prints_of(data, cache_dir, on_progress=lambda done, total: on_progress(done, 2 * n))
    verdict = _judge(data, fold_of, leaks, models, prints, foreign=foreign)
    if not allow_leakage:
        verdict.refuse()
    rows: list[UtterancePrediction] = []
    for fold, model in models.items():
        mine = [u for u in data.utterances if fold_of[u.utterance_id] == fold]
        for row in _predict(model, mine, fold, common, device):
            rows.append(row)
            on_progress(n + len(rows), 2 * n)
    proof = _proof(data, models, infos, verdict, common)
    return Predictions(common.labels, tuple(rows)), proof


def _data_of(model: TrainedModel) -> DataInfo:
    """Return what a model was trained on.

    Raises:
        ScoreError: When it does not say.
    """
    if model.data is None:
        raise ScoreError(
            "the model does not say whom it was trained on",
            given=model.path,
            accepted="packages, and ONNX files that ser-export wrote of them",
            do="export it again, or score the package that it was made of",
        )
    return model.data


def _proof(
    data: DataDir,
    models: dict[int, TrainedModel],
    infos: dict[int, DataInfo],
    verdict: Verdict,
    common: CommonLabels,
) -> Proof:
    """Bring together what is known of the predictions."""
    leaky = dict.fromkeys(line for model in models.values() for line in model.leaky)
    adapted = dict.fromkeys(note for model in models.values() for note in model.notes)
    return Proof(
        "trained models on other data",
        None,
        verdict,
        model_leaky=tuple(leaky),
        notes=(*_corpora(data, infos), *adapted, *common.notes),
    )


def _corpora(data: DataDir, infos: dict[int, DataInfo]) -> list[str]:
    """Say which corpora are judged by a model of which."""
    of_models = {corpus for info in infos.values() for corpus in KnownSpeakers(info).corpora}
    learnt = sorted(corpus for corpus in of_models if corpus is not None)
    if not learnt or not data.corpora:
        return []
    return [f"trained on {', '.join(learnt)}, tested on {', '.join(data.corpora)}"]


def _assign(data: DataDir, infos: dict[int, DataInfo]) -> tuple[dict[str, int], list[Leak], bool]:
    """Give each speaker to a model that has not heard it; say where there is none.

    Returns:
        Each utterance with the fold of its model; what leaks; and whether all corpora of the data
        are known to be none that a model has learnt from.
    """
    known = {fold: KnownSpeakers(info) for fold, info in infos.items()}
    people = persons(data)
    assigned: dict[Person, int] = {}
    seen = []
    for person in people:
        fitting = [fold for fold in infos if not known[fold].knows(person)]
        tested = [fold for fold in fitting if person.names & set(infos[fold].test_speakers)]
        if not fitting:
            seen.append(person.speaker)
        assigned[person] = (tested or fitting or list(infos))[0]
    doubtful = {person for person, fold in assigned.items() if known[fold].may_know(person)}
    unknown = [u.utterance_id for u in data.utterances if person_of(u) in doubtful]
    names = ", ".join(sorted({info.name for info in infos.values()}))
    hint = (
        f"(its data: {names}); if this is another corpus, write its name into the file `corpus` "
        "of the data directory"
    )
    leaks = []
    if seen := [speaker for speaker in seen if speaker != UNKNOWN_SPEAKER]:
        message = f"speakers that the model was trained on, by their names {hint}"
        leaks.append(Leak(LeakKind.SHARED_SPEAKER, message, min(infos), tuple(seen)))
    if unknown:
        message = f"who speaks is not known; the model may have been trained on the same {hint}"
        leaks.append(Leak(LeakKind.UNKNOWN_SPEAKER, message, min(infos), tuple(unknown)))
    foreign = all(one.is_foreign(person.corpus) for one in known.values() for person in people)
    return {u.utterance_id: assigned[person_of(u)] for u in data.utterances}, leaks, foreign


def _judge(
    data: DataDir,
    fold_of: Mapping[str, int],
    found: Sequence[Leak],
    models: dict[int, TrainedModel],
    prints: Sequence[AudioPrint],
    *,
    foreign: bool,
) -> Verdict:
    """Compare recordings with those that their models have heard, as far as these are kept."""
    verified, leaks = {}, list(found)
    if foreign and len(data.corpora) > 1:
        verified["speakers"] = "the corpora are others than the model learnt from"
    elif foreign:
        verified["speakers"] = "the corpus is another one than the model learnt from"
    elif not leaks:
        verified["speakers"] = "no speaker is known to the model that judged it"
    compared = True
    for fold, model in models.items():
        mine = [one for one in prints if fold_of[one.utterance_id] == fold]
        if not mine:
            continue
        compared = compared and model.keeps_training
        for what, heard in model.heard():
            pairs = find_copies(heard, mine)
            if pairs:
                message = f"recordings that the model was {what}, or nearly so"
                # Those of an adaptation have numbers for names, which tell nobody anything.
                names = tuple(
                    dict.fromkeys(
                        copy.b if what == ADAPTED_TO else f"{copy.b} = {copy.a}" for copy in pairs
                    )
                )
                leaks.append(Leak(LeakKind.COPIED_AUDIO, message, fold, names))
    if not any(leak.kind == LeakKind.COPIED_AUDIO for leak in leaks):
        n, adapted = len(prints), any(model.adapted for model in models.values())
        if compared:
            verified["audio"] = f"{n} recordings: none is a copy of a training recording"
        if adapted:
            verified["adaptation"] = (
                f"{n} recordings: none is a copy of one that the model was adapted to"
            )
    return Verdict(tuple(leaks), verified)


def _predict(
    model: TrainedModel,
    utterances: Sequence[Utterance],
    fold: int,
    common: CommonLabels,
    device: str,
) -> Iterator[UtterancePrediction]:
    """Predict utterances with the model of a fold, which is loaded only where there are any."""
    if not utterances:
        return
    run = model.load(device)
    for utterance in utterances:
        probabilities = common.merge(run(read_utterance(utterance)))
        yield UtterancePrediction(
            utterance.utterance_id,
            utterance.speaker,
            fold,
            utterance.emotion,
            common.labels[probabilities.index(max(probabilities))],
            probabilities,
        )
