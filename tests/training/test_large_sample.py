"""Many utterances are fitted by sums, as few are by axes: the same discriminants, in less time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from ser_pcq.training.linear import discriminant
from ser_pcq.training.linear.discriminant import Discriminant
from ser_pcq.training.linear.large_sample import LargeSample
from ser_pcq.training.linear.sample import Sample, SampleSets
from ser_pcq.training.linear.selection import choose_and_fit, choose_on
from ser_pcq.training.linear.shifted import solve_shifted


def sample(n, n_features, n_classes=4, seed=0):
    """Utterances whose features hang together, on all scales, far from 0: features, targets."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, n_classes, n)
    shape = random.standard_normal((n_features, n_features)) * np.geomspace(1, 0.01, n_features)
    values = random.standard_normal((n, n_features)) @ shape
    values += random.standard_normal((n_classes, n_features))[targets] * 3
    values = values * 10.0 ** random.uniform(-2, 2, n_features) + 50.0
    return values.astype(np.float32), targets


@pytest.fixture
def large(monkeypatch):
    """Every sample is a large one."""
    monkeypatch.setattr(discriminant, "LARGE", 1)


def same(one, other, enough=1e-8):
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-9)
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-6)
    np.testing.assert_allclose(one.weight, other.weight, atol=enough * np.abs(other.weight).max())
    np.testing.assert_allclose(one.bias, other.bias, rtol=10 * enough)


@pytest.mark.parametrize(
    ("shrinkages", "enough"), [((1.0, 0.8, 0.3, 0.05), 1e-8), ((1.0, 0.9, 0.5), 2e-5)]
)
@pytest.mark.parametrize("shape", [(300, 40), (120, 200), (80, 200), (1100, 1100)])
@pytest.mark.parametrize("left", ["none", "some", "a class"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_part_of_a_large_sample_is_fitted_as_if_it_were_all(
    large, shape, left, weighted, shrinkages, enough
):
    features, targets = sample(*shape)
    weights = np.random.default_rng(1).uniform(0.01, 3, shape[0]) if weighted else None

    features[:, 3] = 0.1  # says nothing
    features[0, 4], features[1:, 4] = 5.0, 7.0  # says nothing once the first is left out
    left_out = {
        "none": np.arange(0),
        "some": np.arange(0, shape[0] // 4),
        "a class": np.flatnonzero((targets == 1) | (np.arange(shape[0]) == 0)),
    }[left]
    method, kept = Discriminant(shrinkages), np.setdiff1d(np.arange(shape[0]), left_out)
    parts = [left_out, np.arange(shape[0] // 2)]
    everything = Sample(features, targets, 5, weights)
    found, other = method.part_fits(everything).fit(parts, method.settings)
    half = np.setdiff1d(np.arange(shape[0]), parts[1])
    expected = method.fit_each(everything.rows(half), method.settings)
    for one, expect in zip(other, expected, strict=True):
        same(one, expect, enough)
    expected = method.fit_each(everything.rows(kept), method.settings)
    for one, other in zip(found, expected, strict=True):
        same(one, other, enough)


def test_products_of_single_precision_leave_probabilities_as_they_are(large):
    features, targets = sample(1100, 1300)
    method = Discriminant((0.5,))
    everything = Sample(features, targets, 4)
    ((found,),) = method.part_fits(everything).fit([np.arange(200)], method.settings)
    (expected,) = method.fit_each(everything.rows(slice(200, None)), method.settings)
    one, other = (softmax(each.logits(features), axis=1) for each in (found, expected))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_shrinkages_that_are_almost_nothing_are_fitted_by_axes(large, monkeypatch):
    """Conjugate gradients would take thousands of steps."""
    monkeypatch.setattr("ser_pcq.training.linear.shifted._MOST", 20)
    features, targets = sample(200, 100)
    method = Discriminant((0.001,))
    everything = Sample(features, targets, 4)
    ((found,),) = method.part_fits(everything).fit([np.arange(50)], method.settings)
    (expected,) = method.fit_each(everything.rows(slice(50, None)), method.settings)
    same(found, expected)


@pytest.mark.parametrize("average", [True, False])
def test_what_is_chosen_does_not_depend_on_the_way(monkeypatch, average):
    features, targets = sample(240, 60)
    sets = {"all": features, "some": features[:, :20]}
    groups, method = np.arange(240) % 5, Discriminant((0.9, 0.5, 0.1))

    def part(rows):
        some = {name: values[rows] for name, values in sets.items()}
        return SampleSets(some, targets[rows], groups[rows], 4)

    found = []
    for limit in (1, 10**6):
        monkeypatch.setattr(discriminant, "LARGE", limit)
        across = choose_and_fit(part(slice(None)), method, average=average)
        on = choose_on(part(slice(200)), part(slice(200, None)), method, average=average)
        found.append((across, on))
    for one, other in zip(*found, strict=True):
        assert (one.feature_sets, one.settings) == (other.feature_sets, other.settings)
        assert one.candidates == other.candidates
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-6)
        same(one.classifier, other.classifier)


@given(
    st.integers(1, 30),
    st.integers(1, 4),
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=4),
    st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_systems_with_shifts_are_solved_together(n, n_columns, shifts, seed):
    random = np.random.default_rng(seed)
    root = random.standard_normal((random.integers(1, 2 * n + 1), n))
    matrix, right = root.T @ root, random.standard_normal((n, n_columns))
    right[:, 0] *= random.integers(0, 2)  # a class that is absent has its centre at 0
    each = np.repeat(np.array(shifts)[:, None], n_columns, axis=1)
    for shift, x in zip(shifts, solve_shifted(lambda v: matrix @ v, right, each), strict=True):
        expected = np.linalg.solve(matrix + shift * np.eye(n), right)
        np.testing.assert_allclose(x, expected, atol=1e-6 * max(1, np.abs(expected).max()))


def test_the_work_grows_with_the_number_of_utterances():
    """Counted, not timed: what is multiplied for a fold does not depend on how many there are."""
    counts = []
    for n in (400, 1600):
        features, targets = sample(n, 100)
        large = LargeSample(Sample(features, targets, 4))
        (part,) = large.without([np.arange(50)])
        steps = 0
        times = large._products.times

        def counted(columns, parts, times=times):
            nonlocal steps
            steps += 1
            return times(columns, parts)

        large._products.times = counted
        large.precisions([part], [0.9, 0.8, 0.7])
        counts.append(steps)
    assert max(counts) <= 60
