"""What training keeps for adapting a model to a voice."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.voices import trained

from ser_pcq.errors import CheckpointError
from ser_pcq.models.adapted.base import base_of
from ser_pcq.models.folder import VOICE, find_model
from ser_pcq.models.info import ModelInfo, read_info
from ser_pcq.models.linear.classifier import ABSENT_LOGIT
from ser_pcq.models.linear.own_voice import spread_of, within_emotions
from ser_pcq.models.sharing.packages import write_package
from ser_pcq.training.linear import voices
from ser_pcq.training.linear.discriminant import Discriminant
from ser_pcq.training.linear.method import fit_mean
from ser_pcq.training.linear.sample import SampleSets
from ser_pcq.training.linear.selection import Chosen
from ser_pcq.training.linear.voices import fit_by_voice


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("model"))


@pytest.fixture
def info(package) -> ModelInfo:
    return read_info(find_model(str(package)))


def test_a_linear_recognizer_says_how_its_scores_vary_within_an_emotion(info):
    within = np.array(info.voice.within)
    assert within.shape == (3, 3)
    np.testing.assert_allclose(within, within.T)
    assert np.linalg.eigvalsh(within).min() > -1e-6
    assert spread_of(
        np.random.default_rng(0).multivariate_normal(np.zeros(3), within, 9000), within
    ) == pytest.approx(1, abs=0.02)
    assert info.voice.log_prior == (0, 0, 0)
    assert ModelInfo.from_json(info.to_json()).voice == info.voice
    plain = info.to_json()
    del plain["voice"]  # as older packages are
    assert ModelInfo.from_json(plain).voice is None


def test_copies_do_not_count(tmp_path, monkeypatch):
    """Copies of a recording differ less than recordings do."""
    seen = []

    def noted(groups):
        seen.extend(map(len, groups))
        return within_emotions(groups)

    monkeypatch.setattr(voices, "within_emotions", noted)
    info = read_info(trained(tmp_path, augment={"channels": 3}))
    assert info.calibration.utterances == 4 * 48  # of which each is there with three copies
    assert seen == [4] * 12  # four speakers, three emotions


def test_the_prior_is_kept(tmp_path):
    folder = trained(tmp_path, left_out="anger_01", discriminant={"prior": 1.0})
    prior = read_info(folder).voice.log_prior
    np.testing.assert_allclose(prior, [np.log(3 / 4), 0, 0], atol=1e-5)
    base = base_of(str(folder))  # it is taken out of the bias, and added behind the temperature
    bias = base.head.bias + base.head.temperature * base.head.log_prior
    tensors = load_file(folder / "model.safetensors")
    np.testing.assert_allclose(bias, tensors["classify.bias"], atol=1e-5)


def test_classes_that_a_fit_did_not_know_do_not_count():
    rng = np.random.default_rng(0)
    groups = [rng.standard_normal((30, 3)) for _ in range(40)]
    for group in groups[:20]:
        group[:, 2] = ABSENT_LOGIT
    np.testing.assert_allclose(within_emotions(groups), np.eye(3), atol=0.1)


def sets(offsets):
    """Return utterances of eight speakers, whose features offsets move, and the speakers."""
    rng = np.random.default_rng(3)
    speakers, targets = np.arange(160) // 20, np.arange(160) % 3
    features = rng.standard_normal((160, 12)) + 2 * np.eye(3, 12)[targets]
    features += np.asarray(offsets)[speakers]
    return SampleSets({"only": features}, targets, speakers, 3), speakers


class Utterances:
    """Stands for the table of a fold with one side."""

    def __init__(self, offsets):
        self.sets, self.speakers = sets(offsets)

    def take(self, *sides):
        return self.sets

    def voices(self, side):
        return self.speakers, np.ones(len(self.speakers), bool)


def test_weights_by_voice_do_not_see_how_a_voice_is_usually():
    offsets = 5 * np.random.default_rng(4).standard_normal((8, 12))
    chosen = Chosen(("only",), (0.5,), None, (), np.empty((0, 3)))
    method = Discriminant((0.5,))
    plain = fit_mean(sets(offsets)[0], method, (0.5,))
    same, moved = (
        fit_by_voice(Utterances(by), ["train"], chosen, method, plain)
        for by in (0 * offsets, offsets)
    )
    np.testing.assert_allclose(moved.weight, same.weight, atol=1e-9)
    assert np.abs(plain.weight - moved.weight).max() > 0.1
    # It is over what enters the last layer, and right there.
    own, speakers = sets(offsets)
    features = own.feature_sets["only"]
    middle = np.stack([features[speakers == k].mean(axis=0) for k in range(8)])
    usual = features - middle[speakers] + middle.mean(axis=0)
    answers = moved.logits((usual - plain.mean) / plain.scale).argmax(axis=1)
    assert (answers == own.targets).mean() > 0.8
    one = Utterances(offsets)
    one.speakers[:] = 0
    assert fit_by_voice(one, ["train"], chosen, method, plain) is None


def test_a_package_holds_weights_by_voice(package, tmp_path):
    base = base_of(str(package))
    assert base.by_voice.weight.shape == base.head.weight.shape
    # They mean the same, and are others.
    alike = np.corrcoef(base.by_voice.weight.ravel(), base.head.as_classifier().weight.ravel())
    assert 0.5 < alike[0, 1] < 0.9999
    folder = tmp_path / "copied"
    write_package(str(package), folder)
    assert (folder / VOICE).read_bytes() == (package / VOICE).read_bytes()
    (folder / VOICE).unlink()  # as older packages are
    assert base_of(str(folder)).by_voice is None
    (folder / VOICE).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        base_of(str(folder))
