"""Scores among some emotions, and of each corpus by itself."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.calibration import fit_temperature
from ser_pcq.evaluation.fold_scores import fold_scores, format_fold_scores
from ser_pcq.evaluation.report import format_report
from ser_pcq.evaluation.restricted import of_labels
from ser_pcq.evaluation.scores import score
from ser_pcq.evaluation.table import Predictions, UtterancePrediction
from ser_pcq.protocols.proof import Proof

LABELS = ("anger", "fear", "neutral", "sadness")


def table(rows):
    """Predictions from (reference, probabilities), speakers and folds in turn."""
    made = []
    for i, (reference, shares) in enumerate(rows):
        total = sum(shares)
        probabilities = tuple(s / total for s in shares)
        answer = LABELS[max(range(4), key=probabilities.__getitem__)]
        speaker, fold = f"s{i % 4}", 1 + i % 2
        made.append(
            UtterancePrediction(f"u{i:03d}", speaker, fold, reference, answer, probabilities)
        )
    return Predictions(LABELS, tuple(made))


ROWS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.lists(st.floats(0.01, 1), min_size=4, max_size=4)),
    min_size=8,
    max_size=30,
)


@given(ROWS)
@settings(deadline=None)
def test_the_model_chooses_among_the_given_emotions_alone(rows):
    whole = table([("anger", [1, 1, 1, 1]), *rows])
    part = of_labels(whole, ["sadness", "anger"])
    assert part.labels == ("anger", "sadness")  # in the model's order
    known = {row.utterance_id: row for row in whole.rows}
    assert len(part.rows) == sum(row.reference in part.labels for row in whole.rows)
    for row in part.rows:
        before = known[row.utterance_id].probabilities
        assert sum(row.probabilities) == pytest.approx(1)
        assert row.probabilities[0] * before[3] == pytest.approx(row.probabilities[1] * before[0])
        assert row.prediction == part.labels[row.probabilities.index(max(row.probabilities))]


def test_all_emotions_leave_everything_as_it_is():
    whole = table([("anger", [3, 1, 1, 1]), ("fear", [1, 2, 4, 1])])
    for row, before in zip(of_labels(whole, LABELS).rows, whole.rows, strict=True):
        assert row.prediction == before.prediction
        assert row.probabilities == pytest.approx(before.probabilities)


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        (["anger"], "too few"),
        (["anger", "joy"], "no such emotion"),
        (["fear", "neutral"], "no utt"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, wrong):
    with pytest.raises(ScoreError, match=wrong):
        of_labels(table([("anger", [3, 1, 1, 1])]), labels)


def test_a_fold_is_scored_as_if_it_were_alone():
    rows = [(LABELS[i // 2 % 4], [1 + (i * k) % 5 for k in range(4)]) for i in range(40)]
    whole = table(rows)
    folds = fold_scores(whole, {1: "one", 2: "two"})
    assert [fold.tested for fold in folds] == ["one", "two"]
    for fold, part in zip(folds, whole.by_fold().values(), strict=True):
        assert fold.n_utterances == len(part.rows)
        assert fold.ua == part.confusion().unweighted_accuracy
        assert fold.interval[0] <= fold.ua <= fold.interval[1]
    lines = format_fold_scores(folds)
    assert len({len(line) for line in lines[1:]}) == 1  # columns


def test_an_emotion_of_one_corpus_alone_is_not_held_against_the_others():
    """No model has learnt it where this corpus is left out."""
    rows = [(LABELS[i % 3], [1 + (i * k) % 5 for k in range(4)]) for i in range(40)]
    more = [("sadness", [1, 1, 1, 2])] * 8  # every second one of them in the first fold
    whole = table([*rows, *more])
    kept = tuple(r for r in whole.rows if r.reference != "sadness" or r.fold == 1)
    one, two = fold_scores(Predictions(LABELS, kept), {1: "one", 2: "two"})
    assert (one.labels, one.left_out) == (LABELS[:3], 4)
    assert (two.labels, two.left_out) == (LABELS[:3], 0)
    assert "4 utterances" in format_fold_scores((one, two))[-1]


def test_a_corpus_that_cannot_be_scored_is_named():
    rows = [(LABELS[i // 2 % 4], [1 + (i * k) % 5 for k in range(4)]) for i in range(40)]
    proof = Proof(protocol="leave-one-corpus-out", corpora={1: "one", 2: "two"})
    assert "not scored" not in format_report(score(table(rows), proof))
    # The second corpus has one emotion alone.
    kept = tuple(r for r in table(rows).rows if r.fold == 1 or r.reference == "fear")
    text = format_report(score(Predictions(LABELS, kept), proof))
    assert "not scored, fewer than two shared emotions: one, two" in text


def test_the_command_scores_stored_predictions_among_some_emotions(command, tmp_path):
    from ser_pcq.evaluation.table import write_predictions

    whole = table([(LABELS[i % 4], [1 + (i * k) % 5 for k in range(4)]) for i in range(40)])
    path = tmp_path / "exp" / "predictions.csv"
    path.parent.mkdir()
    write_predictions(path, whole)
    before = path.read_bytes()
    done = command("eval", path.parent, "--labels", "anger, sadness", "--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["labels"] == ["anger", "sadness"]
    assert said["n_utterances"] == 20
    assert "chose among anger, sadness only; 20 utterances" in said["notes"][0]
    assert [p.name for p in path.parent.iterdir()] == ["predictions.csv"]
    assert path.read_bytes() == before
    done = command("eval", path.parent, "--labels", "anger,sadness", "--output-dir", tmp_path)
    assert done.returncode == 2
    done = command("eval", path.parent, "--labels", "")  # an empty variable of a script
    assert done.returncode == 1
    assert "two or more" in done.stderr
    assert [p.name for p in path.parent.iterdir()] == ["predictions.csv"]


@given(st.integers(1, 5))
@settings(deadline=None)
def test_a_weight_is_so_many_utterances(times):
    logits = [[2.0, 0.0], [1.0, 0.5], [0.0, 1.0], [0.2, 0.0]]
    right = [0, 1, 1, 0]
    found = fit_temperature(logits, right, weights=[times, 1, 1, 1], prior_observations=0)
    again = fit_temperature(
        [logits[0]] * times + logits[1:], [0] * times + right[1:], prior_observations=0
    )
    assert found == pytest.approx(again, rel=1e-3)


def test_a_prior_takes_part_in_the_fit():
    """What is added after the temperature is what the temperature is fitted for."""
    logits, right = [[2.0, 0.0], [1.5, 0.0], [0.5, 0.0], [1.0, 0.0]], [0, 0, 1, 1]
    plain = fit_temperature(logits, right)
    told = fit_temperature(logits, right, log_prior=[-1.0, 0.0])
    assert told != pytest.approx(plain, rel=1e-3)
    assert fit_temperature(logits, right, log_prior=[0.0, 0.0]) == plain


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ScoreError, match="weights"):
        fit_temperature([[1.0, 0.0], [0.0, 1.0]], [0, 1], weights=weights)
