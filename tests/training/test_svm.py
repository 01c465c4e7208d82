import time
from itertools import combinations

import numpy as np
import pytest
from support.linear import fitted

from ser_pcq.errors import SerError
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, LinearClassifier
from ser_pcq.training.linear.sample import SampleSets
from ser_pcq.training.linear.selection import (
    MAX_INNER_FOLDS,
    _inner_folds,
    choose_and_fit,
    choose_on,
)
from ser_pcq.training.linear.svm import SupportVectorMachine

COSTS = (1e-3, 1e-2, 1e-1)
MACHINES = SupportVectorMachine(COSTS)


def fit_linear_svm(features, targets, n_classes, *, c) -> LinearClassifier:
    return fitted(SupportVectorMachine((c,)), features, targets, n_classes)


def clouds(n_classes=3, n_each=30, n_features=5, spread=1.0, seed=0):
    """Overlapping clouds around one centre per class, on unlike scales: features, targets."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(n_classes), n_each)
    centres = rng.standard_normal((n_classes, n_features))
    features = centres[targets] + spread * rng.standard_normal((len(targets), n_features))
    return features * 10.0 ** rng.uniform(-3, 3, n_features) + 7.0, targets


def speakers(targets, n=6):
    return np.array([f"s{i:02d}" for i in np.random.default_rng(5).integers(0, n, len(targets))])


def standardised(features):
    return (features - features.mean(axis=0)) / features.std(axis=0)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_logits_are_mean_signed_distances_from_the_borders_to_the_other_classes(n_classes):
    from sklearn.svm import SVC

    features, targets = clouds(n_classes)
    logits = fit_linear_svm(features, targets, n_classes, c=0.1).logits(features)
    # By another way: the library's own linear kernel and weight vectors.
    machines = SVC(kernel="linear", C=0.1, class_weight="balanced", decision_function_shape="ovo")
    z = standardised(features)
    machines.fit(z, targets)
    lengths = np.linalg.norm(machines.coef_, axis=1)
    distances = machines.decision_function(z).reshape(len(z), -1) / lengths
    expected = np.zeros_like(logits)
    for pair, (first, second) in enumerate(combinations(range(n_classes), 2)):
        towards_first = distances[:, pair] * (-1 if n_classes == 2 else 1)
        expected[:, first] += towards_first / (n_classes - 1)
        expected[:, second] -= towards_first / (n_classes - 1)
    # The solver stops at a tolerance of 1e-3, and sees products that differ in their last digits.
    np.testing.assert_allclose(logits, expected, atol=0.02)
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.98
    np.testing.assert_allclose(logits.sum(axis=1), 0, atol=1e-9)


def test_two_classes_are_the_right_way_round():
    features = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    logits = fit_linear_svm(features, np.array([0, 0, 1, 1]), 2, c=1.0).logits(features)
    assert logits.argmax(axis=1).tolist() == [0, 0, 1, 1]
    # One feature, the border half way: the distance is the standardised feature itself.
    np.testing.assert_allclose(logits[:, 1], standardised(features)[:, 0], atol=1e-3)


def test_distances_decide_nearly_as_well_as_votes_and_better_than_bare_margins():
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    features, targets = load_digits(return_X_y=True)
    train, test = slice(0, 1200), slice(1200, None)
    ours = fit_linear_svm(features[train], targets[train], 10, c=0.01)
    z = (features - ours.mean) / ours.scale
    machines = SVC(kernel="linear", C=0.01, class_weight="balanced", decision_function_shape="ovo")
    margins = machines.fit(z[train], targets[train]).decision_function(z[test])
    added = np.zeros((len(margins), 10))
    for pair, (first, second) in enumerate(combinations(range(10), 2)):
        added[:, first] += margins[:, pair]
        added[:, second] -= margins[:, pair]
    by_distances, by_votes, by_margins = (
        (answers == targets[test]).mean()
        for answers in (
            ours.logits(features[test]).argmax(axis=1),
            machines.predict(z[test]),
            added.argmax(axis=1),
        )
    )
    assert by_votes > 0.9
    assert by_distances > by_votes - 0.05
    assert by_distances > by_margins


def test_unit_and_offset_of_a_feature_do_not_matter():
    features, targets = clouds()
    first = fit_linear_svm(features, targets, 3, c=0.1)
    scaled = features * [1e6, 1e-6, 3.0, 1.0, -1.0] + [1.0, 2.0, 3.0, 4.0, 5.0]
    second = fit_linear_svm(scaled, targets, 3, c=0.1)
    np.testing.assert_allclose(first.logits(features), second.logits(scaled), atol=1e-3)


def test_a_constant_feature_and_a_useless_pair_change_nothing():
    features, targets = clouds()
    constant = np.column_stack([features, np.full(len(features), 0.1)])
    alone = fit_linear_svm(constant, targets, 3, c=0.1)
    assert alone.weight[:, -1] == pytest.approx(0)
    assert np.isfinite(alone.logits(constant + 1e6)).all()
    nothing = fit_linear_svm(np.ones((90, 2)), targets, 3, c=0.1)
    assert not nothing.logits(np.ones((1, 2))).any()


def test_a_rare_class_is_weighted_up():
    rng = np.random.default_rng(0)
    targets = np.array([0] * 190 + [1] * 10)
    features = rng.standard_normal((200, 4))
    features[targets == 1, 0] += 2.0
    answers = fit_linear_svm(features, targets, 2, c=0.1).logits(features).argmax(axis=1)
    assert (answers[targets == 1] == 1).mean() >= 0.7


def test_a_class_without_training_utterances_is_never_answered():
    features, targets = clouds()
    alone = fit_linear_svm(features, np.array([0, 2, 3])[targets], 5, c=0.1)
    logits = alone.logits(features)
    assert (logits[:, [1, 4]] == ABSENT_LOGIT).all()
    complete = fit_linear_svm(features, targets, 3, c=0.1).logits(features)
    np.testing.assert_allclose(logits[:, [0, 2, 3]], complete)


def by_speaker_only(seed=0):
    """A weak cue that all speakers share, and a perfect one that each turns round as they like."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, 120)
    who = np.repeat(np.arange(6), 20)
    side = 2.0 * targets - 1.0
    shared = side[:, None] + 1.5 * rng.standard_normal((120, 3))
    turned = np.eye(6)[who] * (side * np.array([1, -1, 1, -1, 1, -1])[who])[:, None]
    return {"turned": turned * 10, "shared": shared}, targets, who


def test_the_choice_is_made_on_speakers_that_were_not_heard():
    sets, targets, who = by_speaker_only()
    assert choose_and_fit(SampleSets(sets, targets, who, 2), MACHINES).feature_sets == ("shared",)
    # Not a matter of the sets: with every speaker heard, the cue of each one's own wins.
    mixed = np.arange(120) % 6
    assert choose_and_fit(SampleSets(sets, targets, mixed, 2), MACHINES).feature_sets == ("turned",)


def test_held_out_logits_come_from_a_fit_on_the_other_speakers():
    features, targets = clouds(spread=2.0)
    who = speakers(targets)
    chosen = choose_and_fit(SampleSets({"all": features}, targets, who, 3), MACHINES)
    for speaker in np.unique(who):
        out = who == speaker
        alone = fit_linear_svm(features[~out], targets[~out], 3, c=chosen.settings[0])
        np.testing.assert_allclose(chosen.logits[out], alone.logits(features[out]), atol=1e-6)
    everything = fit_linear_svm(features, targets, 3, c=chosen.settings[0])
    np.testing.assert_allclose(chosen.classifier.weight, everything.weight)


def test_scores_are_pooled_over_the_inner_folds_and_the_best_is_taken():
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    features, targets = clouds(spread=3.0)
    sets = {"all": features, "two": features[:, :2]}
    chosen = choose_and_fit(SampleSets(sets, targets, speakers(targets), 3), MACHINES)
    table = {(k.feature_set, k.setting): k for k in chosen.candidates}
    assert list(table) == [(name, c) for name in sets for c in COSTS]
    best = table[chosen.feature_sets[0], chosen.settings[0]]
    answers = chosen.logits.argmax(axis=1)
    assert best.wa == pytest.approx(accuracy_score(targets, answers))
    assert best.ua == pytest.approx(balanced_accuracy_score(targets, answers))
    assert best.wa + best.ua == max(k.wa + k.ua for k in chosen.candidates)


def test_ties_go_to_the_smaller_cost_and_then_to_the_first_set():
    features, targets = clouds(spread=0.01)
    sets = {"b": features, "a": features.copy()}
    chosen = choose_and_fit(
        SampleSets(sets, targets, speakers(targets), 3), SupportVectorMachine((1.0, 0.1, 10.0))
    )
    assert {k.wa for k in chosen.candidates} == {1.0}
    assert (chosen.feature_sets, chosen.settings) == (("b",), (0.1,))


def test_many_speakers_are_held_out_several_at_a_time():
    few = np.repeat(["a", "b", "c"], 4)
    many = np.repeat(np.arange(3 * MAX_INNER_FOLDS + 1), 2)
    for groups, expected in ((few, 3), (many, MAX_INNER_FOLDS)):
        folds = _inner_folds(groups)
        assert len(folds) == expected
        assert sorted(np.concatenate(folds)) == list(range(len(groups)))
        for out in folds:
            assert not set(np.delete(groups, out)) & set(groups[out])


def test_a_class_of_one_speaker_alone_does_not_stop_the_choice():
    features, targets = clouds()
    who = np.where(targets == 2, 0, speakers(targets) == "s01")
    chosen = choose_and_fit(SampleSets({"all": features}, targets, who, 3), MACHINES)
    assert (chosen.logits[targets == 2, 2] == ABSENT_LOGIT).all()
    assert np.isfinite(chosen.logits).all()
    # One that leaves a single class to train on is answered with it.
    one_left = choose_and_fit(
        SampleSets({"all": features}, targets, (targets > 0).astype(int), 3), MACHINES
    )
    assert (one_left.logits[targets > 0].argmax(axis=1) == 0).all()


def test_the_same_numbers_in_give_the_same_numbers_out():
    features, targets = clouds(spread=2.0)
    first, second = (
        choose_and_fit(SampleSets({"all": features}, targets, speakers(targets), 3), MACHINES)
        for _ in range(2)
    )
    assert first.candidates == second.candidates
    np.testing.assert_array_equal(first.logits, second.logits)
    np.testing.assert_array_equal(first.classifier.weight, second.classifier.weight)


def test_choosing_on_a_given_set_trains_on_the_training_set_alone():
    sets, targets, who = by_speaker_only()
    train, valid = who < 4, who >= 4
    sides = (
        SampleSets({k: v[side] for k, v in sets.items()}, targets[side], who[side], 2)
        for side in (train, valid)
    )
    chosen = choose_on(*sides, MACHINES)
    assert chosen.feature_sets == ("shared",)
    alone = fit_linear_svm(sets["shared"][train], targets[train], 2, c=chosen.settings[0])
    np.testing.assert_allclose(chosen.classifier.weight, alone.weight)
    assert chosen.logits.shape == (valid.sum(), 2)
    np.testing.assert_allclose(chosen.logits, alone.logits(sets["shared"][valid]), atol=1e-6)


def test_a_fold_of_compare_features_is_chosen_within_seconds():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((480, 6373))
    targets = rng.integers(0, 7, 480)
    start = time.process_time()
    choose_and_fit(
        SampleSets({"all": features}, targets, np.arange(480) % 10, 7),
        SupportVectorMachine(np.logspace(-5, 0, 6)),
    )
    assert time.process_time() - start < 20


def broken(value):
    features, targets = clouds()
    features[[4, 8], 2] = value
    return features, targets


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": broken(np.nan)[0]}, "2 of 90 utterances, the first at row 4"),
        ({"features": broken(np.inf)[0]}, "not numbers"),
        ({"features": np.ones((89, 5))}, "one vector for each utterance"),
        ({"features": np.ones(90)}, "one vector for each utterance"),
        ({"features": np.ones((90, 0))}, "one vector for each utterance"),
        ({"targets": np.zeros(90, int)}, "same label"),
        ({"targets": np.arange(90) % 4}, "not one of the classes; given: 0 to 3; accepted: 0 to 2"),
        ({"targets": np.arange(90) % 3 - 1}, "not one of the classes"),
        ({"groups": np.zeros(90)}, "two training speakers"),
        ({"costs": ()}, "costs"),
        ({"costs": (0.1, 0.0)}, "costs"),
        ({"costs": (np.nan,)}, "costs"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(change, message):
    features, targets = clouds()
    given = {"features": features, "targets": targets, "groups": speakers(targets), "costs": COSTS}
    given |= change
    with pytest.raises(SerError, match=message):
        choose_and_fit(
            SampleSets({"set": given["features"]}, given["targets"], given["groups"], 3),
            SupportVectorMachine(given["costs"]),
        )


def test_no_features_and_foreign_validation_features_are_refused():
    features, targets = clouds()
    with pytest.raises(SerError, match="no features"):
        choose_and_fit(SampleSets({}, targets, speakers(targets), 3), MACHINES)
    with pytest.raises(SerError, match="same label"):
        fit_linear_svm(features, np.ones(90, int), 3, c=1.0)
    for foreign in ({"b": features}, {"a": features[:, :4]}):
        sides = [SampleSets(sets, targets, targets, 3) for sets in ({"a": features}, foreign)]
        with pytest.raises(SerError, match="other features"):
            choose_on(*sides, MACHINES)
