"""What training keeps for adapting a model to a voice."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.voices import trained

from ser_pcq.models.adapted.base import base_of
from ser_pcq.models.folder import find_model
from ser_pcq.models.info import ModelInfo, read_info
from ser_pcq.models.linear.classifier import ABSENT_LOGIT
from ser_pcq.models.linear.own_voice import spread_of, within_emotions
from ser_pcq.training.linear import train


@pytest.fixture(scope="module")
def info(tmp_path_factory) -> ModelInfo:
    return read_info(find_model(str(trained(tmp_path_factory.mktemp("model")))))


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

    monkeypatch.setattr(train, "within_emotions", noted)
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
