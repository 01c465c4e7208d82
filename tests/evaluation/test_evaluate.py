"""`ser-eval`: what an experiment folder must hold, and the real command on it."""

import json
import subprocess
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from support import stored

from ser_pcq.cli import eval as command
from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.calibration import calibration_of
from ser_pcq.evaluation.collect import collect, collect_seeds, holds_seeds
from ser_pcq.evaluation.figures import (
    confusion_figure,
    reliability_figure,
    risk_coverage_figure,
    save_figure,
)
from ser_pcq.evaluation.metrics import Confusion
from ser_pcq.evaluation.report import TEXT_WIDTH, format_confusion, format_report, write_report
from ser_pcq.evaluation.risk_coverage import risk_coverage_of
from ser_pcq.evaluation.scores import score, score_seeds
from ser_pcq.evaluation.table import (
    Predictions,
    UtterancePrediction,
    read_predictions,
    write_predictions,
)
from ser_pcq.protocols.proof import Proof, prove

LABELS = ("anger", "joy", "neutral")
FIGURES = ["confusion.png", "reliability.png", "risk_coverage.png"]
WRITTEN = ["scores.json", "predictions.csv", "confusion.txt", *FIGURES]
FILES = sorted(WRITTEN)


def fold_predictions(number, *, n_utterances=10, seed=0, labels=LABELS):
    """Predictions of fold `number`, whose only speaker has that number; about 7 of 10 right."""
    rng = np.random.default_rng([seed, number])
    rows = []
    for i in range(n_utterances):
        shares = rng.dirichlet(np.ones(len(labels)) / 2)
        reference = labels[i % len(labels)]
        if rng.random() < 0.6:
            shares = np.roll(np.sort(shares), 1 + i % len(labels))
        best = labels[int(shares.argmax())]
        name = f"{number:02d}_{i:02d}"
        rows.append(
            UtterancePrediction(name, f"s{number}", number, reference, best, tuple(shares.tolist()))
        )
    return Predictions(labels, tuple(rows))


def write_experiment(folder, *, n_folds=4, seed=0, split=True):
    """An experiment folder as training leaves it."""
    folds = {n: fold_predictions(n, seed=seed) for n in range(1, n_folds + 1)}
    for number, predictions in folds.items():
        write_predictions(folder / f"fold_{number:02d}" / "predictions.csv", predictions)
    if split:
        ids = {n: [row.utterance_id for row in part.rows] for n, part in folds.items()}
        stored.write_split(folder, ids)
    return folder


def ser_eval(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "ser_pcq.cli.eval", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_here(monkeypatch, capsys, *arguments):
    """Run the command in this process, which saves its start; returns (code, stdout, stderr)."""
    monkeypatch.setattr(sys, "argv", ["ser-eval", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        command.main()
    streams = capsys.readouterr()
    return stop.value.code or 0, streams.out, streams.err


# ---- collecting


def test_folds_are_merged(tmp_path):
    exp = write_experiment(tmp_path / "exp")
    predictions = collect(exp)
    assert list(predictions.by_fold()) == [1, 2, 3, 4]
    assert len(predictions.rows) == 40
    assert prove(exp).protocol == "leave-one-speaker-out"
    assert not holds_seeds(exp)


def test_a_single_table_is_read(tmp_path):
    write_predictions(tmp_path / "predictions.csv", fold_predictions(1))
    assert collect(tmp_path) == read_predictions(tmp_path / "predictions.csv")
    assert prove(tmp_path).protocol is None


def test_fold_folders_come_before_a_report(tmp_path):
    exp = write_experiment(tmp_path)
    write_predictions(exp / "predictions.csv", fold_predictions(9))
    assert list(collect(exp).by_fold()) == [1, 2, 3, 4]


@pytest.mark.parametrize("split", [True, False])
def test_missing_folds_are_named(tmp_path, split):
    exp = write_experiment(tmp_path, split=split)
    for number in (2, 3):
        (exp / f"fold_{number:02d}" / "predictions.csv").unlink()
    (exp / "fold_03").rmdir()
    with pytest.raises(ScoreError, match=r"without predictions.*: 2, 3; .*ser-train.* --fold 2"):
        collect(exp)


def test_missing_last_fold_is_known_from_the_split(tmp_path):
    exp = write_experiment(tmp_path)
    (exp / "fold_04" / "predictions.csv").unlink()
    (exp / "fold_04").rmdir()
    with pytest.raises(ScoreError, match=r"without predictions.*: 4; "):
        collect(exp)


def test_missing_folds_in_a_single_table(tmp_path):
    whole = collect(write_experiment(tmp_path / "whole"))
    part = tmp_path / "part"
    rows = tuple(row for row in whole.rows if row.fold != 3)
    write_predictions(part / "predictions.csv", replace(whole, rows=rows))
    assert len(collect(part).rows) == 30
    (tmp_path / "whole" / "split.json").rename(part / "split.json")
    with pytest.raises(ScoreError, match=r"without predictions.*: 3; "):
        collect(part)


def test_a_foreign_fold_is_refused(tmp_path):
    exp = write_experiment(tmp_path)
    write_predictions(exp / "fold_07" / "predictions.csv", fold_predictions(7))
    with pytest.raises(ScoreError, match=r"not in .*split.json: 7; "):
        collect(exp)


def test_rows_of_another_fold_are_refused(tmp_path):
    exp = write_experiment(tmp_path)
    write_predictions(exp / "fold_02" / "predictions.csv", fold_predictions(3))
    with pytest.raises(ScoreError, match=r"fold_02/predictions.csv holds rows of another fold.*3"):
        collect(exp)


def test_an_utterance_of_two_folds_is_refused(tmp_path):
    exp = write_experiment(tmp_path, split=False)
    second = fold_predictions(2)
    twice = replace(second.rows[0], utterance_id="01_00")
    write_predictions(
        exp / "fold_02" / "predictions.csv", replace(second, rows=(twice, *second.rows[1:]))
    )
    with pytest.raises(ScoreError, match=r"tested twice.*01_00 in fold 1 and in fold 2"):
        collect(exp)


def test_a_fold_must_hold_exactly_its_test_set(tmp_path):
    exp = write_experiment(tmp_path)
    path, second = exp / "fold_02" / "predictions.csv", fold_predictions(2)
    write_predictions(path, replace(second, rows=second.rows[5:]))
    with pytest.raises(
        ScoreError, match=r"fold 2 .*lacks .*5 of them: 02_00, 02_01, 02_02, \.\.\."
    ):
        collect(exp)
    more = replace(second.rows[0], utterance_id="02_99")
    write_predictions(path, replace(second, rows=(*second.rows, more)))
    with pytest.raises(
        ScoreError, match=r"fold 2 .*not in its test set.*1 of them: 02_99; .*--fold 2"
    ):
        collect(exp)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"protocol": "x"}', '{"protocol": "x", "folds": [1]}']
)
def test_a_damaged_split_is_refused(tmp_path, text):
    exp = write_experiment(tmp_path)
    (exp / "split.json").write_text(text, encoding="utf-8")
    with pytest.raises(ScoreError, match=r"(damaged|no hash); given: .*split.json"):
        collect(exp)


def test_seeds(tmp_path):
    for seed in (10, 2):
        write_experiment(tmp_path / f"seed_{seed}", seed=seed)
    assert holds_seeds(tmp_path)
    seeds = collect_seeds(tmp_path)
    assert list(seeds) == ["seed_2", "seed_10"]
    scores = score_seeds(seeds)
    values = [scores.seeds[name].ratios["ua"] for name in seeds]
    assert values[0] != values[1]
    mean, deviation = scores.over_seeds("ua")
    assert mean == pytest.approx(np.mean(values))
    assert deviation == pytest.approx(np.std(values, ddof=1))
    assert score_seeds({"seed_2": seeds["seed_2"]}).over_seeds("ua") == (values[0], None)


def test_seeds_must_have_tested_the_same(tmp_path):
    write_experiment(tmp_path / "seed_0")
    write_experiment(tmp_path / "seed_1", n_folds=3)
    with pytest.raises(ScoreError, match=r"seed_0 and seed_1 .*different utterances"):
        collect_seeds(tmp_path)
    (tmp_path / "seed_1" / "fold_02" / "predictions.csv").unlink()
    with pytest.raises(ScoreError, match=r"without predictions in .*seed_1: 2"):
        collect_seeds(tmp_path)
    with pytest.raises(ScoreError, match=r"no seeds"):
        collect_seeds(tmp_path / "seed_0")


# ---- scoring


def test_pooled_and_mean_over_folds_are_different_things():
    first = fold_predictions(1, n_utterances=4)
    second = fold_predictions(2, n_utterances=31)
    scores = score(Predictions(LABELS, first.rows + second.rows), Proof("p"))
    parts = [first.confusion(), second.confusion()]
    assert scores.confusion == parts[0] + parts[1]
    assert scores.ratios["wa"] == scores.confusion.weighted_accuracy
    assert scores.mean_over_folds["wa"] == pytest.approx(
        (parts[0].weighted_accuracy + parts[1].weighted_accuracy) / 2
    )
    assert scores.mean_over_folds["ua"] == pytest.approx(
        (parts[0].unweighted_accuracy + parts[1].unweighted_accuracy) / 2
    )
    ratios = [
        scores.ratios["wa"],
        scores.ratios["ua"],
        scores.mean_over_folds["wa"],
        scores.mean_over_folds["ua"],
    ]
    assert len({round(ratio, 3) for ratio in ratios}) == 4
    stored = scores.to_dict()
    assert [stored["pooled"][r] for r in ("wa", "ua")] == pytest.approx(ratios[:2], abs=1e-6)
    averaged = stored["mean_over_folds"]
    assert [averaged[r] for r in ("wa", "ua")] == pytest.approx(ratios[2:], abs=1e-6)
    assert (scores.n_utterances, scores.n_folds, scores.n_speakers) == (35, 2, 2)
    assert scores.protocol == "p"
    assert scores.intervals is not None
    assert scores.intervals["wa"][0] <= scores.ratios["wa"] <= scores.intervals["wa"][1]


def test_one_speaker_has_no_interval():
    scores = score(fold_predictions(1))
    assert scores.intervals is None
    assert scores.to_dict()["speaker_interval_95"] is None
    assert "none: one speaker" in format_report(scores)
    with pytest.raises(ScoreError, match=r"no utterance|no fold"):
        score(Predictions(LABELS, ()))


def test_the_order_of_rows_changes_no_score():
    rows = fold_predictions(1).rows + fold_predictions(2).rows
    assert score(Predictions(LABELS, rows)) == score(Predictions(LABELS, rows[::-1]))


def test_the_report_shows_an_absent_class_with_a_dash():
    rows = tuple(r for r in fold_predictions(1).rows if r.reference != "joy")
    report = format_report(score(Predictions(LABELS, rows)))
    line = next(line for line in report.splitlines() if line.startswith("joy "))
    assert line.split()[:3] == ["joy", "0", "-"]
    # Utterances, recall, precision: 2 of 3 and 2 of 2 for a, 1 of 1 and 1 of 2 for b.
    rows = [
        UtterancePrediction(f"u{i}", "s", 1, r, p, (0.5, 0.5))
        for i, (r, p) in enumerate(zip("aaab", "aabb", strict=True))
    ]
    lines = format_report(score(Predictions(("a", "b"), tuple(rows)))).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("label"))
    assert lines[start].split() == ["label", "utterances", "recall", "precision"]
    assert lines[start + 1].split() == ["a", "3", "66.67", "%", "100.00", "%"]
    assert lines[start + 2].split() == ["b", "1", "100.00", "%", "50.00", "%"]


def test_the_text_of_a_confusion_matrix():
    confusion = Confusion.from_labels("aab", "aba", "ab")
    assert format_confusion(confusion).splitlines()[1:] == ["   a  b", "a  1  1", "b  1  0"]


@pytest.mark.parametrize(("n_labels", "length"), [(2, 3), (7, 9), (8, 12), (12, 30), (15, 5)])
def test_reports_fit_the_terminal(n_labels, length):
    labels = tuple(f"{chr(97 + i)}{'x' * (length - 1)}" for i in range(n_labels))
    rows = fold_predictions(1, n_utterances=60, labels=labels).rows
    rows += fold_predictions(2, n_utterances=60, labels=labels).rows
    lines = format_report(score(Predictions(labels, rows), Proof("leave-one-session-out")))
    assert max(map(len, lines.splitlines())) <= TEXT_WIDTH
    matrix = lines.splitlines()[-n_labels:]
    assert len({len(line) for line in matrix}) == 1
    total = sum(int(cell) for line in matrix for cell in line.split()[-n_labels:])
    assert total == 120


def test_equal_figures_give_equal_bytes(tmp_path):
    for name, answers in (("one", "abb"), ("two", "abb"), ("other", "aba")):
        confusion = Confusion.from_labels("abb", answers, "ab")
        save_figure(confusion_figure(confusion), tmp_path / f"{name}.png")
    one, two, other = ((tmp_path / f"{n}.png").read_bytes() for n in ("one", "two", "other"))
    assert one == two != other
    assert b"Software" not in one
    figure = confusion_figure(Confusion.from_labels("abb", "aba", "ab"))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("prediction", "reference")
    assert axes.get_title() == "WA 66.67 %, UA 75.00 %, 3 utterances"
    # By (column, row): a is always right, b is once taken for a.
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "1\n100 %", (1, 0): "0", (0, 1): "1\n50 %", (1, 1): "1\n50 %"}
    assert np.array_equal(axes.images[0].get_array(), [[1, 0], [0.5, 0.5]])


def test_the_scores_hold_how_far_the_confidence_can_be_believed():
    predictions = Predictions(LABELS, fold_predictions(1).rows + fold_predictions(2).rows)
    scores = score(predictions)
    assert scores.calibration == calibration_of(predictions)
    assert scores.risk_coverage == risk_coverage_of(predictions)
    stored = scores.to_dict()
    measures = stored["calibration"]
    assert list(measures) == ["ece", "brier", "nll", "bins"]
    assert measures["ece"] == round(scores.calibration.ece, 6)
    assert sum(part["count"] for part in measures["bins"]) == 20
    right = sum(part["count"] * part["accuracy"] for part in measures["bins"])
    assert right / 20 == pytest.approx(scores.ratios["wa"], abs=1e-5)
    curve = stored["risk_coverage"]
    assert curve["area"] == round(scores.risk_coverage.area, 6)
    assert list(curve["at_coverage"]) == ["0.9", "0.8", "0.7"]
    for share, point in curve["at_coverage"].items():
        assert point["coverage"] >= float(share)
        kept = [
            r for r in predictions.rows if max(r.probabilities) > point["min_confidence"] - 1e-6
        ]
        assert len(kept) == round(20 * point["coverage"])
        right = sum(row.prediction == row.reference for row in kept)
        assert point["accuracy"] == pytest.approx(right / len(kept), abs=1e-6)


def test_the_report_has_two_lines_on_the_confidence():
    # Confidence 0.95 eight times, once wrong; 0.6 twice, both wrong.
    answers = [(0.95, "a")] * 7 + [(0.95, "b")] + [(0.6, "b")] * 2
    rows = [
        UtterancePrediction(f"u{i}", "s", 1, reference, "a", (confidence, 1 - confidence))
        for i, (confidence, reference) in enumerate(answers)
    ]
    lines = format_report(score(Predictions(("a", "b"), tuple(rows)))).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("confidence"))
    # ECE: 0.8 * (0.95 - 0.875) + 0.2 * 0.6.
    assert lines[start].startswith("confidence: ECE 18.00 %, Brier 0.3")
    # The eight are equally confident, so 70 % are 80 %. AURC: 0.8 / 8 + 0.2 * 3 / 10.
    assert lines[start + 1] == (
        "WA of the most confident 90 %: 70.00 %, 80 %: 87.50 %, 70 %: 87.50 %; AURC 0.1600"
    )


def test_the_figures_of_the_confidence_show_the_measures(tmp_path):
    predictions = fold_predictions(1, n_utterances=40)
    calibration, curve = calibration_of(predictions), risk_coverage_of(predictions)
    upper, lower = reliability_figure(calibration).axes
    assert [bar.get_height() for bar in upper.patches] == [b.accuracy for b in calibration.bins]
    assert [bar.get_x() for bar in upper.patches] == [b.low for b in calibration.bins]
    dots = upper.lines[-1]
    assert list(dots.get_xdata()) == [b.confidence for b in calibration.bins]
    assert [bar.get_height() for bar in lower.patches] == [b.count for b in calibration.bins]
    assert [text.get_text() for text in lower.texts] == [str(b.count) for b in calibration.bins]
    assert upper.get_title().startswith(f"ECE {100 * calibration.ece:.2f} %, ")
    (axes,) = risk_coverage_figure(curve).axes
    assert list(axes.lines[0].get_xdata()) == [100 * p.coverage for p in curve.points]
    assert list(axes.lines[0].get_ydata()) == [100 * p.risk for p in curve.points]
    assert axes.get_title().startswith(f"AURC {curve.area:.4f}, 40 utterances")
    contents = []
    for part in (predictions, fold_predictions(1, n_utterances=40), fold_predictions(2)):
        paths = write_report(part, score(part), tmp_path)
        assert [path.name for path in paths] == WRITTEN
        contents.append({path.name: path.read_bytes() for path in paths})
    one, two, other = contents
    assert one == two
    assert all(one[name] != other[name] for name in FIGURES)


# ---- the command


def test_the_command_on_folds(tmp_path):
    exp = write_experiment(tmp_path / "exp", seed=1)
    done = ser_eval(exp)
    assert done.returncode == 0, done.stderr
    predictions = collect(exp)
    scores = score(predictions, prove(exp))
    assert abs(scores.ratios["wa"] - scores.ratios["ua"]) > 1e-3
    assert done.stdout == format_report(scores) + "\n"
    shown = {line[:20].strip(): line[20:28].strip() for line in done.stdout.splitlines()}
    assert shown["pooled WA"] == f"{100 * scores.ratios['wa']:.2f} %"
    assert shown["pooled UA"] == f"{100 * scores.ratios['ua']:.2f} %"
    assert shown["mean over folds WA"] == f"{100 * scores.mean_over_folds['wa']:.2f} %"
    assert shown["mean over folds UA"] == f"{100 * scores.mean_over_folds['ua']:.2f} %"
    assert done.stderr.splitlines() == [f"wrote {exp / name}" for name in WRITTEN]
    stored = json.loads((exp / "scores.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(scores.to_dict()))
    assert stored["pooled"]["wa"] == round(predictions.confusion().weighted_accuracy, 6)
    assert stored["confusion"] == predictions.confusion().as_array().tolist()
    assert stored["recall"].keys() == set(LABELS)
    assert read_predictions(exp / "predictions.csv") == predictions
    text = (exp / "confusion.txt").read_text(encoding="utf-8")
    assert text == format_confusion(scores.confusion) + "\n"
    for name in FIGURES:
        picture = imread(exp / name)
        assert picture.ndim == 3
        assert picture.std() > 0.05


def test_the_command_repeated_writes_the_same_bytes(tmp_path, monkeypatch, capsys):
    exp = write_experiment(tmp_path / "exp")
    contents = []
    for _ in range(2):
        assert run_here(monkeypatch, capsys, exp)[0] == 0
        contents.append({name: (exp / name).read_bytes() for name in FILES})
    assert contents[0] == contents[1]


def test_the_command_writes_elsewhere_and_prints_json(tmp_path, monkeypatch, capsys):
    exp = write_experiment(tmp_path / "exp")
    before = sorted(exp.rglob("*"))
    out = tmp_path / "deep" / "report"
    code, stdout, stderr = run_here(
        monkeypatch, capsys, exp, "--output-dir", out, "--format", "json"
    )
    assert code == 0
    assert json.loads(stdout) == json.loads((out / "scores.json").read_text(encoding="utf-8"))
    # The split goes along, so that the report can be checked by itself.
    assert len(stderr.splitlines()) == len(FILES) + 1
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "split.json"])
    assert sorted(exp.rglob("*")) == before


def test_the_command_on_seeds(tmp_path, monkeypatch, capsys):
    for seed in (0, 1, 2):
        write_experiment(tmp_path / f"seed_{seed}", seed=seed)
    code, stdout, stderr = run_here(monkeypatch, capsys, tmp_path)
    assert code == 0
    assert len(stderr.splitlines()) == 3 * len(FILES) + 1
    stored = json.loads((tmp_path / "seeds.json").read_text(encoding="utf-8"))
    assert list(stored["seeds"]) == ["seed_0", "seed_1", "seed_2"]
    values = []
    for name, scores in stored["seeds"].items():
        own = json.loads((tmp_path / name / "scores.json").read_text(encoding="utf-8"))
        assert own == scores
        values.append(scores["pooled"]["ua"])
        line = next(line for line in stdout.splitlines() if line.startswith(name))
        assert f"{100 * values[-1]:.2f} %" in line
    over = stored["pooled_over_seeds"]["ua"]
    assert over["mean"] == pytest.approx(np.mean(values), abs=2e-6)
    assert over["standard_deviation"] == pytest.approx(np.std(values, ddof=1), abs=2e-6)
    assert over["standard_deviation"] > 0
    lines = stdout.splitlines()
    assert lines[-2].startswith("mean ")
    assert f"{100 * over['mean']:.2f} %" in lines[-2]
    assert lines[-1].startswith("standard deviation")
    assert max(map(len, lines)) <= TEXT_WIDTH
    # The report must not hide the seeds from the next run.
    code, again, _ = run_here(monkeypatch, capsys, tmp_path, "--format", "json")
    assert code == 0
    assert json.loads(again) == stored


@pytest.mark.parametrize("made", ["nothing", "empty", "file"])
def test_nothing_to_score(tmp_path, made, monkeypatch, capsys):
    exp = tmp_path / "exp"
    if made == "empty":
        exp.mkdir()
    if made == "file":
        exp.write_text("", encoding="utf-8")
    code, stdout, stderr = run_here(monkeypatch, capsys, exp)
    assert (code, stdout) == (1, "")
    assert stderr.startswith(f"ser-eval: nothing to score; given: {exp}")
    assert "fold_01/predictions.csv" in stderr
    assert "seed_*" in stderr
    assert stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == ([] if made == "nothing" else [exp])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("02_00,s2,2,anger,anger,nan,0.5,0.5", "outside [0, 1]"),
        ("02_00,s2,2,fear,anger,1,0,0", "unknown label"),
        ("02_00,s2,2,anger,anger,1,0,0\n02_00,s2,2,anger,anger,1,0,0", "in the table already"),
    ],
)
def test_a_bad_table_is_one_line_on_stderr(tmp_path, line, message):
    exp = write_experiment(tmp_path / "exp")
    path = exp / "fold_02" / "predictions.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0]
    path.write_text(f"{header}\n{line}\n", encoding="utf-8")
    done = ser_eval(exp)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ser-eval: {path}, line {2 + line.count(chr(10))}: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (exp / "scores.json").exists()


def test_a_report_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    exp = write_experiment(tmp_path / "exp")
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, stderr = run_here(monkeypatch, capsys, exp, "--output-dir", tmp_path / "file")
    assert code == 1
    assert "cannot write the report" in stderr
    assert "--output-dir" in stderr


def test_wrong_usage_is_code_2(tmp_path, monkeypatch, capsys):
    for arguments in ([], [tmp_path, "--format", "xml"], [tmp_path, "--no-such-option"]):
        code, stdout, _ = run_here(monkeypatch, capsys, *arguments)
        assert (code, stdout) == (2, "")


def test_help_loads_nothing_heavy():
    code = (
        "import sys, ser_pcq.cli.eval as e; sys.argv = ['ser-eval', '--help']\n"
        "try: e.main()\n"
        "finally: print([m for m in ('torch', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--output-dir" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_a_data_directory_is_predicted_and_written_beside(tmp_path, monkeypatch, capsys):
    exp, data = write_experiment(tmp_path / "exp"), tmp_path / "other"
    seen = []

    def predict_data_dir(exp_dir, data_dir, *, device, allow_leakage, **options):
        seen.append((exp_dir, data_dir, device, allow_leakage))
        return fold_predictions(1), Proof()

    stub = types.ModuleType("ser_pcq.evaluation.run_models")
    stub.predict_data_dir = predict_data_dir
    monkeypatch.setitem(sys.modules, "ser_pcq.evaluation.run_models", stub)
    code, stdout, _ = run_here(monkeypatch, capsys, exp, data, "--device", "cpu")
    assert code == 0
    assert seen == [(exp, data, "cpu", False)]
    assert stdout == format_report(score(fold_predictions(1))) + "\n"
    assert sorted(path.name for path in (exp / "eval_other").iterdir()) == FILES
    assert not (exp / "predictions.csv").exists()
    # The name of a model is no folder: then the report goes below the current one.
    monkeypatch.chdir(tmp_path)
    assert run_here(monkeypatch, capsys, "some-model", data)[0] == 0
    assert sorted(path.name for path in (tmp_path / "eval_other").iterdir()) == FILES
