"""Scoring adapted models on data: what they have heard is found again, in training and adapting."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.voices import recordings, trained

from ser_pcq import load
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import synthetic
from ser_pcq.errors import CheckpointError
from ser_pcq.models.adapted.metadata import of_metadata, to_metadata
from ser_pcq.models.adapted.package import write_adapted


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, one that was adapted, and data: what it was adapted to, and others of the voice."""
    root = tmp_path_factory.mktemp("adapted")
    trained(root / "model")
    write_adapted(
        load(root / "model" / "exp").adapted(recordings(root / "heard")).classifier, root / "anna"
    )
    synthetic.generate(root / "others", seed=11, speakers=1, per_class=6)
    for name in ("heard", "others"):
        found = synthetic.prepare(root / name).utterances
        datadir.write(root / f"data-{name}", [replace(u, speaker="anna") for u in found])
    return root


def evaluate(command, model: Path, data: Path, out: Path, *options: str):
    where = ("--cache-dir", out / "cache", "--output-dir", out, "--no-figures")
    return command("eval", model, data, *where, *options)


@pytest.fixture(scope="module")
def scored(made: Path, command) -> Path:
    """Scores of the model before and after, on other recordings of the voice."""
    for name, model in (("before", made / "model" / "exp"), ("after", made / "anna")):
        done = evaluate(command, model, made / "data-others", made / name)
        assert done.returncode == 0, done.stderr
    return made


def test_an_adapted_model_is_scored_as_it_predicts(scored: Path) -> None:
    about = json.loads((scored / "after" / "scores.json").read_text())
    assert about["verified"]["audio"] == "18 recordings: none is a copy of a training recording"
    assert "none is a copy of one that the model was adapted to" in about["verified"]["adaptation"]
    (note,) = (one for one in about["notes"] if "adapted" in one)
    assert "exp was adapted to a voice (own-voice/1, 15 recordings" in note
    adapted, lines = load(scored / "anna"), (scored / "after" / "predictions.csv").read_text()
    for u in datadir.read(scored / "data-others").utterances:
        said = adapted.predict(u.audio)
        row = next(line for line in lines.splitlines() if line.startswith(f"{u.utterance_id},"))
        assert f",{said.label}," in row
    assert (scored / "before" / "predictions.csv").read_text() != lines
    before = json.loads((scored / "before" / "scores.json").read_text())
    assert "adaptation" not in before["verified"]


def test_before_and_after_are_compared(scored: Path, command) -> None:
    done = command("eval", "--compare", scored / "before", scored / "after", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_utterances"] == 18


def test_a_score_says_what_labelled_recordings_it_is_for(
    made: Path, command, tmp_path: Path
) -> None:
    heard = recordings(made / "labelled")
    labels = [path.stem.split("_")[1] for path in heard]
    adapted = load(made / "model" / "exp").adapted(heard, labels=labels)
    write_adapted(adapted.classifier, tmp_path / "model")
    done = evaluate(command, tmp_path / "model", made / "data-others", tmp_path / "scores")
    assert done.returncode == 0, done.stderr
    (note,) = json.loads((tmp_path / "scores" / "scores.json").read_text())["notes"]
    assert "exp was adapted to labelled recordings (labelled/1, 15 recordings" in note
    assert "voice" not in note


def test_what_it_was_adapted_to_is_refused(made: Path, command, tmp_path: Path) -> None:
    done = evaluate(command, made / "anna", made / "data-heard", tmp_path)
    assert done.returncode == 1
    assert "copied-audio: recordings that the model was adapted to, or nearly so" in done.stderr
    assert "trained on" not in done.stderr
    assert not (tmp_path / "scores.json").exists()
    # The model that it was made from may be scored on them.
    assert evaluate(command, made / "model/exp", made / "data-heard", tmp_path).returncode == 0
    done = evaluate(command, made / "anna", made / "data-heard", tmp_path, "--allow-leakage")
    assert done.returncode == 0, done.stderr
    (line,) = json.loads((tmp_path / "scores.json").read_text())["leaky"]
    assert "adapted to" in line


def test_what_its_base_was_trained_on_is_refused(made: Path, command, tmp_path: Path) -> None:
    kept = made / "model" / "kept"
    utterances = [replace(u, speaker="anna", gender=None) for u in datadir.read(kept).utterances]
    datadir.write(tmp_path / "data", utterances)
    done = evaluate(command, made / "anna", tmp_path / "data", tmp_path)
    assert done.returncode == 1
    assert "copied-audio: recordings that the model was trained on" in done.stderr
    done = evaluate(command, made / "anna", kept, tmp_path)
    assert "shared-speaker" in done.stderr


def test_its_graph_knows_what_it_was_adapted_to(scored: Path, command, tmp_path: Path) -> None:
    graph = tmp_path / "anna.onnx"
    done = command("export", scored / "anna", graph)
    assert done.returncode == 0, done.stderr
    done = evaluate(command, graph, scored / "data-heard", tmp_path)
    assert done.returncode == 1
    assert "adapted to" in done.stderr
    done = evaluate(command, graph, scored / "data-others", tmp_path)
    assert done.returncode == 0, done.stderr
    about = json.loads((tmp_path / "scores.json").read_text())
    # Its base does not come with the toolkit, and the file has nothing of its recordings.
    assert about["verified"].keys() == {"speakers", "adaptation"}
    of_package = json.loads((scored / "after" / "scores.json").read_text())
    assert about["pooled"] == of_package["pooled"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}'])
def test_damaged_metadata_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="damaged ONNX file of an adapted model"):
        of_metadata(text)


def test_metadata_keeps_what_it_gets(made: Path) -> None:
    adapted = load(made / "anna").classifier
    info, prints = of_metadata(to_metadata(adapted.info, adapted.prints))
    assert info == adapted.info
    assert [one.digest for one in prints] == [one.digest for one in adapted.prints]
