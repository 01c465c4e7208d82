"""Two systems on the same utterances: hand-worked values, properties, the real command."""

import doctest
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import stored
from support.paths import ROOT

from ser_pcq.config import ProtocolConfig
from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.comparison.compare import MIN_SPEAKERS, compare, compare_seeds
from ser_pcq.evaluation.comparison.mcnemar import mcnemar
from ser_pcq.evaluation.comparison.report import compare_folders, format_comparison
from ser_pcq.evaluation.intervals import draw_speakers
from ser_pcq.evaluation.table import Predictions, UtterancePrediction
from ser_pcq.protocols.rules import Fold
from ser_pcq.protocols.split_file import SPLIT, make_split, write_split_file

LABELS = stored.LABELS


def table(speakers, labels=LABELS):
    """Predictions from `{speaker: [(reference, answer), ...]}`, one fold for each speaker."""
    shares = dict(zip(labels, np.eye(len(labels)).tolist(), strict=True))
    return Predictions(
        tuple(labels),
        tuple(
            UtterancePrediction(f"{name}_{i}", name, fold, right, answer, tuple(shares[answer]))
            for fold, (name, pairs) in enumerate(speakers.items(), start=1)
            for i, (right, answer) in enumerate(pairs)
        ),
    )


def answers(flags, speaker="s"):
    """One speaker, who always says the first label, answered rightly where the flag is true."""
    return table({speaker: [(LABELS[0], LABELS[not flag]) for flag in flags]})


def system(n_speakers, seed, *, accuracy=0.8, spread=0.0, n_utterances=40):
    """Speakers who are hard for every system alike, and by `spread` for this one."""
    own = np.random.default_rng([seed, 1])
    speakers = {}
    for number in range(n_speakers):
        shared = np.random.default_rng([number, 2]).normal(0, 0.1)
        chance = np.clip(accuracy + shared + own.normal(0, spread), 0, 1)
        right = own.random(n_utterances) < chance
        speakers[f"{number:03d}"] = [
            (LABELS[i % 3], LABELS[(i + (not ok)) % 3]) for i, ok in enumerate(right)
        ]
    return table(speakers)


def test_examples_in_the_documentation_run():
    page = ROOT / "docs" / "comparison.md"
    outcome = doctest.testfile(str(page), module_relative=False)
    assert outcome.attempted >= 3
    assert outcome.failed == 0


# ---- what is computed


def test_hand_worked_values():
    a, j, n = LABELS
    references = {"x": [a, a, a, j], "y": [a, j, n, n]}
    one = {"x": [a, j, j, j], "y": [a, j, a, a]}  # WA 4/8; recalls 2/4, 2/2, 0/2
    two = {"x": [a, a, a, n], "y": [j, j, n, a]}  # WA 5/8; recalls 3/4, 1/2, 1/2
    both = [
        table({s: list(zip(references[s], system[s], strict=True)) for s in references})
        for system in (one, two)
    ]
    result = compare(*both)
    assert result.n_utterances == 8
    assert (result.pooled["wa"].a, result.pooled["wa"].b) == (0.5, 0.625)
    assert result.pooled["wa"].difference == 0.125
    assert (result.pooled["ua"].a, result.pooled["ua"].b) == pytest.approx((0.5, 1.75 / 3))
    # A alone: x_3, y_0; B alone: x_1, x_2, y_2; the chance of 2 to 3 or less even is 1.
    test = result.tests["run"]
    assert (test.both_right, test.only_a_right, test.only_b_right, test.both_wrong) == (2, 2, 3, 1)
    assert test.p_value == 1
    x, y = result.speakers["x"], result.speakers["y"]
    assert (x.n_utterances, x.a["wa"], x.b["wa"]) == (4, 0.5, 0.75)
    assert (x.a["ua"], x.b["ua"]) == pytest.approx(((1 / 3 + 1) / 2, (1 + 0) / 2))
    assert (y.a["wa"], y.b["wa"]) == (0.5, 0.5)
    # Speaker y has all three classes, x only two.
    assert (y.a["ua"], y.b["ua"]) == pytest.approx((2 / 3, 0.5))


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [(0, 0, 1), (1, 0, 1), (0, 5, 2 / 32), (1, 5, 14 / 64), (3, 3, 1), (2, 8, 112 / 1024)],
)
def test_mcnemar_by_hand(only_a, only_b, p_value):
    test = mcnemar(
        answers([True] * only_a + [False] * only_b + [True, False]),
        answers([False] * only_a + [True] * only_b + [True, False]),
    )
    assert (test.only_a_right, test.only_b_right) == (only_a, only_b)
    assert (test.both_right, test.both_wrong) == (1, 1)
    assert test.p_value == pytest.approx(p_value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_mcnemar_is_twice_the_binomial_tail(flags):
    a, b = (answers([pair[i] for pair in flags]) for i in (0, 1))
    test = mcnemar(a, b)
    n, least = test.only_a_right + test.only_b_right, min(test.only_a_right, test.only_b_right)
    tail = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    assert test.p_value == pytest.approx(min(1, 2 * tail))
    assert test.both_right + test.both_wrong + n == len(flags)
    assert mcnemar(b, a).p_value == test.p_value


def test_the_interval_is_what_adding_the_drawn_speakers_gives():
    # Speaker "2" alone says joy, so many resamples lack the class.
    a, j, n = LABELS
    references = {"0": [a, a, a, a], "1": [a, n], "2": [j, j, n]}
    one = {"0": [a, a, j, j], "1": [a, n], "2": [j, a, j]}
    two = {"0": [a, j, j, n], "1": [n, n], "2": [j, j, n]}
    systems = [[one, two], [{"0": [a, a, a, j], "1": [a, a], "2": [a, j, n]}]]
    runs = [
        {
            f"seed_{k}": table({s: list(zip(references[s], given[s], strict=True)) for s in given})
            for k, given in enumerate(seeds)
        }
        for seeds in systems
    ]
    result = compare_seeds(*runs, n_resamples=200, seed=7)
    moved = {"wa": [], "ua": []}
    for times in draw_speakers(3, 200, 7):
        means = []
        for seeds in runs:
            ratios = []
            for run in seeds.values():
                parts = [part.confusion() for part in run.by_speaker().values()]
                drawn = [part for part, k in zip(parts, times, strict=True) for _ in range(k)]
                pooled = sum(drawn[1:], drawn[0])
                ratios.append((pooled.weighted_accuracy, pooled.unweighted_accuracy))
            means.append(np.mean(ratios, axis=0))
        for ratio, difference in zip(("wa", "ua"), means[1] - means[0], strict=True):
            moved[ratio].append(difference)
    for ratio, values in moved.items():
        expected = np.percentile(values, [2.5, 97.5])
        assert result.pooled[ratio].interval == pytest.approx(expected, abs=1e-9)


# ---- properties


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_exchanging_a_and_b_turns_everything_round(seed, n_speakers):
    a, b = system(n_speakers, seed), system(n_speakers, seed + 1)
    there, back = (compare(*pair, n_resamples=100) for pair in ((a, b), (b, a)))
    for one, other in (
        (there.pooled["wa"], back.pooled["wa"]),
        (there.pooled["ua"], back.pooled["ua"]),
    ):
        assert (one.a, one.b) == (other.b, other.a)
        assert one.difference == -other.difference
        assert one.could_be_chance == other.could_be_chance
        if n_speakers > 1:
            assert one.interval == pytest.approx([-limit for limit in other.interval[::-1]])
    forth, reverse = there.tests["run"], back.tests["run"]
    assert (forth.only_a_right, forth.p_value) == (reverse.only_b_right, reverse.p_value)
    for name, speaker in there.speakers.items():
        assert (speaker.a["wa"], speaker.a["ua"]) == (
            back.speakers[name].b["wa"],
            back.speakers[name].b["ua"],
        )


def test_a_system_is_equal_to_itself():
    runs = {f"seed_{k}": system(8, k) for k in range(3)}
    turned = dict(reversed(runs.items()))
    # In another order the seeds add up to something else in the last bits.
    for other in (runs, turned):
        result = compare_seeds(runs, other, n_resamples=200)
        for value in (result.pooled["wa"], result.pooled["ua"]):
            assert value.difference == 0
            assert value.interval == (0, 0)
            assert value.could_be_chance
        assert [test.p_value for test in result.tests.values()] == [1, 1, 1]
    assert "WA: A and B are equal." in format_comparison(result)


def test_order_of_rows_labels_and_folds_changes_nothing():
    a, b = system(6, 1), system(6, 2)
    rows = (
        replace(row, fold=row.fold % 3 + 1, probabilities=row.probabilities[::-1])
        for row in reversed(b.rows)
    )
    other = Predictions(b.labels[::-1], tuple(rows))
    assert compare(a, other) == compare(a, b)
    assert compare(a, b) == compare(a, b)
    coarse = [compare(a, b, seed=seed, n_resamples=50).pooled["ua"].interval for seed in (0, 1)]
    assert coarse[0] != coarse[1]


def width(value):
    return value.interval[1] - value.interval[0]


def test_pairing_takes_out_what_is_hard_for_both():
    # The same speakers for both: their difficulty, of 10 points, is not in the difference.
    a, b = system(12, 1, n_utterances=300), system(12, 2, n_utterances=300)
    always = replace(a, rows=tuple(replace(r, prediction=r.reference) for r in a.rows))
    paired, alone = compare(a, b), compare(a, always)
    assert width(paired.pooled["wa"]) < 0.5 * width(alone.pooled["wa"])


def test_the_interval_is_over_speakers_not_utterances():
    a, b = system(12, 1, spread=0.15), system(12, 2, spread=0.15)
    alone = [
        replace(run, rows=tuple(replace(r, speaker=r.utterance_id) for r in run.rows))
        for run in (a, b)
    ]
    assert compare(*alone).pooled["wa"].difference == compare(a, b).pooled["wa"].difference
    assert width(compare(a, b).pooled["wa"]) > 1.5 * width(compare(*alone).pooled["wa"])


def test_where_neither_is_better_the_interval_seldom_says_so():
    found = 0
    for seed in range(100):
        pair = (system(30, 2 * seed, spread=0.05), system(30, 2 * seed + 1, spread=0.05))
        found += not compare(*pair, n_resamples=400).pooled["wa"].could_be_chance
    assert found <= 13


def test_a_clear_difference_is_found():
    result = compare(system(10, 1, accuracy=0.7), system(10, 2, accuracy=0.8))
    assert result.pooled["wa"].interval[0] > 0
    assert not result.pooled["wa"].could_be_chance
    assert result.tests["run"].p_value < 0.01
    lines = format_comparison(result).splitlines()
    assert any(line.startswith("WA: B is better") and "unlikely" in line for line in lines)
    assert "10 speakers are few" in format_comparison(result)


# ---- seeds


def test_over_seeds_the_means_are_compared():
    a = {"seed_0": system(6, 1), "seed_1": system(6, 2)}
    b = {"seed_1": system(6, 3), "seed_2": system(6, 4), "seed_3": system(6, 5)}
    result = compare_seeds(a, b)
    for ratio, attribute in (("wa", "weighted_accuracy"), ("ua", "unweighted_accuracy")):
        means = [
            np.mean([getattr(run.confusion(), attribute) for run in runs.values()])
            for runs in (a, b)
        ]
        value = result.pooled[ratio]
        assert (value.a, value.b) == pytest.approx(means)
        assert value.difference == pytest.approx(means[1] - means[0])
        assert value.interval[0] <= value.difference <= value.interval[1]
    assert list(result.runs_b) == ["seed_1", "seed_2", "seed_3"]
    assert result.runs_a["seed_1"]["wa"] == a["seed_1"].confusion().weighted_accuracy
    assert result.tests == {"seed_1": mcnemar(a["seed_1"], b["seed_1"])}
    parts = [run.by_speaker()["003"].confusion().weighted_accuracy for run in b.values()]
    assert result.speakers["003"].b["wa"] == pytest.approx(np.mean(parts))


def test_a_seed_counted_twice_changes_nothing():
    a, b = system(6, 1), system(6, 2)
    once, twice = compare(a, b), compare_seeds({"x": a, "y": a}, {"x": b, "y": b})
    assert (twice.pooled["wa"], twice.pooled["ua"]) == (once.pooled["wa"], once.pooled["ua"])
    assert twice.speakers == once.speakers


def test_which_runs_are_paired():
    a, b = system(6, 1), system(6, 2)
    assert list(compare(a, b).tests) == ["run"]
    assert list(compare_seeds({"run": a}, {"seed_3": b}).tests) == ["run, seed_3"]
    none = compare_seeds({"run": a}, {"seed_0": b, "seed_1": a})
    assert none.tests == {}
    assert "McNemar's test: none" in format_comparison(none)
    two = format_comparison(compare_seeds({"x": a, "y": b}, {"x": b, "y": b}))
    assert "do not count or combine" in two


# ---- few speakers


def test_one_speaker_has_no_interval():
    result = compare(answers([True, False, False]), answers([True, True, True]))
    assert result.pooled["wa"].interval is None
    assert result.pooled["wa"].could_be_chance
    assert result.to_dict()["pooled"]["wa"]["speaker_interval_95"] is None
    text = format_comparison(result)
    assert "none: one speaker" in text
    assert "one speaker cannot show" in text
    assert "1 speakers" not in text


@pytest.mark.parametrize("n_speakers", [2, MIN_SPEAKERS - 1, MIN_SPEAKERS])
def test_too_few_speakers_settle_nothing_however_clear(n_speakers):
    a, b = system(n_speakers, 1, accuracy=0.3), system(n_speakers, 2, accuracy=0.9)
    result = compare(a, b)
    assert result.pooled["wa"].interval[0] > 0.1
    assert result.pooled["wa"].could_be_chance == (n_speakers < MIN_SPEAKERS)
    # One system leads for all speakers by luck in 2 of 2**n cases, more than 5 % below six.
    assert (2 / 2**n_speakers > 0.05) == (n_speakers < MIN_SPEAKERS)
    if n_speakers == 2:
        assert "even a lead for all of 2 speakers is luck in 50 % of cases" in format_comparison(
            result
        )


# ---- what cannot be compared


def change(predictions, name, **values):
    rows = (replace(r, **values) if r.utterance_id == name else r for r in predictions.rows)
    return replace(predictions, rows=tuple(rows))


def test_other_utterances_are_refused():
    a = stored.predictions()
    with pytest.raises(ScoreError, match=r"A and B .* same utterances; .*1 only in A: 01_00; comp"):
        compare(a, replace(a, rows=a.rows[1:]))
    renamed = change(a, "01_00", utterance_id="x")
    with pytest.raises(ScoreError, match=r"1 only in A: 01_00; 1 only in B: x;"):
        compare(a, renamed)
    less = replace(a, rows=a.rows[:-5])
    with pytest.raises(ScoreError, match=r"5 only in B: 04_05, 04_06, 04_07, \.\.\.;"):
        compare(less, a)
    with pytest.raises(ScoreError, match=r"seed_0 of A and seed_1 of A .*1 only in seed_1 of A: x"):
        compare_seeds({"seed_0": a, "seed_1": renamed}, {"seed_0": a})


def test_other_references_speakers_or_labels_are_refused():
    a = stored.predictions()
    with pytest.raises(ScoreError, match=r"in the reference of 1 of 40 .*02_03 \(anger, joy\)"):
        compare(a, change(a, "02_03", reference="joy"))
    with pytest.raises(ScoreError, match=r"in the speaker of 1 of 40 .*02_03 \(s2, other\)"):
        compare(a, change(a, "02_03", speaker="other"))
    more = stored.predictions(labels=(*LABELS, "fear"))
    with pytest.raises(ScoreError, match=r"same label set; given: 1 only in B: fear;"):
        compare(a, more)


def test_what_is_no_comparison_is_refused():
    a = stored.predictions()
    with pytest.raises(ScoreError, match=r"tested twice"):
        compare(a, replace(a, rows=(*a.rows, a.rows[0])))
    for pair, empty in (((a, replace(a, rows=())), "B"), ((replace(a, rows=()), a), "A")):
        with pytest.raises(ScoreError, match=rf"no utterances to compare; .* in {empty}"):
            compare(*pair)
    with pytest.raises(ScoreError, match=r"nothing to compare; given: 0 and 1 runs"):
        compare_seeds({}, {"run": a})
    with pytest.raises(ScoreError, match=r"n_resamples is out of range"):
        compare(a, a, n_resamples=0)


# ---- the command


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Plain folders `a` and `b`, and `seeds` with two seeds."""
    folder = tmp_path_factory.mktemp("compare")
    stored.write_experiment(folder / "a", stored.predictions(7, accuracy=0.4))
    stored.write_experiment(folder / "b", stored.predictions(7, accuracy=0.9, seed=1))
    for seed in (0, 1):
        table = stored.predictions(7, accuracy=0.6, seed=seed)
        stored.write_experiment(folder / "seeds" / f"seed_{seed}", table)
    return folder


def test_the_command_says_which_is_better_and_writes_nothing(folders, command):
    before = sorted(folders.rglob("*"))
    done = command("eval", "--compare", folders / "a", folders / "b")
    assert (done.returncode, done.stderr) == (0, "")
    result = compare(
        stored.predictions(7, accuracy=0.4), stored.predictions(7, accuracy=0.9, seed=1)
    )
    lines = done.stdout.splitlines()
    assert lines[0] == f"A: {folders / 'a'} (one run; protocol leave-one-speaker-out)"
    shown = next(line for line in lines if line.startswith("pooled WA")).split()
    assert float(shown[2]) == round(100 * result.pooled["wa"].a, 2)
    assert float(shown[4]) == round(100 * result.pooled["wa"].b, 2)
    assert float(shown[6]) == pytest.approx(100 * result.pooled["wa"].difference, abs=0.0051)
    low, high = (float(cell.strip("[],")) for cell in shown[7:])
    assert (low, high) == pytest.approx([100 * x for x in result.pooled["wa"].interval], abs=0.0051)
    verdict = next(line for line in lines if line.startswith("WA: "))
    assert verdict.startswith(
        f"WA: B is better by {100 * result.pooled['wa'].difference:.2f} points"
    )
    assert "7 speakers are few" in done.stdout
    assert max(map(len, lines[2:])) <= 100
    assert sorted(folders.rglob("*")) == before


def test_the_command_on_seeds_in_json(folders, tmp_path, command):
    out = tmp_path / "deep" / "out"
    options = ("--format", "json", "--output-dir", out)
    done = command("eval", "--compare", folders / "a", folders / "seeds", *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"wrote {out / 'comparison.json'}\n"
    found = json.loads(done.stdout)
    assert found == json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert [path.name for path in out.iterdir()] == ["comparison.json"]
    seeds = {f"seed_{k}": stored.predictions(7, accuracy=0.6, seed=k) for k in (0, 1)}
    expected = compare_seeds({"run": stored.predictions(7, accuracy=0.4)}, seeds)
    for ratio in ("wa", "ua"):
        value, wanted = found["pooled"][ratio], expected.pooled[ratio]
        assert value["b_minus_a"] == pytest.approx(value["b"] - value["a"], abs=2e-6)
        assert value["b_minus_a"] == round(wanted.difference, 6)
        assert value["speaker_interval_95"] == pytest.approx(wanted.interval, abs=1e-6)
        assert value["could_be_chance"] is wanted.could_be_chance
    assert found["a"]["name"] == str(folders / "a")
    assert list(found["b"]["runs"]) == ["seed_0", "seed_1"]
    assert found["b"]["protocol"] == "leave-one-speaker-out"
    assert (found["n_utterances"], found["n_speakers"]) == (70, 7)
    assert found["mcnemar"] == {}
    assert found["warnings"] == []
    assert list(found["speakers"]) == [f"s{number}" for number in range(1, 8)]


def test_another_protocol_is_a_warning(folders, tmp_path, command):
    table = stored.predictions(7, accuracy=0.9, seed=1)
    other = stored.write_experiment(tmp_path / "other", table, protocol="random")
    bare = stored.write_experiment(tmp_path / "bare", table, split=False)
    for b, name in ((other, "random"), (bare, "not recorded")):
        done = command("eval", "--compare", folders / "a", b, "--format", "json")
        assert done.returncode == 0, done.stderr
        warning = f"ser-eval: warning: the protocols differ (A leave-one-speaker-out, B {name})"
        assert done.stderr.splitlines()[0].startswith(warning)
        assert json.loads(done.stdout)["warnings"][0].startswith("the protocols differ")


def test_a_leak_is_a_warning(folders, tmp_path):
    table = stored.predictions(7, accuracy=0.9, seed=1)
    leaky = stored.write_experiment(tmp_path / "leaky", table)
    ids = tuple(row.utterance_id for row in table.rows)
    folds = [
        Fold(n, f"s{n}", ids, (), tuple(row.utterance_id for row in part.rows))
        for n, part in table.by_fold().items()
    ]
    write_split_file(leaky / SPLIT, make_split(folds, ProtocolConfig(), None))
    warnings = compare_folders(folders / "a", leaky).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("B leaks: same-utterance")


def test_what_the_command_refuses(folders, tmp_path, command):
    alone = command("eval", "--compare", folders / "a")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "two experiment folders" in alone.stderr
    less = stored.write_experiment(tmp_path / "less", stored.predictions(6))
    done = command("eval", "--compare", folders / "a", less)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ser-eval: A and B do not have the same utterances; given: 10 ")
    assert done.stderr.count("\n") == 1
    (tmp_path / "file").write_text("", encoding="utf-8")
    blocked = command("eval", "--compare", less, less, "--output-dir", tmp_path / "file")
    assert (blocked.returncode, blocked.stdout) == (1, "")
    assert "cannot write the comparison" in blocked.stderr
    assert blocked.stderr.count("\n") == 1
