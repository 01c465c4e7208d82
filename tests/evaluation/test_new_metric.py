"""A metric is a function and a line in one file: in a copy of the package, every report has it."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support import stored
from support.paths import ROOT

from ser_pcq.evaluation.collect import collect
from ser_pcq.evaluation.metrics import METRICS

FUNCTION = '''
def lowest_recall(counts: Counts) -> Ratio:
    """Return the recall of the class that is recognised worst."""
    in_reference = counts.sum(axis=-1)
    recalls = np.ones_like(in_reference, dtype=np.float64)
    np.divide(_correct(counts), in_reference, out=recalls, where=in_reference > 0)
    return recalls.min(axis=-1)


@dataclass(frozen=True)
class Metric:
'''
LINE = """METRICS = {
    "lowest_recall": Metric("lowest recall", lowest_recall),
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The folder of a copy of the package with one more metric."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        ROOT / "ser_pcq",
        folder / "ser_pcq",
        ignore=shutil.ignore_patterns("__pycache__", "embedded"),
    )
    path = folder / "ser_pcq" / "evaluation" / "metrics.py"
    text = path.read_text()
    for old, new in (
        ("\n@dataclass(frozen=True)\nclass Metric:\n", FUNCTION),
        ("METRICS = {\n", LINE),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return folder


@pytest.fixture
def evaluate(package):
    def evaluate(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "ser_pcq.cli.eval", *map(str, arguments), "--no-figures"],
            cwd=package,
            env={**os.environ, "PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return evaluate


def lowest(confusion):
    return min(recall for recall in confusion.recalls.values() if recall is not None)


def test_one_file_of_the_package_changes(package):
    copies = [path for path in (package / "ser_pcq").rglob("*.py")]
    changed = [
        path.name
        for path in copies
        if path.read_bytes() != (ROOT / path.relative_to(package)).read_bytes()
    ]
    assert len(copies) > 100
    assert changed == ["metrics.py"]


def test_a_report_has_it_with_its_interval(tmp_path, evaluate):
    stored.write_experiment(tmp_path, stored.predictions())
    shown = evaluate(tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_text())
    table = collect(tmp_path)
    value = lowest(table.confusion())
    assert scores["pooled"]["lowest_recall"] == pytest.approx(value, abs=1e-6)
    folds = [lowest(part.confusion()) for part in table.by_fold().values()]
    assert scores["mean_over_folds"]["lowest_recall"] == pytest.approx(np.mean(folds), abs=1e-6)
    low, high = scores["speaker_interval_95"]["lowest_recall"]
    assert low <= value <= high
    assert f"{100 * value:.2f} %  [{100 * low:.2f}, {100 * high:.2f}]" in shown
    assert "mean over folds lowest recall" in shown
    assert scores["pooled"].keys() == {*METRICS, "lowest_recall"}


def test_seeds_have_its_mean(tmp_path, evaluate):
    values = []
    for seed in (0, 1):
        table = stored.predictions(seed=seed)
        stored.write_experiment(tmp_path / f"seed_{seed}", table)
        values.append(lowest(table.confusion()))
    shown = evaluate(tmp_path)
    over = json.loads((tmp_path / "seeds.json").read_text())["pooled_over_seeds"]["lowest_recall"]
    assert over["mean"] == pytest.approx(np.mean(values), abs=1e-6)
    assert over["standard_deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert "pooled lowest recall" in shown


def test_a_comparison_and_an_inflation_have_it(tmp_path, evaluate):
    a, b = tmp_path / "a", tmp_path / "b"
    tables = [stored.predictions(accuracy=accuracy) for accuracy in (0.3, 0.9)]
    for folder, table in zip((a, b), tables, strict=True):
        stored.write_experiment(folder, table)
    one, other = (lowest(table.confusion()) for table in tables)
    shown = evaluate("--compare", a, b)
    assert f"lowest recall: B is better by {100 * (other - one):.2f} points" in shown
    compared = json.loads(evaluate("--compare", a, b, "--format", "json"))
    assert compared["pooled"]["lowest_recall"]["b_minus_a"] == pytest.approx(other - one, abs=1e-6)
    assert "adds to lowest recall" in evaluate(a, "--inflation", b)
