"""What training keeps for adapting a model to a voice."""

import numpy as np
import pytest
from support.voices import trained

from ser_pcq.models.folder import find_model
from ser_pcq.models.info import ModelInfo, read_info
from ser_pcq.models.linear.classifier import ABSENT_LOGIT
from ser_pcq.models.linear.own_voice import spread_of, within_emotions


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


def test_copies_do_not_count(tmp_path, info):
    """Copies of a recording differ less than recordings do."""
    folder = trained(tmp_path, augment={"channels": 3})
    within = np.array(read_info(folder).voice.within)
    copied = np.trace(within) / np.trace(info.voice.within)
    assert 0.3 < copied < 3  # other fits, but of the same recordings


def test_the_prior_is_kept(tmp_path):
    folder = trained(tmp_path, discriminant={"prior": 1.0})
    assert read_info(folder).voice.log_prior == (0, 0, 0)  # as many of each


def test_classes_that_a_fit_did_not_know_do_not_count():
    rng = np.random.default_rng(0)
    groups = [rng.standard_normal((30, 3)) for _ in range(40)]
    for group in groups[:20]:
        group[:, 2] = ABSENT_LOGIT
    np.testing.assert_allclose(within_emotions(groups), np.eye(3), atol=0.1)
