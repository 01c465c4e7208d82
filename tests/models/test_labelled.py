"""Adapting a linear classifier to labelled recordings."""

from dataclasses import replace

import numpy as np
import pytest

from ser_pcq.errors import DataError
from ser_pcq.models.linear import labelled
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, LinearClassifier
from ser_pcq.models.linear.labelled import adapt_to_labels

N_CLASSES, N_FEATURES = 4, 40
ALL = np.arange(N_CLASSES)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def centres(rng):
    """Where emotions are in training."""
    return 0.5 * rng.standard_normal((N_CLASSES, N_FEATURES))


@pytest.fixture
def here(centres, rng):
    """Where they are here, with another one: elsewhere, and everything is moved."""
    moved = 0.7 * centres + 0.4 * rng.standard_normal(centres.shape)
    return np.vstack([moved, 0.6 * rng.standard_normal(N_FEATURES)]) + 1.0


@pytest.fixture
def classifier(centres):
    bias = -0.5 * (centres**2).sum(axis=1)
    return LinearClassifier(np.zeros(N_FEATURES), np.ones(N_FEATURES), centres, bias)


def recordings(centres, targets, rng):
    return centres[targets] + rng.standard_normal((len(targets), N_FEATURES))


def recall(classifier, features, targets):
    right = classifier.logits(features).argmax(axis=1) == targets
    return np.mean([right[targets == k].mean() for k in np.unique(targets)])


def fit(classifier, features, targets, n_classes=N_CLASSES, speakers=None):
    speakers = np.array(["one"] * len(targets)) if speakers is None else speakers
    return adapt_to_labels(classifier, ALL, features, targets, n_classes, speakers)


def test_the_more_recordings_the_better(classifier, here, rng):
    tested = np.repeat(ALL, 200)
    others = recordings(here, tested, rng)
    found = [recall(classifier, others, tested)]
    for n in (1, 5, 20, 80):
        own = np.repeat(ALL, n)
        found.append(recall(fit(classifier, recordings(here, own, rng), own), others, tested))
    assert found[0] < 0.7
    assert found == sorted(found)
    assert found[-1] > 0.85


@pytest.mark.parametrize("n", [2, 10])
def test_a_new_emotion_is_found_beside_the_known_ones(n, classifier, here, rng):
    own, tested = np.repeat(np.arange(5), n), np.repeat(np.arange(5), 200)
    found = fit(classifier, recordings(here, own, rng), own, 5)
    others = recordings(here, tested, rng)
    said = found.logits(others).argmax(axis=1)
    assert (said[tested == 4] == 4).mean() > 0.5
    assert (said[tested != 4] == 4).mean() < 0.15


def test_an_emotion_without_recordings_keeps_its_answers(classifier, centres, rng):
    own, tested = np.repeat(ALL[:3], 5), np.repeat(ALL, 200)
    speakers = np.array(["a", "b", "c", "d", "e"] * 3)
    found = fit(classifier, recordings(centres + 1, own, rng), own, speakers=speakers)
    others = recordings(centres + 1, tested, rng)
    right = found.logits(others).argmax(axis=1) == tested
    assert right[tested == 3].mean() > 0.6
    assert right[tested != 3].mean() > 0.8


def test_one_that_nobody_knows_is_never_answered(classifier, here, rng):
    own = np.repeat(ALL, 5)
    found = fit(classifier, recordings(here, own, rng), own, 6)
    assert found.bias[4:].tolist() == [ABSENT_LOGIT] * 2
    assert not found.weight[4:].any()


def test_an_emotion_with_many_recordings_is_not_the_answer_to_all(classifier, here, rng):
    own, tested = np.repeat(ALL, [60, 5, 5, 5]), np.repeat(ALL, 200)
    found = fit(classifier, recordings(here, own, rng), own)
    said = found.logits(recordings(here, tested, rng)).argmax(axis=1)
    assert (said == 0).mean() < 0.4


def test_order_bias_and_scale_do_not_matter(classifier, here, rng):
    own = np.repeat(ALL, 5)
    features = recordings(here, own, rng)
    logits = fit(classifier, features, own).logits(features)
    back = fit(classifier, features[::-1], own[::-1]).logits(features)
    np.testing.assert_allclose(back, logits, atol=1e-8)
    other = replace(classifier, weight=3 * classifier.weight, bias=classifier.bias + ALL)
    np.testing.assert_allclose(fit(other, features, own).logits(features), logits, atol=1e-8)


def test_what_is_held_out_is_what_others_miss(rng):
    features, wanted = rng.standard_normal((12, 5)), rng.standard_normal((12, 3))
    alike = features @ features.T
    inverse = np.linalg.inv(alike + 0.4 * np.eye(12))
    speakers = np.repeat(["a", "b", "c"], 4)
    missed = labelled._held_out(inverse, inverse @ wanted, speakers)
    for name in "abc":
        own = speakers == name
        others = np.linalg.solve(alike[~own][:, ~own] + 0.4 * np.eye(8), wanted[~own])
        np.testing.assert_allclose(wanted[own] - alike[own][:, ~own] @ others, missed[own])


@pytest.mark.parametrize("n", [2, 10, 40])
def test_confidence_is_about_right(n, classifier, here, rng):
    own, tested = np.repeat(ALL, n), np.repeat(ALL, 500)
    speakers = np.tile(["a", "b"], 2 * n)
    logits = fit(classifier, recordings(here, own, rng), own, speakers=speakers).logits(
        recordings(here, tested, rng)
    )
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = (shares.max(axis=1) / shares.sum(axis=1)).mean()
    assert abs(confidence - (logits.argmax(axis=1) == tested).mean()) < 0.15


@pytest.mark.parametrize(
    ("features", "targets"),
    [
        (np.zeros((4, N_FEATURES + 1)), ALL),
        (np.zeros((3, N_FEATURES)), ALL),
        (np.zeros((4, N_FEATURES)), ALL + 1),
        (np.zeros((0, N_FEATURES)), ALL[:0]),
        (np.zeros((4, N_FEATURES)), ALL * 0),
        (np.full((4, N_FEATURES), np.nan), ALL),
    ],
)
def test_what_does_not_fit_is_refused(features, targets, classifier):
    with pytest.raises(DataError):
        fit(classifier, features, targets)
