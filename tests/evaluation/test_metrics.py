"""Counts and ratios: hand-worked values, agreement with scikit-learn, properties."""

import csv
import doctest
import itertools
import random

import audmetric
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)
from support.paths import ROOT

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation import metrics
from ser_pcq.evaluation.intervals import draw_speakers, speaker_interval
from ser_pcq.evaluation.metrics import Confusion, mean_over_folds

LABELS = ("anger", "joy", "neutral")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1)


@st.composite
def cases(draw):
    """References, predictions and a label set, often with classes that one or both lack."""
    labels = [f"label{i}" for i in range(draw(st.integers(2, 8)))]
    spoken, answered = (
        st.sampled_from(draw(st.lists(st.sampled_from(labels), min_size=1, unique=True)))
        for _ in range(2)
    )
    pairs = draw(st.lists(st.tuples(spoken, st.one_of(spoken, answered)), min_size=1, max_size=60))
    return [r for r, _ in pairs], [p for _, p in pairs], labels


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
    page = ROOT / "docs" / "scoring.md"
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


def test_one_class_alone():
    # All four say joy; two are right, the other answers have no reference to be right for.
    confusion = Confusion.from_labels(["joy"] * 4, ["joy", "anger", "joy", "neutral"], LABELS)
    assert confusion.weighted_accuracy == confusion.unweighted_accuracy == 0.5
    assert confusion.macro_f1 == pytest.approx(2 * 2 / (2 * 2 + 0 + 2))
    assert confusion.recalls == {"anger": None, "joy": 0.5, "neutral": None}
    assert confusion.precisions == {"anger": 0.0, "joy": 1.0, "neutral": 0.0}
    wrong = Confusion.from_labels(["joy"], ["anger"], LABELS)
    assert (wrong.weighted_accuracy, wrong.unweighted_accuracy, wrong.macro_f1) == (0, 0, 0)


def test_folds_of_one_class_each():
    # Recalls: anger 3/4 and joy 1/1; pooled they weigh the same, whatever the size of the fold.
    folds = [
        Confusion.from_labels(["anger"] * 4, ["anger", "anger", "anger", "joy"], LABELS),
        Confusion.from_labels(["joy"], ["joy"], LABELS),
    ]
    assert mean_over_folds(folds) == {"wa": 0.875, "ua": 0.875}
    pooled = folds[0] + folds[1]
    assert pooled.weighted_accuracy == 0.8
    assert pooled.unweighted_accuracy == 0.875
    # The wrong answer "joy" costs the pooled F1 of joy: F1 = 6/7 and 2/3.
    assert pooled.macro_f1 == pytest.approx((6 / 7 + 2 / 3) / 2)


def test_one_fold_is_its_own_mean():
    fold = Confusion.from_labels(["anger", "joy", "joy"], ["anger", "anger", "joy"], LABELS)
    assert mean_over_folds([fold]) == {
        "wa": fold.weighted_accuracy,
        "ua": fold.unweighted_accuracy,
    }


# ---- other libraries


@settings(max_examples=150, deadline=None)
@given(cases())
def test_agrees_with_scikit_learn_also_with_absent_classes(case):
    references, predictions, labels = case
    confusion = Confusion.from_labels(references, predictions, labels)
    expected = confusion_matrix(references, predictions, labels=labels)
    assert np.array_equal(confusion.as_array(), expected)
    assert confusion.weighted_accuracy == pytest.approx(accuracy_score(references, predictions))
    # The rule for absent classes is scikit-learn's when it is given the classes of the reference.
    present = {"labels": sorted(set(references)), "zero_division": 0}
    recall = recall_score(references, predictions, average="macro", **present)
    assert confusion.unweighted_accuracy == pytest.approx(recall)
    f1 = f1_score(references, predictions, average="macro", **present)
    assert confusion.macro_f1 == pytest.approx(f1)
    each = recall_score(references, predictions, average=None, **present)
    assert [confusion.recalls[label] for label in present["labels"]] == pytest.approx(each)
    answered = sorted(set(predictions))
    each = precision_score(references, predictions, average=None, labels=answered)
    assert [confusion.precisions[label] for label in answered] == pytest.approx(each)


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label was found")
@settings(max_examples=100, deadline=None)
@given(cases())
def test_balanced_accuracy_follows_the_same_rule(case):
    references, predictions, labels = case
    confusion = Confusion.from_labels(references, predictions, labels)
    balanced = balanced_accuracy_score(references, predictions)
    assert confusion.unweighted_accuracy == pytest.approx(balanced)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_agrees_with_audmetric_but_for_absent_classes(case):
    references, predictions, labels = case
    confusion = Confusion.from_labels(references, predictions, labels)
    expected = audmetric.confusion_matrix(references, predictions, labels=labels)
    assert confusion.counts == tuple(map(tuple, expected))
    accuracy = audmetric.accuracy(references, predictions)
    assert confusion.weighted_accuracy == pytest.approx(accuracy)
    # audmetric takes the mean over all classes that the reference or the predictions hold, and a
    # class without reference counts as 0: its figure is ours times the share of present classes.
    present, held = set(references), set(references) | set(predictions)
    share = len(present) / len(held)
    recall = audmetric.unweighted_average_recall(references, predictions)
    assert confusion.unweighted_accuracy * share == pytest.approx(recall)
    f1 = audmetric.unweighted_average_fscore(references, predictions)
    assert confusion.macro_f1 * share == pytest.approx(f1)
    # scikit-learn does the same where it is not given the classes.
    assert f1_score(references, predictions, average="macro") == pytest.approx(f1)
    # Told the label set, audmetric takes the mean over all of it.
    share = len(present) / len(labels)
    recall = audmetric.unweighted_average_recall(references, predictions, labels=labels)
    assert confusion.unweighted_accuracy * share == pytest.approx(recall)
    each = audmetric.recall_per_class(references, predictions, labels=labels)
    assert {label: value or 0 for label, value in confusion.recalls.items()} == pytest.approx(each)
    each = audmetric.precision_per_class(references, predictions, labels=labels)
    shares = {label: value or 0 for label, value in confusion.precisions.items()}
    assert shares == pytest.approx(each)


def test_audmetric_forgets_answers_outside_the_labels_it_is_given():
    # Right: recalls 1/3 and 1/2. audmetric drops the answers "2", as if nobody had been asked.
    references, predictions = list("00011"), list("02112")
    confusion = Confusion.from_labels(references, predictions, "012")
    assert confusion.unweighted_accuracy == pytest.approx((1 / 3 + 1 / 2) / 2)
    found = audmetric.unweighted_average_recall(references, predictions, labels=["0", "1"])
    assert found == pytest.approx((1 / 2 + 1) / 2)


COMMITTED = sorted((ROOT / "recipes").glob("*/results/*/*/seed_*/predictions.csv"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_agrees_with_both_on_the_committed_predictions(path):
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    references, predictions = ([row[key] for row in rows] for key in ("reference", "prediction"))
    present, labels = set(references), sorted({*references, *predictions})
    confusion = Confusion.from_labels(references, predictions, labels)
    assert confusion.weighted_accuracy == pytest.approx(accuracy_score(references, predictions))
    assert confusion.weighted_accuracy == pytest.approx(audmetric.accuracy(references, predictions))
    # A model of several corpora also answers emotions that the tested one has not: the field's
    # libraries count their recall as 0, we take the mean over the emotions that are there.
    share = len(present) / len(labels)
    recall = recall_score(references, predictions, average="macro", zero_division=0)
    for found in (recall, audmetric.unweighted_average_recall(references, predictions)):
        assert confusion.unweighted_accuracy * share == pytest.approx(found)
    if share == 1:
        found = balanced_accuracy_score(references, predictions)
        assert confusion.unweighted_accuracy == pytest.approx(found)
    for found in (
        f1_score(references, predictions, average="macro", labels=sorted(present)),
        audmetric.unweighted_average_fscore(references, predictions) / share,
    ):
        assert confusion.macro_f1 == pytest.approx(found)


# ---- properties


@settings(max_examples=50, deadline=None)
@given(PAIRS, st.sampled_from(LABELS))
def test_saying_a_class_more_often_changes_no_recall(pairs, label):
    more = pairs + [pair for pair in pairs if pair[0] == label]
    assert count(more).recalls == count(pairs).recalls
    assert count(more).unweighted_accuracy == pytest.approx(count(pairs).unweighted_accuracy)


@settings(max_examples=50, deadline=None)
@given(PAIRS)
def test_weighted_accuracy_is_the_recall_weighted_by_how_often_a_class_is_said(pairs):
    confusion = count(pairs)
    shares = [sum(r == label for r, _ in pairs) / len(pairs) for label in LABELS]
    recalls = [confusion.recalls[label] or 0 for label in LABELS]
    assert confusion.weighted_accuracy == pytest.approx(np.dot(shares, recalls))


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
    assert mean_over_folds([small, large]) == pytest.approx({"wa": 0.625, "ua": 0.75})
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


def test_interval_of_two_speakers_by_hand():
    # Of two speakers a draw is one of them twice (1/4 each) or both (1/2).
    speakers = {
        "all right": Confusion.from_labels(["anger"] * 4, ["anger"] * 4, LABELS),
        "half right": Confusion.from_labels(["joy"] * 4, ["joy", "joy", "anger", "anger"], LABELS),
    }
    assert speaker_interval(speakers)["wa"] == (0.5, 1)
    assert speaker_interval(speakers, level=0.4)["wa"] == (0.75, 0.75)
    # Drawn alone, a speaker has one class; together F1 is 8/10 and 4/6.
    assert speaker_interval(speakers)["ua"] == (0.5, 1)
    assert speaker_interval(speakers)["macro_f1"] == pytest.approx((4 / 6, 1))
    assert speaker_interval(speakers, level=0.4)["macro_f1"] == pytest.approx(
        ((8 / 10 + 4 / 6) / 2,) * 2
    )


def test_speakers_who_are_all_alike_leave_no_interval():
    speakers = {f"s{i}": Confusion.from_labels("aab", "abb", "ab") for i in range(5)}
    interval = speaker_interval(speakers)
    assert interval["wa"] == pytest.approx((2 / 3, 2 / 3))
    assert interval["ua"] == pytest.approx((0.75, 0.75))


def test_as_many_speakers_are_drawn_as_there_are():
    draws = draw_speakers(7, 5000, 0)
    assert draws.shape == (5000, 7)
    assert (draws.sum(axis=1) == 7).all()
    # Each speaker once on average, and missing in (6/7)**7 of the draws.
    assert draws.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert (draws == 0).mean() == pytest.approx((6 / 7) ** 7, abs=0.01)


def test_interval_contains_the_estimate_and_shrinks_with_more_speakers():
    widths = []
    for n_speakers in (10, 40, 160):
        speakers = simulate(n_speakers, seed=1)
        interval = speaker_interval(speakers)
        confusion = pooled(speakers)
        for (low, high), value in (
            (interval["wa"], confusion.weighted_accuracy),
            (interval["ua"], confusion.unweighted_accuracy),
            (interval["macro_f1"], confusion.macro_f1),
        ):
            assert 0 <= low < value < high <= 1
        widths.append(interval["ua"][1] - interval["ua"][0])
    # Four times the speakers halve it, give or take the noise of one simulation.
    assert widths[1] < 0.75 * widths[0]
    assert widths[2] < 0.75 * widths[1]


def test_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(100):
        low, high = speaker_interval(simulate(20, seed), n_resamples=500)["wa"]
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
    low, high = speaker_interval(speakers)["wa"]
    narrow_low, narrow_high = speaker_interval(alone)["wa"]
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
        assert interval[name] == pytest.approx(np.percentile(values, [2.5, 97.5]))


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
