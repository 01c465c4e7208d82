"""Counts and ratios: hand-worked values, agreement with scikit-learn, properties."""

import doctest
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    recall_score,
)

from ser_pcq import metrics
from ser_pcq.errors import ScoreError
from ser_pcq.metrics import Confusion, mean_over_folds, speaker_interval

LABELS = ("anger", "joy", "neutral")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1)


def count(pairs):
    return Confusion.from_labels([r for r, _ in pairs], [p for _, p in pairs], LABELS)


def ratios(confusion):
    return (
        confusion.weighted_accuracy,
        confusion.unweighted_accuracy,
        confusion.macro_f1,
        confusion.recalls,
        confusion.precisions,
    )


def test_examples_in_the_docstrings_run():
    outcome = doctest.testmod(metrics)
    assert outcome.attempted >= 6
    assert outcome.failed == 0


def test_examples_in_the_documentation_run():
    page = Path(__file__).parent.parent / "docs" / "scoring.md"
    outcome = doctest.testfile(str(page), module_relative=False)
    assert outcome.attempted >= 3
    assert outcome.failed == 0


def test_hand_worked_values():
    # anger: 3 of 4 right, joy: 1 of 2, neutral never spoken but answered once.
    references = ["anger", "anger", "anger", "anger", "joy", "joy"]
    predictions = ["anger", "anger", "anger", "joy", "joy", "neutral"]
    confusion = Confusion.from_labels(references, predictions, LABELS)
    assert confusion.counts == ((3, 1, 0), (0, 1, 1), (0, 0, 0))
    assert confusion.n_utterances == 6
    assert confusion.weighted_accuracy == pytest.approx(4 / 6)
    assert confusion.unweighted_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert confusion.recalls == {"anger": 0.75, "joy": 0.5, "neutral": None}
    assert confusion.precisions == {"anger": 1.0, "joy": 0.5, "neutral": 0.0}
    # F1 anger = 2*3 / (2*3 + 0 + 1), joy = 2*1 / (2*1 + 1 + 1).
    assert confusion.macro_f1 == pytest.approx((6 / 7 + 1 / 2) / 2)


def test_a_class_absent_from_the_reference_is_left_out():
    confusion = Confusion.from_labels("00", "01", "01")
    assert confusion.unweighted_accuracy == 0.5
    assert confusion.recalls == {"0": 0.5, "1": None}
    assert Confusion.from_labels("00", "00", "01").precisions == {"0": 1.0, "1": None}


def test_rows_are_the_reference():
    assert Confusion.from_labels(["a"], ["b"], ["a", "b"]).counts == ((0, 1), (0, 0))


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn_also_with_absent_classes(seed):
    rng = np.random.default_rng(seed)
    labels = [f"label{i}" for i in range(6)]
    # In every second case the reference holds only the first four of the six labels.
    spoken = labels if seed % 2 else labels[:4]
    references = [spoken[i] for i in rng.integers(len(spoken), size=57)]
    predictions = [
        r if rng.random() < 0.6 else labels[rng.integers(len(labels))] for r in references
    ]
    present = sorted(set(references))
    assert (len(present) < len(labels)) == (seed % 2 == 0)
    confusion = Confusion.from_labels(references, predictions, labels)
    expected = confusion_matrix(references, predictions, labels=labels)
    assert np.array_equal(confusion.as_array(), expected)
    assert confusion.weighted_accuracy == pytest.approx(accuracy_score(references, predictions))
    restricted = {"labels": present, "average": "macro", "zero_division": 0}
    recall = recall_score(references, predictions, **restricted)
    assert confusion.unweighted_accuracy == pytest.approx(recall)
    assert confusion.macro_f1 == pytest.approx(f1_score(references, predictions, **restricted))
    if len(present) == len(labels):
        balanced = balanced_accuracy_score(references, predictions)
        assert confusion.unweighted_accuracy == pytest.approx(balanced)


@settings(max_examples=50, deadline=None)
@given(PAIRS, PAIRS)
def test_adding_counts_is_counting_together(first, second):
    assert count(first) + count(second) == count(first + second)


@settings(max_examples=50, deadline=None)
@given(PAIRS, st.randoms())
def test_the_order_of_utterances_changes_nothing(pairs, rng):
    shuffled = pairs.copy()
    rng.shuffle(shuffled)
    assert count(shuffled) == count(pairs)
    assert ratios(count(shuffled)) == ratios(count(pairs))


@settings(max_examples=50, deadline=None)
@given(PAIRS, st.permutations(LABELS))
def test_the_order_of_labels_changes_no_ratio(pairs, order):
    renamed = Confusion.from_labels([r for r, _ in pairs], [p for _, p in pairs], order)
    assert renamed.recalls == count(pairs).recalls
    assert renamed.unweighted_accuracy == pytest.approx(count(pairs).unweighted_accuracy)
    assert renamed.macro_f1 == pytest.approx(count(pairs).macro_f1)


@pytest.mark.parametrize(
    ("references", "predictions", "labels", "message"),
    [
        (["a"], ["c"], ["a", "b"], "unknown label.*'c'.*a, b"),
        (["c"], ["a"], ["a", "b"], "unknown label.*'c'"),
        (["a", "b"], ["a"], ["a", "b"], "differ in length.*2 and 1"),
        (["a"], ["a"], ["a", "a"], "each once"),
        ([], [], [], "labels must be given"),
    ],
)
def test_what_cannot_be_counted_is_refused(references, predictions, labels, message):
    with pytest.raises(ScoreError, match=message):
        Confusion.from_labels(references, predictions, labels)


@pytest.mark.parametrize("counts", [((1,), (2,)), ((1, 2),), ((1, 2), (3, -1))])
def test_counts_of_another_shape_are_refused(counts):
    with pytest.raises(ScoreError, match="confusion counts"):
        Confusion(("a", "b"), counts)


def test_counts_over_other_labels_cannot_be_added():
    with pytest.raises(ScoreError, match="different labels"):
        Confusion.from_labels("a", "a", "ab") + Confusion.from_labels("a", "a", "ba")


@pytest.mark.parametrize("ratio", ["weighted_accuracy", "unweighted_accuracy", "macro_f1"])
def test_nothing_has_no_score(ratio):
    with pytest.raises(ScoreError, match="no utterance"):
        getattr(Confusion.from_labels([], [], LABELS), ratio)


def test_mean_over_folds_is_not_the_pooled_ratio():
    small, large = (
        Confusion.from_labels("ab", "ab", "ab"),
        Confusion.from_labels("aaab", "bbbb", "ab"),
    )
    # Folds: WA 1 and 1/4, UA 1 and 1/2; pooled WA 3/6, recalls 1/4 and 2/2.
    assert mean_over_folds([small, large]) == pytest.approx((0.625, 0.75))
    assert (small + large).weighted_accuracy == pytest.approx(0.5)
    assert (small + large).unweighted_accuracy == pytest.approx(0.625)
    with pytest.raises(ScoreError, match="no fold"):
        mean_over_folds([])


def simulate(n_speakers, seed, *, spread=0.1, n_utterances=40, accuracy=0.8):
    """Counts of speakers who differ in how well they are recognised."""
    rng = np.random.default_rng(seed)
    speakers = {}
    for number in range(n_speakers):
        chance = np.clip(rng.normal(accuracy, spread), 0, 1)
        right = rng.random(n_utterances) < chance
        references = [LABELS[i % 3] for i in range(n_utterances)]
        answers = [LABELS[(i + (not ok)) % 3] for i, ok in enumerate(right)]
        speakers[f"{number:03d}"] = Confusion.from_labels(references, answers, LABELS)
    return speakers


def pooled(speakers):
    first, *others = speakers.values()
    return sum(others, first)


def test_interval_contains_the_estimate_and_shrinks_with_more_speakers():
    widths = []
    for n_speakers in (10, 40, 160):
        speakers = simulate(n_speakers, seed=1)
        interval = speaker_interval(speakers)
        confusion = pooled(speakers)
        for (low, high), value in (
            (interval.wa, confusion.weighted_accuracy),
            (interval.ua, confusion.unweighted_accuracy),
            (interval.macro_f1, confusion.macro_f1),
        ):
            assert 0 <= low < value < high <= 1
        widths.append(interval.ua[1] - interval.ua[0])
    # Four times the speakers halve it, give or take the noise of one simulation.
    assert widths[1] < 0.75 * widths[0]
    assert widths[2] < 0.75 * widths[1]


def test_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(100):
        low, high = speaker_interval(simulate(20, seed), n_resamples=500).wa
        covered += low <= 0.8 <= high
    assert 85 <= covered <= 99


def test_interval_is_over_speakers_not_utterances():
    speakers = simulate(12, seed=3, spread=0.25)
    alone = {}
    for name, confusion in speakers.items():
        for i, j in itertools.product(range(3), range(3)):
            for number in range(confusion.counts[i][j]):
                one = Confusion.from_labels([LABELS[i]], [LABELS[j]], LABELS)
                alone[f"{name}-{i}-{j}-{number}"] = one
    assert pooled(alone) == pooled(speakers)
    low, high = speaker_interval(speakers).wa
    narrow_low, narrow_high = speaker_interval(alone).wa
    assert high - low > 1.5 * (narrow_high - narrow_low)


def test_interval_is_deterministic_and_ignores_the_order_of_speakers():
    speakers = simulate(10, seed=2)
    names = list(speakers)
    random.Random(0).shuffle(names)
    assert names != list(speakers)
    assert speaker_interval({n: speakers[n] for n in names}) == speaker_interval(speakers)
    assert speaker_interval(speakers, seed=1) != speaker_interval(speakers)


def test_interval_is_what_adding_the_drawn_speakers_gives():
    # Speaker "2" alone says joy, so many resamples lack the class.
    speakers = {
        "0": Confusion.from_labels(["anger"] * 4, ["anger", "anger", "joy", "joy"], LABELS),
        "1": Confusion.from_labels(["anger", "neutral"], ["anger", "neutral"], LABELS),
        "2": Confusion.from_labels(["joy", "joy", "neutral"], ["joy", "anger", "joy"], LABELS),
    }
    draws = np.random.default_rng(7).multinomial(3, [1 / 3] * 3, size=200)
    assert (draws[:, 2] == 0).any()
    resamples = []
    for times in draws:
        drawn = [speakers[str(s)] for s in range(3) for _ in range(times[s])]
        resamples.append(sum(drawn[1:], drawn[0]))
    interval = speaker_interval(speakers, n_resamples=200, seed=7)
    for name, attribute in (
        ("wa", "weighted_accuracy"),
        ("ua", "unweighted_accuracy"),
        ("macro_f1", "macro_f1"),
    ):
        values = [getattr(confusion, attribute) for confusion in resamples]
        assert getattr(interval, name) == pytest.approx(np.percentile(values, [2.5, 97.5]))


def test_intervals_that_mean_nothing_are_refused():
    speakers = simulate(3, seed=0)
    with pytest.raises(ScoreError, match="two speakers"):
        speaker_interval({"000": speakers["000"]})
    with pytest.raises(ScoreError, match="no utterances"):
        speaker_interval({**speakers, "x": Confusion.from_labels([], [], LABELS)})
    with pytest.raises(ScoreError, match="different labels"):
        speaker_interval({**speakers, "x": Confusion.from_labels("a", "a", "ab")})
    for options in ({"n_resamples": 0}, {"level": 1.0}, {"level": 0.0}):
        with pytest.raises(ScoreError, match="out of range"):
            speaker_interval(speakers, **options)
