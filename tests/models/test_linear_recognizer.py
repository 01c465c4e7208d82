"""Baselines behind the same commands as the network: train, score, predict."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from support import tiny

from ser_pcq import load
from ser_pcq.config.toml import from_dict
from ser_pcq.data import directory as datadir
from ser_pcq.data.waveforms import read_utterance
from ser_pcq.errors import SerError
from ser_pcq.evaluation.table import read_predictions
from ser_pcq.models.checkpoint import load_checkpoint
from ser_pcq.models.encoders.pretrained import load_encoder
from ser_pcq.models.info import CalibrationInfo
from ser_pcq.models.linear.recognizer import Functionals
from ser_pcq.protocols.proof import prove
from ser_pcq.protocols.provenance import read_provenance
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.linear.features import adapted
from ser_pcq.training.run_fold import run_fold

TOML = """
[model]
name = "egemaps-svm"

[svm]
costs = [1e-3, 1e-1]

[protocol]
valid_speakers = 0
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data_dir(tmp_path_factory.mktemp("tiny"), speakers=4, per_class=3)


def run(data, folder, tables, numbers=(1,), **options):
    experiment = open_experiment(
        from_dict(tables), data, folder, cache_dir=folder / "cache", seed=0, device="cpu", **options
    )
    for fold in experiment.select(numbers):
        rows = run_fold(experiment, fold, None)
    return experiment, rows


def tables(name="egemaps-svm", **protocol):
    return {
        "model": {"name": name},
        "svm": {"costs": [1e-3, 1e-1]},
        "protocol": {"valid_speakers": 0, **protocol},
    }


def test_egemaps_through_the_commands(data, command, tmp_path):
    pytest.importorskip("opensmile")
    (tmp_path / "svm.toml").write_text(TOML)
    exp, cache = tmp_path / "exp", tmp_path / "cache"
    done = command("train", tmp_path / "svm.toml", data.path, exp, "--cache-dir", cache)
    assert done.returncode == 0, done.stderr
    done = command("eval", exp, "--no-figures")
    assert done.returncode == 0, done.stderr
    scores = json.loads((exp / "scores.json").read_text())
    assert set(scores["verified"]) == {"speakers", "audio", "copies", "fitting", "statistics"}
    assert scores["pooled"]["ua"] > 0.6  # emotions of this corpus are easy; chance is a third
    audio = data.utterances[0].audio
    done = command("predict", audio, "--model", exp / "fold_01", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    row = {r.utterance_id: r for r in read_predictions(exp / "predictions.csv").rows}[
        data.utterances[0].utterance_id
    ]
    said = json.loads(done.stdout)
    assert said["label"] == row.prediction
    assert list(said["probabilities"].values()) == pytest.approx(row.probabilities, abs=1e-4)


def test_whisper_layers_are_chosen_without_the_test_fold(data, tmp_path):
    encoder = tiny.save_whisper(tmp_path / "whisper")
    setup = tables("whisper-svm") | {
        "context": {"encoder": str(encoder), "layers": [1, 2]},
        "segment": {"duration": 1.0},
    }
    experiment, rows = run(data, tmp_path / "exp", setup)
    fold = experiment.folds[0]
    seen = read_provenance(
        tmp_path / "exp" / "fold_01" / "provenance.json", fold, experiment.split().sha256
    ).seen
    assert set(map(frozenset, seen.values())) == {frozenset(fold.train)}
    assert set(seen) == {"hyper-parameters", "temperature", "normalisation", "weights"}
    candidates = json.loads((tmp_path / "exp" / "fold_01" / "candidates.json").read_text())
    assert {c["feature_set"] for c in candidates} == {"layer 1", "layer 2"}
    info = load_checkpoint(str(tmp_path / "exp" / "fold_01")).info
    best = max(candidates, key=lambda c: (round(c["wa"] + c["ua"], 9), -c["setting"]))
    assert info.training.features == (best["feature_set"],)
    assert info.encoder.layers == (int(best["feature_set"][-1]),)  # only this one is kept
    predictor = load(str(tmp_path / "exp" / "fold_01"))
    row = rows.rows[0]
    (utterance,) = [u for u in data.utterances if u.utterance_id == row.utterance_id]
    said = predictor.predict(utterance.audio)
    assert list(said.probabilities.values()) == pytest.approx(row.probabilities, abs=1e-4)


def discriminant_tables(encoder, **statistics):
    """Whole utterances, summed up in several ways; those of the corpus have 0.8 to 2 s."""
    return {
        "model": {"name": "discriminant"},
        "context": {"encoder": str(encoder), "layers": [1, 2]},
        "segment": {"duration": 1.0, "padding": "none"},
        "statistics": statistics,
        "discriminant": {"shrinkages": [0.3, 0.7], "several": "average"},
        "protocol": {"valid_speakers": 0},
    }


def test_averaged_discriminants_are_one_linear_map_that_predicts_as_it_was_tested(data, tmp_path):
    encoder = tiny.save_whisper(tmp_path / "whisper")
    setup = discriminant_tables(encoder, speech_ranges=[0, 30], parts=[1, 2])
    experiment, rows = run(data, tmp_path / "exp", setup)
    folder = tmp_path / "exp" / "fold_01"
    fold = experiment.folds[0]
    seen = read_provenance(folder / "provenance.json", fold, experiment.split().sha256).seen
    assert set(seen) == {"temperature", "normalisation", "weights"}  # nothing was chosen
    checkpoint = load_checkpoint(str(folder))
    assert checkpoint.info.encoder.layers == (1, 2)
    assert len(checkpoint.info.training.features) == 4
    # 2 layers of width 32; mean and deviation, and with two parts two means more; two ranges.
    assert checkpoint.recognizer.mean.numel() == 2 * 32 * (2 + 4) * 2
    predictor = load(str(folder))
    known = {u.utterance_id: u for u in data.utterances}
    for row in rows.rows[:3]:
        said = predictor.predict(known[row.utterance_id].audio)
        assert list(said.probabilities.values()) == pytest.approx(row.probabilities, abs=1e-4)


def test_features_are_the_statistics_of_the_loud_frames_of_the_whole_utterance(data, tmp_path):
    encoder = tiny.save_whisper(tmp_path / "whisper")
    setup = discriminant_tables(encoder, speech_ranges=[25], parts=[2])
    config = from_dict(setup | {"segment": {"duration": 5.0, "padding": "none"}})
    functionals = Functionals(config, load_encoder(config.context, duration=5.0))
    speech = torch.from_numpy(read_utterance(data.utterances[0]))
    waveform = torch.cat([torch.zeros(8000), speech, torch.zeros(16000)])
    waveform = waveform[: len(waveform) // 320 * 320] / waveform.abs().max()
    (features,) = functionals(waveform).values()
    with torch.inference_mode():
        frames = functionals.encoder(waveform.unsqueeze(0))[0]  # (depth, frame, width)
    energy = waveform.reshape(-1, 320).square().mean(dim=1)
    loud = energy > energy.max() * 10**-2.5
    assert not loud[:25].any()
    assert not loud[-50:].any()
    spoken = frames[:, loud]
    parts = spoken.tensor_split(2, dim=1)
    expected = [spoken.mean(1), spoken.std(1, correction=0), *(p.mean(1) for p in parts)]
    torch.testing.assert_close(features, torch.cat(expected, dim=1).flatten())


def test_a_long_utterance_is_heard_in_equal_parts(data, tmp_path):
    encoder = tiny.save_whisper(tmp_path / "whisper")
    setup = discriminant_tables(encoder, speech_ranges=[0], parts=[1])
    config = from_dict(setup | {"segment": {"duration": 1.0, "padding": "none"}})
    functionals = Functionals(config, load_encoder(config.context, duration=1.0))
    waveform = torch.randn(2 * 16000 - 320, generator=torch.Generator().manual_seed(0))
    waveform /= waveform.abs().max()
    (features,) = functionals(waveform).values()
    halves = waveform[:31680].reshape(2, -1)
    with torch.inference_mode():
        frames = torch.cat(list(functionals.encoder(halves)), dim=1)
    expected = torch.cat([frames.mean(1), frames.std(1, correction=0)], dim=1).flatten()
    torch.testing.assert_close(features, expected)


def test_a_kept_table_of_features_keeps_their_order(data, tmp_path):
    setup = discriminant_tables(tiny.save_whisper(tmp_path / "whisper"), speech_ranges=[5, 10])
    config = from_dict(setup)
    told = []
    for name in ("cold", "warm"):
        folder = tmp_path / name
        shared = tmp_path / "cache"
        experiment = open_experiment(config, data, folder, cache_dir=shared, seed=0, device="cpu")
        run_fold(experiment, experiment.folds[0], None)
        told.append(load_checkpoint(str(folder / "fold_01")))
    cold, warm = told
    # By name "10 dB" would come before "5 dB".
    assert cold.info.training.features == warm.info.training.features
    torch.testing.assert_close(cold.recognizer.classify.weight, warm.recognizer.classify.weight)


def test_copies_are_learnt_from_and_never_tested(data, tmp_path):
    """Each training utterance has two copies more; a fold is scored on unchanged utterances."""
    encoder = tiny.save_whisper(tmp_path / "whisper")
    setup = discriminant_tables(encoder) | {"augment": {"channels": 1, "noise_snr": [10.0]}}
    experiment, rows = run(data, tmp_path / "exp", setup)
    _plain, _ = run(data, tmp_path / "plain", discriminant_tables(encoder))
    fold = experiment.folds[0]
    assert [row.utterance_id for row in rows.rows] == list(fold.test)
    model = load_checkpoint(str(tmp_path / "exp" / "fold_01"))
    assert model.info.calibration.utterances == 3 * len(fold.train)
    known = {u.utterance_id: u for u in data.utterances}
    for row in rows.rows:  # heard as it is
        waveform = torch.from_numpy(read_utterance(known[row.utterance_id]))
        said = model.recognizer.log_probabilities(waveform).exp()
        assert said.tolist() == pytest.approx(row.probabilities, abs=2e-2)  # kept in 16 bits
    (table,) = (
        np.load(file, mmap_mode="r")
        for file in (tmp_path / "exp" / "cache" / "functionals").glob("*.npy")
    )
    (alone,) = (
        np.load(file, mmap_mode="r")
        for file in (tmp_path / "plain" / "cache" / "functionals").glob("*.npy")
    )
    each = table.reshape(len(data.utterances), 3, -1)
    np.testing.assert_array_equal(each[:, 0], alone)
    assert (np.abs(each[:, 1:] - each[:, :1]).max(axis=2) > 1e-3).all()
    other = load_checkpoint(str(tmp_path / "plain" / "fold_01"))
    assert not torch.equal(model.recognizer.mean, other.recognizer.mean)


def test_balanced_corpora_count_alike_however_large_they_are(data, tmp_path):
    """Ten times the recordings of a corpus, all the same, change nothing."""
    encoder = tiny.save_whisper(tmp_path / "whisper")
    setup = discriminant_tables(encoder)
    setup["protocol"] |= {"name": "all", "balance": "corpus-emotion"}
    named = [
        dataclasses.replace(u, corpus="one" if u.speaker.startswith("f") else "two")
        for u in data.utterances
    ]
    more = [
        dataclasses.replace(u, utterance_id=f"{u.utterance_id}-{k}")
        for u in named
        if u.corpus == "two"
        for k in range(3)
    ]
    assert 0 < len(more) < 3 * len(named)
    found = []
    for name, utterances in (("few", named), ("many", [*named, *more])):
        datadir.write(tmp_path / name, utterances)
        run(datadir.read(tmp_path / name), tmp_path / f"exp_{name}", setup)
        found.append(load_checkpoint(str(tmp_path / f"exp_{name}")).recognizer)
    for one, other in zip(*(r.state_dict().items() for r in found), strict=True):
        assert torch.allclose(one[1], other[1], rtol=1e-4, atol=1e-6), one[0]


def only(data, folder, *keep):
    """The data with some pairs of speaker and emotion alone."""
    datadir.write(folder, [u for u in data.utterances if (u.speaker, u.emotion) in keep])
    return datadir.read(folder)


def test_two_speakers_are_enough_where_nothing_is_chosen(data, tmp_path):
    speakers = sorted({u.speaker for u in data.utterances})[:2]
    emotions = {u.emotion for u in data.utterances}
    two = only(data, tmp_path / "two", *((s, e) for s in speakers for e in emotions))
    setup = discriminant_tables(tiny.save_whisper(tmp_path / "whisper"), speech_ranges=[0])
    run(two, tmp_path / "exp", setup)
    info = load_checkpoint(str(tmp_path / "exp" / "fold_01")).info
    assert info.calibration == CalibrationInfo(temperature=1.0, utterances=0)
    setup["discriminant"]["several"] = "choose"
    with pytest.raises(SerError, match="two training speakers"):
        run(two, tmp_path / "chosen", setup)


def test_emotions_of_one_speaker_each_leave_the_confidence_as_it_is(data, tmp_path):
    speakers, emotions = (
        sorted({getattr(u, k) for u in data.utterances}) for k in ("speaker", "emotion")
    )
    apart = only(data, tmp_path / "apart", *zip(speakers, emotions, strict=False))
    setup = discriminant_tables(tiny.save_whisper(tmp_path / "whisper"), speech_ranges=[0])
    run(apart, tmp_path / "exp", setup | {"protocol": {"name": "all", "valid_speakers": 0}})
    info = load_checkpoint(str(tmp_path / "exp" / "all")).info
    assert info.calibration == CalibrationInfo(temperature=1.0, utterances=0)


@pytest.mark.parametrize("protocol", [{"adapt": "speaker"}, {"valid_speakers": 1, "refit": True}])
def test_the_discriminant_under_other_protocols_leaks_nothing(data, tmp_path, protocol):
    setup = discriminant_tables(tiny.save_whisper(tmp_path / "whisper"), speech_ranges=[0, 30])
    setup["protocol"] = {"valid_speakers": 0, **protocol}
    experiment, rows = run(data, tmp_path / "exp", setup)
    assert {row.utterance_id for row in rows.rows} == set(experiment.folds[0].test)
    verdict = prove(tmp_path / "exp").verdict
    assert verdict.leaks == ()


def test_features_are_computed_once_for_all_folds_and_runs(data, tmp_path, monkeypatch):
    pytest.importorskip("opensmile")
    run(data, tmp_path, tables())

    def again(self, waveform):
        raise AssertionError("computed again")

    monkeypatch.setattr(Functionals, "__call__", again)
    run(data, tmp_path, tables(), numbers=(2,))


def test_validation_speakers_choose_and_refitting_learns_from_them_too(data, tmp_path):
    pytest.importorskip("opensmile")
    experiment, _ = run(data, tmp_path, tables(valid_speakers=1, refit=True))
    fold = experiment.folds[0]
    seen = read_provenance(
        tmp_path / "fold_01" / "provenance.json", fold, experiment.split().sha256
    ).seen
    assert seen["hyper-parameters"] == seen["temperature"] == set(fold.valid)
    assert seen["weights"] == seen["normalisation"] == {*fold.train, *fold.valid}
    assert prove(tmp_path).verdict.leaks == ()


def test_choosing_on_the_test_fold_is_seen_by_the_guard(data, tmp_path):
    pytest.importorskip("opensmile")
    run(data, tmp_path, tables(valid_from="test"), allow_leakage=True)
    kinds = {leak.kind for leak in prove(tmp_path).verdict.leaks}
    assert kinds == {"chosen-on-test"}
    lines = prove(tmp_path).verdict.leaky
    assert any("hyper-parameters" in line for line in lines)


def test_adapted_features_have_the_same_mean_and_deviation_for_every_speaker():
    rng = np.random.default_rng(0)
    speakers = np.repeat(["a", "b", "c"], 10)
    features = {"f": rng.normal(size=(30, 4)) * [1, 5, 0, 2] + np.repeat([[0], [9], [-3]], 10, 0)}
    values = adapted(features, speakers)["f"]
    for name in "abc":
        own = values[speakers == name]
        assert np.allclose(own.mean(axis=0), 0)
        assert np.allclose(own.std(axis=0), [1, 1, 0, 1])


def test_a_silent_or_very_short_utterance_gives_finite_probabilities(data, tmp_path):
    pytest.importorskip("opensmile")
    run(data, tmp_path, tables())
    recognizer = load_checkpoint(str(tmp_path / "fold_01")).recognizer
    for waveform in (torch.zeros(16_000), torch.full((1_600,), 0.1)):
        assert torch.isfinite(recognizer.log_probabilities(waveform)).all()
    whole = torch.from_numpy(read_utterance(data.utterances[0]))
    assert recognizer.log_probabilities(whole).exp().sum() == pytest.approx(1, abs=1e-5)
