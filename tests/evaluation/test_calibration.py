"""Confidence: the temperature, the measures of calibration, and risk against coverage."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, mean_squared_error

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.calibration import (
    N_BINS,
    apply_temperature,
    calibration_of,
    fit_temperature,
)
from ser_pcq.evaluation.risk_coverage import risk_coverage_of
from ser_pcq.evaluation.table import (
    Predictions,
    UtterancePrediction,
    read_predictions,
    write_predictions,
)

LABELS = ("anger", "boredom", "fear", "joy")
seeds = st.integers(0, 2**32 - 1)


def table(probabilities, targets, labels=LABELS):
    """Predictions that answer the most probable label."""
    rows = []
    for i, (row, target) in enumerate(zip(np.asarray(probabilities), targets, strict=True)):
        shares = tuple(row.tolist())
        best = labels[shares.index(max(shares))]
        rows.append(UtterancePrediction(f"u{i:06d}", f"s{i % 3}", 1, labels[target], best, shares))
    return Predictions(labels, tuple(rows))


def two_classes(*answers):
    """Predictions of two labels from pairs (confidence of the answer a, whether it is right)."""
    shares = [(confidence, 1 - confidence) for confidence, _ in answers]
    return table(shares, [0 if right else 1 for _, right in answers], ("a", "b"))


def generated(seed, *, n=200, n_classes=4, temperature=1.0, spread=2.0):
    """Log-probabilities and targets drawn from them; what is claimed is sharper by `temperature`.

    So dividing what is claimed by `temperature` gives the distribution of the targets.
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, n_classes))
    targets = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return apply_temperature(logits * temperature, 1.0), targets


# ---- the temperature


def test_the_temperature_of_a_hand_worked_example():
    # Claimed 0.9, right in 3 of 4: log 9 / T must be log 3.
    claimed = np.log([[0.9, 0.1]] * 4)
    temperature = fit_temperature(claimed, [0, 0, 0, 1], prior_observations=0)
    assert temperature == pytest.approx(2, rel=1e-4)
    assert np.exp(apply_temperature(claimed, temperature))[0] == pytest.approx([0.75, 0.25], 1e-4)


@pytest.mark.parametrize(("n", "prior"), [(1, 5), (5, 5), (20, 5), (5, 1)])
def test_the_prior_counts_as_utterances_that_are_right_as_often_as_claimed(n, prior):
    claimed = np.log([[0.2, 0.8]] * n)
    temperature = fit_temperature(claimed, [1] * n, prior_observations=prior)
    wanted = (n * 1 + prior * 0.8) / (n + prior)
    assert temperature < 1
    assert np.exp(apply_temperature(claimed, temperature))[0, 1] == pytest.approx(wanted, abs=1e-4)


def test_all_right_ends_at_the_bound_only_without_the_prior():
    claimed, _ = generated(0, n=6)
    targets = claimed.argmax(axis=1)
    assert fit_temperature(claimed, targets, prior_observations=0) == pytest.approx(0.1, abs=1e-4)
    assert 0.3 < fit_temperature(claimed, targets) < 1
    # Nearly certain already: there is nothing to win, and nothing must break.
    certain = np.array([[0.0, -40.0]] * 10)
    assert 0.1 <= fit_temperature(certain, [0] * 10) <= 1
    # All wrong and nearly certain: the flat end.
    assert fit_temperature(certain, [1] * 10, prior_observations=0) == pytest.approx(10, abs=1e-2)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("prior", [0, 5])
def test_the_temperature_of_generated_data_is_found_again(temperature, prior):
    claimed, targets = generated(1, n=10_000, temperature=temperature)
    found = fit_temperature(claimed, targets, prior_observations=prior)
    assert found == pytest.approx(temperature, rel=0.04)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, n=st.integers(2, 40), sharper=st.floats(0.4, 3))
def test_no_temperature_of_a_grid_is_more_likely(seed, n, sharper):
    claimed, targets = generated(seed, n=n, temperature=sharper)
    found = fit_temperature(claimed, targets, prior_observations=0)

    def loss(temperature):
        shares = np.exp(apply_temperature(claimed, temperature))
        return log_loss(targets, shares, labels=range(4))

    assert 0.1 <= found <= 10
    assert loss(found) <= min(map(loss, np.geomspace(0.1, 10, 41))) + 1e-6


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_order_offsets_and_names_of_classes_do_not_matter(seed):
    claimed, targets = generated(seed, n=30)
    rng = np.random.default_rng(seed)
    expected = fit_temperature(claimed, targets)
    rows, classes = rng.permutation(30), rng.permutation(4)
    assert fit_temperature(claimed[rows], targets[rows]) == pytest.approx(expected, rel=1e-4)
    renamed = np.argsort(classes)[targets]
    assert fit_temperature(claimed[:, classes], renamed) == pytest.approx(expected, rel=1e-4)
    logits = claimed + rng.normal(size=(30, 1))
    assert fit_temperature(logits.tolist(), targets) == pytest.approx(expected, rel=1e-4)


def test_where_nothing_can_be_won_the_temperature_is_1():
    assert fit_temperature(np.zeros((5, 3)), [0, 1, 2, 0, 1]) == 1
    assert fit_temperature(np.zeros((5, 1)), [0] * 5) == 1
    # Right exactly as often as claimed.
    assert fit_temperature(np.log([[0.75, 0.25]] * 4), [0, 0, 0, 1]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("claimed", "targets", "prior", "message"),
    [
        (np.zeros((0, 3)), [], 5, "shapes"),
        (np.zeros((2, 0)), [0, 0], 5, "shapes"),
        (np.zeros(3), [0, 0, 0], 5, "shapes"),
        (np.zeros((2, 3)), [0], 5, r"given: log-probabilities \(2, 3\), targets \(1,\)"),
        (np.array([[0.0, np.nan], [0, 0]]), [0, 0], 5, "NaN or infinity in 1 utterances"),
        (np.array([[0.0, -np.inf], [0, 0]]), [0, 0], 5, "not finite"),
        (np.zeros((2, 3)), [0, 3], 5, "whole numbers from 0 to 2"),
        (np.zeros((2, 3)), [-1, 0], 5, "not one of the classes"),
        (np.zeros((2, 3)), [0.0, 1.0], 5, "not one of the classes"),
        (np.zeros((2, 3)), [0, 1], -1, "prior_observations"),
        (np.zeros((2, 3)), [0, 1], math.nan, "prior_observations"),
    ],
)
def test_what_no_temperature_can_be_fitted_on(claimed, targets, prior, message):
    with pytest.raises(ScoreError, match=message):
        fit_temperature(claimed, targets, prior_observations=prior)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, temperature=st.floats(0.1, 10), size=st.sampled_from([1e-6, 1.0, 50.0, 1e5]))
def test_a_temperature_never_changes_the_decision(seed, temperature, size):
    logits = np.random.default_rng(seed).normal(0, size, (20, 5))
    scaled = apply_temperature(logits, temperature)
    assert np.isfinite(scaled).all()
    assert np.exp(scaled).sum(axis=1) == pytest.approx(1)
    decided = logits.argmax(axis=1)
    # Rounding may make two classes equal; none may pass the one that was decided for.
    assert (scaled[np.arange(20), decided] == scaled.max(axis=1)).all()


def test_what_a_temperature_does():
    claimed, _ = generated(3)
    assert apply_temperature(claimed, 1) == pytest.approx(claimed)
    assert apply_temperature(claimed[0], 2) == pytest.approx(apply_temperature(claimed, 2)[0])
    confidence = [apply_temperature(claimed, t).max(axis=1) for t in (0.5, 1, 2, 1e9)]
    assert (np.diff(confidence, axis=0) < 0).all()
    assert np.exp(confidence[-1]) == pytest.approx(1 / 4)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ScoreError, match="a number above 0"):
        apply_temperature(np.zeros((1, 2)), temperature)


# ---- calibration


def test_a_hand_worked_calibration():
    calibration = calibration_of(two_classes((0.9, True), (0.9, False), (0.6, True), (0.6, True)))
    # Bins: 0.9 half right, 0.6 always right; half of the utterances each.
    assert calibration.ece == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    assert calibration.brier == pytest.approx((0.02 + 1.62 + 0.32 + 0.32) / 4)
    assert calibration.nll == pytest.approx(-math.log(0.9 * 0.1 * 0.6 * 0.6) / 4)
    assert calibration.n_utterances == 4
    lower, upper = calibration.bins
    # 0.6 is 9 / 15: the upper end belongs to a bin.
    assert (lower.low, lower.high) == (8 / 15, 9 / 15)
    assert (lower.count, lower.confidence, lower.accuracy) == (2, 0.6, 1)
    assert (upper.low, upper.high) == (13 / 15, 14 / 15)
    assert (upper.count, upper.confidence, upper.accuracy) == (2, 0.9, 0.5)


def test_the_best_and_the_worst():
    best, worst = (calibration_of(two_classes((1.0, right))) for right in (True, False))
    assert (best.ece, best.brier, best.nll) == (0, 0, 0)
    assert (worst.ece, worst.brier) == (1, 2)
    # Probability 0 counts as half of the sixth decimal.
    assert worst.nll == pytest.approx(math.log(2e6))
    assert [b.high for b in best.bins] == [1]
    # Single precision may end a hair outside.
    assert calibration_of(two_classes((1 + 1e-8, True))) == best


@settings(max_examples=30, deadline=None)
@given(seed=seeds, n=st.integers(2, 80))
def test_agreement_with_scikit_learn(seed, n):
    claimed, targets = generated(seed, n=n, spread=1.0)
    predictions = table(np.exp(claimed), targets)
    calibration = calibration_of(predictions)
    shares = np.exp(claimed)
    one_hot = np.eye(4)[targets]
    assert calibration.nll == pytest.approx(log_loss(targets, shares, labels=range(4)), abs=1e-3)
    assert calibration.brier == pytest.approx(4 * mean_squared_error(one_hot, shares), abs=1e-5)
    right = shares.argmax(axis=1) == targets
    accuracy, confidence = calibration_curve(right, shares.max(axis=1), n_bins=N_BINS)
    assert [b.accuracy for b in calibration.bins] == pytest.approx(accuracy)
    assert [b.confidence for b in calibration.bins] == pytest.approx(confidence, abs=1e-6)
    counts = np.array([b.count for b in calibration.bins])
    assert counts.sum() == n
    wanted = (counts * abs(accuracy - confidence)).sum() / n
    assert calibration.ece == pytest.approx(wanted, abs=1e-6)


def test_what_is_calibrated_has_no_error_and_a_wrong_temperature_shows():
    claimed, targets = generated(5, n=20_000)
    few, many = (calibration_of(table(np.exp(claimed[:n]), targets[:n])) for n in (200, 20_000))
    assert many.ece < 0.01 < few.ece
    for temperature in (0.5, 2):
        wrong = calibration_of(table(np.exp(apply_temperature(claimed, temperature)), targets))
        assert wrong.ece > 0.05
        assert wrong.nll > many.nll
        assert wrong.brier > many.brier


def test_a_fitted_temperature_mends_other_utterances():
    claimed, targets = generated(6, n=2000, temperature=3)
    temperature = fit_temperature(claimed[:200], targets[:200])
    before = calibration_of(table(np.exp(claimed[200:]), targets[200:]))
    mended = np.exp(apply_temperature(claimed[200:], temperature))
    after = calibration_of(table(mended, targets[200:]))
    assert after.ece < before.ece / 3
    assert after.nll < before.nll


def test_a_stored_table_gives_the_same_figures(tmp_path):
    claimed, targets = generated(7, spread=6.0)
    predictions = table(np.exp(claimed), targets)
    write_predictions(tmp_path / "predictions.csv", predictions)
    stored = read_predictions(tmp_path / "predictions.csv")
    assert stored != predictions
    assert calibration_of(stored) == calibration_of(predictions)
    assert risk_coverage_of(stored) == risk_coverage_of(predictions)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_the_order_of_rows_changes_no_digit(seed):
    claimed, targets = generated(seed)
    predictions = table(np.exp(claimed), targets)
    order = np.random.default_rng(seed).permutation(len(targets))
    shuffled = replace(predictions, rows=tuple(predictions.rows[i] for i in order))
    assert calibration_of(shuffled) == calibration_of(predictions)
    assert risk_coverage_of(shuffled) == risk_coverage_of(predictions)


@pytest.mark.parametrize("measure", [calibration_of, risk_coverage_of])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": (math.nan, 1.0)}, "utterance u000000: the probabilities do not fit"),
        ({"probabilities": (-0.1, 1.1)}, "2 numbers from 0 to 1"),
        ({"probabilities": (1.0,)}, "do not fit"),
        ({"reference": "c"}, "unknown label; given: 'c'; accepted: a, b"),
        ({"prediction": "c"}, "unknown label"),
    ],
)
def test_rows_that_cannot_be_measured(measure, change, message):
    predictions = two_classes((0.9, True), (0.8, True))
    rows = (replace(predictions.rows[0], **change), *predictions.rows[1:])
    with pytest.raises(ScoreError, match=message):
        measure(replace(predictions, rows=rows))
    with pytest.raises(ScoreError, match="no utterance"):
        measure(replace(predictions, rows=()))


# ---- risk and coverage


def test_a_hand_worked_curve():
    curve = risk_coverage_of(two_classes((0.6, False), (0.8, True), (0.9, True), (0.8, False)))
    points = [(p.min_confidence, p.n_kept, p.coverage, p.risk) for p in curve.points]
    # The two of confidence 0.8 come together.
    assert points == [(0.9, 1, 0.25, 0), (0.8, 3, 0.75, 1 / 3), (0.6, 4, 1, 0.5)]
    assert curve.n_utterances == 4
    assert curve.area == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 2) / 4)
    kept = {share: curve.at_coverage(share).n_kept for share in (0, 0.25, 0.26, 0.75, 0.8, 1)}
    assert kept == {0: 1, 0.25: 1, 0.26: 3, 0.75: 3, 0.8: 4, 1: 4}
    assert curve.at_coverage(0.7).accuracy == pytest.approx(2 / 3)
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ScoreError, match="coverage is out of range"):
            curve.at_coverage(share)


def test_equal_confidences_are_kept_or_left_out_together():
    curve = risk_coverage_of(two_classes((0.7, True), (0.7, False), (0.7, True), (0.7, True)))
    assert len(curve.points) == 1
    assert curve.area == curve.points[0].risk == 0.25
    assert curve.at_coverage(0.1).coverage == 1


def test_a_confidence_that_knows_its_errors_has_the_smaller_area():
    confidences = np.linspace(0.55, 0.95, 20)
    knows = [(c, i >= 5) for i, c in enumerate(confidences)]
    errs = [(c, i < 15) for i, c in enumerate(confidences)]
    good, bad = (risk_coverage_of(two_classes(*pairs)) for pairs in (knows, errs))
    assert good.points[-1].risk == bad.points[-1].risk == 0.25
    assert good.area < 0.25 < bad.area
    assert good.at_coverage(0.75).risk == 0


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from([0.5, 0.6, 0.75, 0.9, 0.987654, 1.0]), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_the_curve_is_what_thresholds_give(pairs):
    predictions = two_classes(*pairs)
    curve = risk_coverage_of(predictions)
    risks = []
    for confidence, _ in pairs:
        kept = [right for other, right in pairs if other >= confidence]
        risks.append(1 - sum(kept) / len(kept))
    assert curve.area == pytest.approx(np.mean(risks), abs=1e-12)
    for point in curve.points:
        kept = [right for confidence, right in pairs if confidence >= point.min_confidence]
        assert (len(kept), point.accuracy) == (point.n_kept, pytest.approx(np.mean(kept)))
    coverages = [point.coverage for point in curve.points]
    assert coverages == sorted(set(coverages))
    accuracy = predictions.confusion().weighted_accuracy
    assert curve.at_coverage(1).accuracy == pytest.approx(accuracy)
