"""Experiment folders and a data directory that 983a9ba made: they load, score, compare and resume.

`ser-eval` printed the stored `.txt` files and wrote the stored `scores` files then.
"""

import json
import shutil

import pytest
from support.paths import ROOT
from typer.testing import CliRunner

from ser_pcq.cli import eval as ser_eval
from ser_pcq.cli import train as ser_train
from ser_pcq.data.directory import read
from ser_pcq.evaluation.table import read_predictions
from ser_pcq.files import write_json
from ser_pcq.protocols.proof import prove
from ser_pcq.protocols.provenance import read_provenance
from ser_pcq.protocols.split_file import read_split
from ser_pcq.protocols.verdict import LeakKind

FOLDER = ROOT / "tests" / "support" / "stored_983a9ba" / "experiments"


def run(module, *arguments):
    return CliRunner().invoke(module.app, [str(argument) for argument in arguments])


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A copy to work in, as the current directory: printed paths are as they were."""
    shutil.copytree(FOLDER, tmp_path / "stored")
    monkeypatch.chdir(tmp_path / "stored")
    (tmp_path / "stored" / "seeds").mkdir()
    shutil.copytree("clean", "seeds/seed_0")
    shutil.copytree("seed_1", "seeds/seed_1")
    return tmp_path / "stored"


@pytest.mark.parametrize(
    ("name", "report", "options"),
    [
        ("clean", "scores.json", ()),
        ("leaky", "scores.json", ("--allow-leakage",)),
        ("seeds", "seeds.json", ()),
    ],
)
def test_they_are_scored_to_the_same_text_and_scores(stored, name, report, options):
    done = run(ser_eval, name, "--no-figures", "--output-dir", "out", *options)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == (FOLDER / f"{name}.txt").read_text()
    assert (stored / "out" / report).read_text() == (FOLDER / f"{name}.json").read_text()
    again = run(ser_eval, "out", "--no-figures", *options)
    assert again.stdout == done.stdout


def test_a_leak_still_needs_to_be_allowed(stored):
    done = run(ser_eval, "leaky", "--no-figures")
    assert done.exit_code == 1
    assert "shared-speaker" in str(done.exception) + done.stderr


def test_two_of_them_are_compared(stored):
    done = run(ser_eval, "clean", "leaky", "--compare")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == (FOLDER / "compared.txt").read_text()


def test_printed_leaks_become_facts(stored):
    split = read_split(stored / "leaky" / "split.json")
    path = stored / "leaky" / "fold_01" / "provenance.json"
    lines = json.loads(path.read_text())["leaky"]
    leaks = read_provenance(path, split.folds[0], split.sha256).leaks
    assert len(lines) > 1
    assert [(leak.kind, leak.fold, leak.names) for leak in leaks] == [
        (LeakKind.SHARED_SPEAKER, 1, (line,)) for line in lines
    ]


def test_a_printed_leak_counts_where_the_files_no_longer_show_it(stored):
    path = stored / "clean" / "fold_02" / "provenance.json"
    line = "copied-audio: the same or nearly the same audio (fold 2): a = b"
    write_json(path, {**json.loads(path.read_text()), "leaky": [line]})
    verdict = prove(stored / "clean").verdict
    assert verdict.leaky == [f"copied-audio: found when it was trained (fold 2): {line}"]
    assert verdict.verified == {}
    done = run(ser_eval, "clean", "--no-figures", "--allow-leakage", "--output-dir", "out")
    assert f"LEAKY  {verdict.leaky[0]}\n" in done.stdout
    assert prove(stored / "out").verdict == verdict


def test_the_models_judge_the_data_directory_as_they_did(stored):
    options = ("--no-figures", "--device", "cpu", "--cache-dir", "cache", "--output-dir", "out")
    done = run(ser_eval, "clean", "data", *options)
    assert done.exit_code == 0, done.stderr
    assert (
        done.stdout.splitlines()[:2] == (FOLDER / "clean_on_data.txt").read_text().splitlines()[:2]
    )
    rows = read_predictions(stored / "out" / "predictions.csv").rows
    before = [
        row
        for number in (1, 2, 3)
        for row in read_predictions(FOLDER / "clean" / f"fold_0{number}" / "predictions.csv").rows
    ]
    known = {row.utterance_id: row for row in before}
    assert [row.utterance_id for row in rows] == sorted(known)
    for row in rows:
        assert row.probabilities == pytest.approx(known[row.utterance_id].probabilities, abs=1e-4)


def train(*options):
    given = ("--device", "cpu", "--cache-dir", "cache", *options)
    return run(ser_train, "tiny.toml", "data", "clean", *given)


def test_training_goes_on_where_a_fold_is_missing(stored):
    assert len(read(stored / "data").utterances) == 18
    shutil.rmtree(stored / "clean" / "fold_03")
    before = {path: path.read_bytes() for path in stored.glob("clean/**/*") if path.is_file()}
    done = train("--resume")
    assert done.exit_code == 0, done.stderr + str(done.exception)
    assert {path: path.read_bytes() for path in before} == before
    facts = json.loads((stored / "clean" / "fold_03" / "provenance.json").read_text())
    assert facts["leaks"] == []
    assert "leaky" not in facts
    assert run(ser_eval, "clean", "--no-figures", "--output-dir", "out").exit_code == 0
    assert prove(stored / "clean").verdict.leaks == ()


def test_another_configuration_is_still_another_experiment(stored):
    done = train("--resume", "--set", "train.epochs=2")
    assert done.exit_code == 1
    assert "made with something else" in str(done.exception) + done.stderr
