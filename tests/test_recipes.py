"""Recipes: the synthetic one from nothing to scores, the EMO-DB one on the real corpus in part."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ser_pcq.collect import collect
from ser_pcq.evaluate import score
from ser_pcq.predictions import read_predictions
from ser_pcq.proof import prove

RECIPES = Path(__file__).parents[1] / "recipes"
RESULTS = sorted((RECIPES / "emodb" / "results").glob("*/seed_*/predictions.csv"))


@pytest.fixture(scope="module")
def commands_on_path(tmp_path_factory):
    """The installed commands, also where the tests run from a checkout."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("data", "train", "eval", "predict"):
        script = folder / f"ser-{name}"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ser_pcq.cli.{name} "$@"\n')
        script.chmod(0o755)
    root = str(RECIPES.parent)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root}


def run(recipe, *options, env):
    return subprocess.run(
        [RECIPES / recipe / "run.sh", *map(str, options)],
        env=env,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_the_synthetic_recipe_runs_from_nothing_to_scores(commands_on_path, tmp_path):
    result = run("synthetic", "--work-dir", tmp_path, env=commands_on_path)
    assert result.returncode == 0, result.stderr
    scores = json.loads((tmp_path / "exp" / "pcq-tiny" / "scores.json").read_text())
    # Emotions of the generated corpus are easy on purpose; chance is one in three.
    assert scores["pooled"]["ua"] > 0.55
    assert scores["protocol"] == "leave-one-speaker-out"
    assert (tmp_path / "exp" / "pcq-tiny" / "confusion.png").stat().st_size > 1000
    assert "confidence" in result.stdout


def test_stages_can_be_chosen(commands_on_path, tmp_path):
    only = run("synthetic", "--work-dir", tmp_path, "--stop-stage", 1, env=commands_on_path)
    assert only.returncode == 0, only.stderr
    assert (tmp_path / "data" / "wav.scp").is_file()
    assert not (tmp_path / "exp").exists()


@pytest.mark.parametrize("options", [("--stages", "1"), ("--seed",), ("extra",)])
@pytest.mark.parametrize("recipe", ["synthetic", "emodb"])
def test_wrong_options_are_refused(recipe, options, commands_on_path):
    result = run(recipe, *options, env=commands_on_path)
    assert result.returncode == 2
    assert "--help" in result.stderr


def test_emodb_needs_its_corpus(commands_on_path, tmp_path):
    result = run("emodb", "--work-dir", tmp_path, env=commands_on_path)
    assert result.returncode == 2
    assert "--corpus-dir" in result.stderr


def test_the_emodb_recipe_prepares_the_real_corpus(commands_on_path, tmp_path, emodb_dir):
    options = ("--corpus-dir", emodb_dir, "--work-dir", tmp_path, "--stop-stage", 1)
    result = run("emodb", *options, env=commands_on_path)
    assert result.returncode == 0, result.stderr
    assert "535 utterances, 10 speakers, 7 emotions" in result.stdout + result.stderr
    assert "warning" not in result.stderr


def test_recipes_are_short_and_hold_no_python():
    scripts = sorted(RECIPES.glob("*/run.sh"))
    assert len(scripts) >= 2
    for script in scripts:
        text = script.read_text()
        assert len(text.splitlines()) <= 50
        assert "python" not in text


@pytest.mark.parametrize("path", RESULTS, ids=lambda p: f"{p.parts[-3]}-{p.parts[-2]}")
def test_committed_predictions_give_the_committed_scores(path):
    predictions = read_predictions(path)
    assert len(predictions.rows) == 535
    assert len(predictions.by_fold()) == 10
    for fold in predictions.by_fold().values():
        assert len(fold.by_speaker()) == 1  # a fold tests one speaker
    committed = json.loads(path.with_name("scores.json").read_text())
    scores = score(collect(path.parent), prove(path.parent)).to_dict()
    assert scores["pooled"] == committed["pooled"]


def test_the_results_page_states_what_the_committed_predictions_give():
    assert len(RESULTS) >= 2
    page = (RECIPES / "emodb" / "RESULTS.md").read_text()
    readme = (RECIPES.parent / "README.md").read_text()
    by_name: dict[str, list] = {}
    for path in RESULTS:
        by_name.setdefault(path.parts[-3], []).append(read_predictions(path).confusion())
    for name, confusions in by_name.items():
        wa, ua = (
            100 * sum(getattr(c, ratio) for c in confusions) / len(confusions)
            for ratio in ("weighted_accuracy", "unweighted_accuracy")
        )
        rows = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert rows, f"no row for {name}"
        assert f"| {wa:.1f} |" in rows[0], (name, wa)
        assert f"| {ua:.1f} |" in rows[0], (name, ua)
        if name == "pcq-whisper":
            assert f"{wa:.1f}" in readme
            assert f"{ua:.1f}" in readme
