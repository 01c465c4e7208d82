import numpy as np
import pytest
from support.linear import fitted

from ser_pcq.errors import SerError
from ser_pcq.models.linear.classifier import ABSENT_LOGIT
from ser_pcq.training.linear.discriminant import MARGIN, Discriminant
from ser_pcq.training.linear.sample import Sample, SampleSets
from ser_pcq.training.linear.selection import choose_and_fit

SHRINKAGES = (0.1, 0.5, 0.9)


def clouds(n_features, n_each=20, n_classes=3, seed=0):
    """Clouds of one common, stretched shape around one centre per class: features, targets."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(n_classes), n_each)
    shape = rng.standard_normal((n_features, n_features)) / np.sqrt(n_features)
    centres = rng.standard_normal((n_classes, n_features))
    noise = rng.standard_normal((len(targets), n_features)) @ shape
    return (centres[targets] + 2 * noise) * 10.0 ** rng.uniform(-3, 3, n_features) + 7.0, targets


# Fewer features than utterances, and more: the covariance is decomposed in two ways.
@pytest.mark.parametrize("n_features", [5, 200])
@pytest.mark.parametrize("shrinkage", [0.1, 0.9, 1.0])
def test_logits_are_the_librarys_but_for_their_scale(n_features, shrinkage):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    features, targets = clouds(n_features)
    others, _ = clouds(n_features, seed=1)
    logits = fitted(Discriminant((shrinkage,)), features, targets, 3).logits(others)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    expected = peer.fit((features - mean) / scale, targets).decision_function(
        (others - mean) / scale
    )
    centred = logits - logits.mean(axis=1, keepdims=True)
    expected -= expected.mean(axis=1, keepdims=True)
    scale = np.abs(expected).max() / np.abs(centred).max()
    np.testing.assert_allclose(scale * centred, expected, rtol=1e-6, atol=1e-6 * scale)


def all_logits(method, features, targets, others):
    """Fit with every setting and score other utterances, (setting, other, class)."""
    sample = Sample(features, targets, targets.max() + 1)
    fits = method.fit_each(sample, method.settings)
    return np.stack([one.logits(others) for one in fits])


def test_every_shrinkage_at_once_is_one_after_the_other():
    features, targets = clouds(200)
    others, _ = clouds(200, seed=1)
    method = Discriminant(SHRINKAGES)
    assert method.settings == (0.9, 0.5, 0.1)  # the most cautious one first
    for shrinkage, logits in zip(
        method.settings, all_logits(method, features, targets, others), strict=True
    ):
        alone = fitted(Discriminant((shrinkage,)), features, targets, 3).logits(others)
        np.testing.assert_allclose(logits, alone, atol=1e-8)


def test_a_class_stands_out_at_its_own_mean_by_the_same_margin_whatever_the_shrinkage():
    features, targets = clouds(200)
    means = np.stack([features[targets == k].mean(axis=0) for k in range(3)])
    for shrinkage in SHRINKAGES:
        logits = fitted(Discriminant((shrinkage,)), features, targets, 3).logits(means)
        margins = np.diag(logits)[:, None] - logits
        assert margins.sum() / 6 == pytest.approx(MARGIN)
        assert (margins >= 0).all()


def test_what_varies_within_classes_is_taken_out():
    rng = np.random.default_rng(0)
    targets = np.arange(300) % 3
    # The class shows in one direction; another, twenty times as strong, is each speaker's own, and
    # both features see both.
    signal, own = 1.0 * targets + 0.1 * rng.standard_normal(300), 20 * rng.standard_normal(300)
    features = np.column_stack([signal + own, own - signal])
    answers = fitted(Discriminant((1e-6,)), features, targets, 3).logits(features).argmax(axis=1)
    assert (answers == targets).mean() > 0.99
    nearest = fitted(Discriminant((1.0,)), features, targets, 3).logits(features).argmax(axis=1)
    assert (nearest == targets).mean() < 0.6


def test_a_class_without_training_utterances_is_never_answered():
    features, targets = clouds(5)
    alone = fitted(Discriminant((0.5,)), features, np.array([0, 2, 3])[targets], 5)
    logits = alone.logits(features)
    assert (logits[:, [1, 4]] <= ABSENT_LOGIT).all()
    complete = fitted(Discriminant((0.5,)), features, targets, 3).logits(features)
    np.testing.assert_allclose(logits[:, [0, 2, 3]], complete)


def test_a_constant_feature_and_clouds_without_spread_stay_finite():
    features, targets = clouds(5)
    constant = np.column_stack([features, np.full(len(features), 0.1)])
    alone = fitted(Discriminant((0.5,)), constant, targets, 3)
    assert np.isfinite(alone.logits(constant + 1e6)).all()
    points = np.eye(3)[targets]
    logits = fitted(Discriminant((0.5,)), points, targets, 3).logits(points)
    assert np.isfinite(logits).all()
    assert (logits.argmax(axis=1) == targets).all()


def test_the_shrinkage_is_chosen_on_groups_that_were_not_heard():
    features, targets = clouds(200)
    groups = np.arange(len(targets)) % 4
    chosen = choose_and_fit(
        SampleSets({"all": features}, targets, groups, 3), Discriminant(SHRINKAGES)
    )
    assert {c.setting for c in chosen.candidates} == set(SHRINKAGES)
    for group in range(4):
        out = groups == group
        alone = fitted(Discriminant(chosen.settings), features[~out], targets[~out], 3)
        np.testing.assert_allclose(chosen.logits[out], alone.logits(features[out]), atol=1e-6)


def test_averaging_is_one_classifier_with_the_mean_of_all_logits():
    features, targets = clouds(40)
    others, _ = clouds(40, seed=1)
    sets = {"all": features, "some": features[:, :10]}
    groups = np.arange(len(targets)) % 4
    method = Discriminant(SHRINKAGES)
    chosen = choose_and_fit(SampleSets(sets, targets, groups, 3), method, average=True)
    assert (chosen.feature_sets, chosen.settings) == (("all", "some"), method.settings)
    expected = np.concatenate(
        [all_logits(method, features[:, :k], targets, others[:, :k]) for k in (40, 10)]
    ).mean(axis=0)
    joined = np.concatenate([others, others[:, :10]], axis=1)
    np.testing.assert_allclose(chosen.classifier.logits(joined), expected, atol=1e-8)
    # What a temperature is fitted on comes from fits that have not heard the utterance.
    out = groups == 0
    held_out = np.concatenate(
        [all_logits(method, x[~out], targets[~out], x[out]) for x in sets.values()]
    ).mean(axis=0)
    np.testing.assert_allclose(chosen.logits[out], held_out, atol=1e-8)


@pytest.mark.parametrize("shrinkages", [(), (0.0,), (0.5, 1.1), (float("nan"),)])
def test_shrinkages_out_of_range_are_refused(shrinkages):
    with pytest.raises(SerError, match="shrinkages"):
        Discriminant(shrinkages)


def test_one_class_is_refused():
    features, _ = clouds(5)
    with pytest.raises(SerError, match="same label"):
        fitted(Discriminant((0.5,)), features, np.zeros(len(features), int), 3)
