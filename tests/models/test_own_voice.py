"""Adapting a linear classifier to one voice."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ser_pcq.errors import DataError, SerError
from ser_pcq.models.linear.classifier import LinearClassifier
from ser_pcq.models.linear.own_voice import LEAST, adapt, spread_of, within_emotions

N_CLASSES, N_FEATURES = 6, 40


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def centres(rng):
    """Where emotions are on average, (class, feature)."""
    return 0.8 * rng.standard_normal((N_CLASSES, N_FEATURES))


@pytest.fixture
def classifier(centres):
    """The best one for recordings that vary alike in all directions around the centres."""
    ones = np.ones(N_FEATURES)
    return LinearClassifier(0 * ones, ones, centres, -0.5 * (centres**2).sum(axis=1))


@pytest.fixture
def within(classifier, centres, rng):
    pools = [recordings(centres, np.full(9, k % N_CLASSES), rng) for k in range(60)]
    return within_emotions([classifier.logits(pool) for pool in pools])


def recordings(centres, targets, rng):
    return centres[targets] + rng.standard_normal((len(targets), N_FEATURES))


def recall(classifier, features, targets):
    right = classifier.logits(features).argmax(axis=1) == targets
    return np.mean([right[targets == k].mean() for k in np.unique(targets)])


def every(n):
    return np.repeat(np.arange(N_CLASSES), n)


@pytest.mark.parametrize("n", [3, 5, 40])
def test_what_a_microphone_adds_is_taken_out(n, classifier, centres, within, rng):
    microphone = 2.5 * (centres[1] - centres[4])  # everything sounds like the second emotion
    own = recordings(centres, every(n), rng) + microphone
    others, targets = recordings(centres, every(50), rng) + microphone, every(50)
    voice = adapt(classifier, own, within)
    assert voice.classifier is not None
    assert voice.n_recordings == 6 * n
    before, after = recall(classifier, others, targets), recall(voice.classifier, others, targets)
    assert before < 0.6
    assert after > before + 0.15
    assert n < 40 or after > 0.95


@pytest.mark.parametrize("emotion", range(N_CLASSES))
def test_a_speaker_who_mostly_shows_one_emotion_keeps_it(emotion, classifier, centres, within, rng):
    skewed = np.concatenate([every(3), np.full(12, emotion)])
    voice = adapt(classifier, recordings(centres, skewed, rng), within)
    others, targets = recordings(centres, every(50), rng), every(50)
    assert voice.classifier is not None
    assert recall(voice.classifier, others, targets) > recall(classifier, others, targets) - 0.02


@pytest.mark.parametrize("n", [LEAST, 30, 100])
def test_recordings_of_one_emotion_change_nothing_in_nine_cases_of_ten(
    n, classifier, centres, within, rng
):
    pools = [recordings(centres, np.full(n, k % N_CLASSES), rng) for k in range(60)]
    voices = [adapt(classifier, pool, within) for pool in pools]
    assert np.mean([voice.classifier is None for voice in voices]) >= 0.9
    assert all((voice.classifier is None) == (voice.spread < 1.25) for voice in voices)


def test_a_classifier_trained_by_voice_is_adapted_in_the_others_place(
    classifier, centres, within, rng
):
    own = recordings(centres, every(5), rng)
    doubled = replace(classifier, weight=2 * classifier.weight, bias=2 * classifier.bias)
    one, two = (adapt(classifier, own, within, by_voice) for by_voice in (None, doubled))
    assert one.spread == two.spread
    answers = [v.classifier.logits(own).argmax(axis=1) for v in (one, two)]
    np.testing.assert_array_equal(*answers)
    with pytest.raises(DataError):
        adapt(classifier, own, within, replace(classifier, weight=classifier.weight[:, 1:]))


def test_too_few_recordings_change_nothing(classifier, centres, within, rng):
    own = recordings(centres, every(2), rng)[: LEAST - 1]
    voice = adapt(classifier, own, within)
    assert voice.classifier is None
    assert voice.n_recordings == LEAST - 1
    assert np.isnan(voice.spread)
    assert adapt(classifier, own[:0], within).classifier is None


def test_the_order_of_recordings_does_not_matter(classifier, centres, within, rng):
    own = recordings(centres, every(4), rng)
    one = adapt(classifier, own, within).classifier
    two = adapt(classifier, own[::-1], within).classifier
    np.testing.assert_allclose(one.logits(own), two.logits(own), atol=1e-8)


def test_a_bias_of_the_classifier_does_not_matter_with_many_recordings(
    classifier, centres, within, rng
):
    own = recordings(centres, every(300), rng)
    biased = replace(classifier, bias=classifier.bias + np.arange(N_CLASSES))
    one, two = (adapt(c, own, within).classifier.logits(own) for c in (classifier, biased))
    assert (one.argmax(axis=1) == two.argmax(axis=1)).mean() > 0.99


def test_spread_does_not_count_what_all_scores_have_in_common(classifier, centres, within, rng):
    logits = classifier.logits(recordings(centres, every(4), rng))
    louder = logits + 100 * rng.standard_normal((len(logits), 1))
    assert spread_of(louder, within) == pytest.approx(spread_of(logits, within))
    assert spread_of(logits[:1].repeat(9, axis=0), within) < 0.01


def test_recordings_that_are_all_the_same_change_nothing(classifier, within):
    assert adapt(classifier, np.ones((20, N_FEATURES)), within).classifier is None


@pytest.mark.parametrize(
    ("own", "statistics"),
    [
        (np.zeros((9, N_FEATURES + 1)), np.eye(N_CLASSES)),
        (np.zeros((9, N_FEATURES)), np.eye(N_CLASSES + 1)),
        (np.full((9, N_FEATURES), np.nan), np.eye(N_CLASSES)),
    ],
)
def test_what_does_not_fit_is_refused(own, statistics, classifier):
    with pytest.raises(DataError):
        adapt(classifier, own, statistics)


def test_groups_of_one_recording_do_not_say_how_scores_vary():
    with pytest.raises(SerError, match="two recordings"):
        within_emotions([np.zeros((1, 3))])


def test_it_needs_no_pytorch():
    code = "import ser_pcq.models.linear.own_voice, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
