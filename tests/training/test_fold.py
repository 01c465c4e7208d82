"""One fold from data to predictions: refitting, temperature, adaptation, provenance."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support import tiny
from support.observers import Silent

from ser_pcq.data.waveforms import read_utterance
from ser_pcq.errors import SerError
from ser_pcq.files import write_json
from ser_pcq.models.checkpoint import load_checkpoint
from ser_pcq.protocols.proof import prove
from ser_pcq.protocols.provenance import read_provenance
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.network.adaptation import adapt_to_speakers, mean_and_deviation
from ser_pcq.training.network.dataset import prepare_utterances
from ser_pcq.training.run_fold import run_fold


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data_dir(tmp_path_factory.mktemp("tiny"), speakers=5, per_class=3)


def run(data, folder, *, numbers=(1,), resume=False, observer=None, **changes):
    """Train some folds; return the experiment and the predictions of the last one."""
    experiment = open_experiment(
        tiny.config(**changes), data, folder, cache_dir=folder / "cache", seed=0, device="cpu"
    )
    for fold in experiment.select(numbers):
        rows = run_fold(experiment, fold, observer or Silent(), resume=resume)
    return experiment, rows


def weights(folder, fold="fold_01"):
    return load_file(folder / fold / "checkpoint" / "model.safetensors")


REFIT = {"protocol": {"valid_speakers": 2, "refit": True}}
LAST = {"epochs": 3, "select": "last"}


def test_refitting_gives_the_network_that_all_training_speakers_would_have_given(data, tmp_path):
    run(data, tmp_path / "refit", **REFIT, train=LAST)
    run(data, tmp_path / "straight", protocol={"valid_speakers": 0}, train=LAST)
    refitted, straight = weights(tmp_path / "refit"), weights(tmp_path / "straight")
    assert all(torch.equal(refitted[name], straight[name]) for name in straight)


def test_refitting_keeps_temperature_and_epoch_of_the_validation_speakers(data, tmp_path):
    experiment, _ = run(data, tmp_path, **REFIT, train={"epochs": 4})
    fold = experiment.folds[0]
    seen = read_provenance(
        tmp_path / "fold_01" / "provenance.json", fold, experiment.split().sha256
    ).seen
    assert seen["weights"] == seen["normalisation"] == {*fold.train, *fold.valid}
    assert seen["epoch"] == seen["temperature"] == set(fold.valid)
    about = json.loads((tmp_path / "fold_01" / "checkpoint" / "checkpoint.json").read_text())
    assert about["calibration"]["utterances"] == len(fold.valid)
    assert about["training"]["selected_epoch"] <= 4
    assert sorted(about["data"]["train_speakers"]) == [s for s in data.speakers if s != "f02"]
    rows = (tmp_path / "fold_01" / "refit" / "history.csv").read_text().splitlines()
    assert len(rows) == 1 + about["training"]["selected_epoch"]
    assert not list(tmp_path.glob("**/state.pt"))


def test_an_interrupted_refit_goes_on_and_ends_where_an_uninterrupted_one_does(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", **REFIT, train=LAST, observer=Silent(stop_after=5))
    assert (tmp_path / "cut" / "fold_01" / "selection.json").exists()
    run(data, tmp_path / "cut", **REFIT, train=LAST, resume=True)
    run(data, tmp_path / "straight", **REFIT, train=LAST)
    cut, straight = (
        (tmp_path / name / "fold_01" / "predictions.csv").read_bytes()
        for name in ("cut", "straight")
    )
    assert cut == straight
    assert all(
        torch.equal(weights(tmp_path / "cut")[name], value)
        for name, value in weights(tmp_path / "straight").items()
    )


def test_the_temperature_is_in_the_predictions_and_in_the_loaded_model(data, tmp_path):
    _, predictions = run(data, tmp_path, train={"epochs": 4})
    checkpoint = load_checkpoint(str(tmp_path / "fold_01"))
    assert checkpoint.recognizer.temperature != 1.0
    assert checkpoint.recognizer.temperature == checkpoint.info.calibration.temperature
    row = predictions.rows[0]
    (utterance,) = [u for u in data.utterances if u.utterance_id == row.utterance_id]
    waveform = torch.from_numpy(read_utterance(utterance))
    scored = checkpoint.recognizer.log_probabilities(waveform).exp()
    assert scored.tolist() == pytest.approx(row.probabilities, abs=1e-4)


def test_a_whole_experiment_proves_itself(data, tmp_path):
    run(data, tmp_path, numbers=(), train={"epochs": 1})
    proof = prove(tmp_path)
    assert proof.verdict.leaks == ()
    assert set(proof.verdict.verified) == {"speakers", "audio", "copies", "fitting", "statistics"}
    assert proof.protocol == "leave-one-speaker-out"


def test_speaker_adaptation_gives_every_speaker_the_same_mean_and_deviation(data):
    recognizer = tiny.recognizer()
    sides = {
        "train": prepare_utterances(data.utterances[:20], recognizer, None),
        "test": prepare_utterances(data.utterances[20:], recognizer, None),
    }
    speaker = {u.utterance_id: u.speaker for u in data.utterances}
    adapted = adapt_to_speakers(sides, speaker)
    for name in data.speakers:  # also the one with utterances on two sides
        own = [
            u.spectrogram for s in adapted.values() for u in s if speaker[u.utterance_id] == name
        ]
        mean, deviation = mean_and_deviation(own, (0, 3))
        assert mean.abs().max() < 1e-4
        assert (deviation - 1).abs().max() < 1e-3
    assert [u.target for u in adapted["train"]] == [u.target for u in sides["train"]]


def test_mean_and_deviation_are_those_of_all_parts_together():
    parts = [torch.randn(n, 2, 3, 7, generator=torch.Generator().manual_seed(n)) for n in (1, 4)]
    mean, deviation = mean_and_deviation(parts, (0, 3))
    whole = torch.cat(parts).numpy()
    assert np.allclose(mean, whole.mean(axis=(0, 3), keepdims=True), atol=1e-6)
    assert np.allclose(deviation, whole.std(axis=(0, 3), keepdims=True), atol=1e-6)


def test_a_speaker_adapted_network_is_trained_and_named(data, tmp_path):
    _, predictions = run(data, tmp_path, protocol={"adapt": "speaker"}, train={"epochs": 1})
    assert len(predictions.rows) == 9
    proof = prove(tmp_path)
    assert proof.protocol == "leave-one-speaker-out, speaker-adapted"
    assert proof.verdict.leaks == ()


def test_other_audio_under_the_same_names_is_another_experiment(data, tmp_path):
    run(data, tmp_path, train={"epochs": 1})
    first, second, *others = data.utterances
    swapped = (dataclasses.replace(first, audio=second.audio), second, *others)
    changed = dataclasses.replace(data, utterances=swapped)
    with pytest.raises(SerError, match="another split"):
        run(changed, tmp_path, numbers=(2,), train={"epochs": 1})


def test_what_was_found_in_training_is_not_forgotten(data, tmp_path):
    """A leak that the files no longer show is still a leak."""
    run(data, tmp_path, numbers=(), train={"epochs": 1})
    path = tmp_path / "fold_02" / "provenance.json"
    facts = json.loads(path.read_text())
    facts["leaky"] = ["copied-audio: the same or nearly the same audio (fold 2): a = b"]
    write_json(path, facts)
    verdict = prove(tmp_path).verdict
    assert {leak.kind for leak in verdict.leaks} == {"copied-audio"}
    assert verdict.verified == {}
