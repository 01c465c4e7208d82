"""`ser-predict` as people use it: odd files, folders, formats, exit codes."""

import csv
import io
import json
import os

import numpy as np
import pytest
import soundfile
import torch
from support import tiny
from support.paths import SOUNDS

from ser_pcq.errors import SerError
from ser_pcq.inference.predictor import PredictOptions, Predictor, load
from ser_pcq.models.checkpoint import load_checkpoint, save_checkpoint
from ser_pcq.models.folder import ABOUT, DEFAULT_MODEL, embedded_models

KEYS = [
    "path", "status", "reason", "duration", "label", "confidence", "probabilities", "model",
    "warnings",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny untrained model: what is printed is tested here, not whether it is right."""
    folder = tmp_path_factory.mktemp("model")
    recognizer = tiny.recognizer()
    recognizer.frontend.fit(torch.randn(4, 1, 24, 50) * 3 - 5)
    save_checkpoint(folder, recognizer, tiny.info(recognizer))
    assert (folder / ABOUT).is_file()
    return folder


@pytest.fixture
def recordings(tmp_path, tone):
    tone(tmp_path / "good.wav", seconds=1.5, swell=3)
    tone(tmp_path / "stereo.flac", seconds=2.0, rate=44_100, channels=2, swell=3)
    tone(tmp_path / "deep" / "telephone.ogg", seconds=1.0, rate=8_000, swell=3)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no audio")
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "short.wav", np.ones(100) * 0.1, 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    (tmp_path / "notes.txt").write_text("not looked at in a folder")
    return tmp_path


def test_one_line_per_file_in_order_whatever_the_file_is(command, model, recordings):
    result = command("predict", recordings, "--model", model, "--format", "jsonl")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert "5 of 8 files" in result.stderr
    assert "Traceback" not in result.stderr
    assert all(list(line) == KEYS for line in lines)
    status = {line["path"].rsplit("/", 1)[1]: line["status"] for line in lines}
    ok = {name for name, s in status.items() if s == "ok"}
    assert ok == {"good.wav", "stereo.flac", "telephone.ogg"}
    assert len(status) == 8
    reasons = {line["path"].rsplit("/", 1)[1]: line["reason"] for line in lines}
    for name, word in {
        "empty.wav": "empty",
        "text.wav": "unreadable",
        "silent.wav": "silent",
        "short.wav": "too_short",
        "nan.wav": "not_finite",
    }.items():
        assert reasons[name].startswith(word + ":")
    assert [line["path"] for line in lines] == sorted(line["path"] for line in lines)


def test_probabilities_are_a_distribution_and_confidence_is_their_maximum(
    command, model, recordings
):
    result = command("predict", recordings / "stereo.flac", "--model", model, "--format", "jsonl")
    assert result.returncode == 0, result.stderr
    (line,) = map(json.loads, result.stdout.splitlines())
    assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert line["confidence"] == max(line["probabilities"].values())
    assert line["probabilities"][line["label"]] == line["confidence"]
    assert line["duration"] == pytest.approx(2.0, abs=0.01)
    assert line["model"] == "tiny"
    assert line["reason"] is None


def test_csv_has_a_column_for_each_label(command, model, recordings):
    result = command(
        "predict",
        recordings / "good.wav",
        recordings / "empty.wav",
        "--model",
        model,
        "--format",
        "csv",
    )
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["status"] for row in rows] == ["ok", "rejected"]
    assert sum(float(rows[0][label]) for label in tiny.LABELS) == pytest.approx(1, abs=1e-4)
    assert rows[1]["anger"] == ""


def test_the_table_names_every_file(command, model, recordings):
    result = command("predict", recordings, "--model", model)
    assert len(result.stdout.splitlines()) == 9
    assert "rejected: silent" in result.stdout


def test_a_good_file_does_not_depend_on_its_neighbours(command, model, recordings):
    def probabilities(*paths):
        out = command("predict", *paths, "--model", model, "--format", "jsonl").stdout
        return json.loads(out.splitlines()[-1])["probabilities"]

    alone = probabilities(recordings / "good.wav")
    among = probabilities(
        recordings / "stereo.flac", recordings / "nan.wav", recordings / "good.wav"
    )
    assert alone == among


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("",), 2),
        (("x.wav", "--format", "xml"), 2),
        (("x.wav", "--model", "no-such-model"), 1),
    ],
)
def test_exit_codes_of_wrong_calls(command, arguments, code):
    result = command("predict", *arguments)
    assert result.returncode == code
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_low_confidence_abstains_and_is_no_failure(command, model, recordings):
    files = [recordings / "good.wav", recordings / "stereo.flac"]

    def lines(*options):
        result = command("predict", *files, "--model", model, "--format", "jsonl", *options)
        assert (result.returncode, result.stderr) == (0, "")
        return [json.loads(line) for line in result.stdout.splitlines()]

    kept = ["path", "duration", "confidence", "probabilities", "model"]
    for line, before in zip(lines("--min-confidence", 1), lines(), strict=True):
        assert list(line) == KEYS
        assert [line[key] for key in kept] == [before[key] for key in kept]
        assert (before["status"], before["reason"]) == ("ok", None)
        assert (line["status"], line["label"]) == ("abstained", None)
        shown, best = before["confidence"], before["label"]
        assert line["reason"] == f"unsure: confidence {shown} is under 1.0, best is {best}"


def test_the_table_and_csv_show_what_abstained(command, model, recordings):
    call = (recordings / "good.wav", recordings / "empty.wav", "--model", model)
    result = command("predict", *call, "--min-confidence", 1)
    assert result.returncode == 1
    assert "1 of 2 files could not be judged" in result.stderr
    _, good, empty = result.stdout.splitlines()
    assert "abstained: unsure: confidence 0." in good
    assert "best is" in good
    assert "rejected: empty" in empty
    result = command("predict", *call, "--min-confidence", 1, "--format", "csv")
    good, empty = csv.DictReader(io.StringIO(result.stdout))
    assert (good["status"], good["label"], empty["status"]) == ("abstained", "", "rejected")
    shares = [float(good[label]) for label in tiny.LABELS]
    assert float(good["confidence"]) == max(shares)
    assert sum(shares) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "inf", "high"])
def test_a_threshold_that_is_none_is_wrong_usage(command, model, value):
    result = command("predict", "x.wav", "--model", model, "--min-confidence", value)
    assert (result.returncode, result.stdout) == (2, "")
    assert "--min-confidence" in result.stderr


def test_abstaining_in_python(model, recordings):
    checkpoint = load_checkpoint(str(model))
    answer = Predictor(checkpoint).predict(recordings / "good.wav")
    assert answer.status == "ok"
    predictor = load(str(model), min_confidence=1)
    unsure, silent = predictor.predict_all([recordings / "good.wav", recordings / "silent.wav"])
    assert (unsure.status, unsure.label) == ("abstained", None)
    assert (unsure.confidence, unsure.probabilities) == (answer.confidence, answer.probabilities)
    assert (silent.status, silent.confidence) == ("rejected", None)
    # The confidence that is shown is a threshold that is reached; a hair above, it is not.
    for hair, status in ((0, "ok"), (1e-6, "abstained")):
        threshold = round(answer.confidence, 6) + hair
        predictor = Predictor(checkpoint, PredictOptions(min_confidence=threshold))
        assert predictor.predict(recordings / "good.wav").status == status
    for value in (-0.1, 1.1, float("nan")):
        with pytest.raises(SerError, match=r"min_confidence is out of range.*accepted: 0 to 1"):
            PredictOptions(min_confidence=value)


def test_a_folder_without_recordings_says_what_it_looked_for(command, tmp_path):
    result = command("predict", tmp_path)
    assert result.returncode == 1
    assert "no recording" in result.stderr


def test_a_file_that_is_not_there_is_a_line_of_its_own(command, model, tmp_path):
    result = command("predict", tmp_path / "gone.wav", "--model", model, "--format", "jsonl")
    assert json.loads(result.stdout)["reason"].startswith("missing:")
    assert result.returncode == 1


def test_a_name_that_is_no_text_is_shown_with_escapes(command, model, recordings):
    odd = os.fsencode(recordings) + b"/caf\xe9.wav"
    (recordings / "good.wav").rename(os.fsdecode(odd))
    for form in ("table", "csv", "jsonl"):
        result = command("predict", os.fsdecode(odd), "--model", model, "--format", form)
        assert result.returncode == 0, result.stderr
        assert "dce9" in result.stdout


def test_level_is_no_cue(tmp_path, model):
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(24_000) * 0.1
    predictor = load(str(model))
    for name, gain in (("loud", 1.0), ("quiet", 0.05)):
        soundfile.write(tmp_path / f"{name}.wav", samples * gain, 16_000, subtype="FLOAT")
    loud, quiet = (predictor.predict(tmp_path / f"{n}.wav") for n in ("loud", "quiet"))
    assert loud.probabilities == pytest.approx(quiet.probabilities, abs=1e-4)


@pytest.mark.parametrize("model", embedded_models())
def test_an_embedded_model_hears_emotion_in_real_speech(model, emodb_dir):
    """On its own training corpus: this proves the shipped weights and the path, not accuracy."""
    predictor = load(model)
    names = {
        "W": "anger", "L": "boredom", "E": "disgust", "A": "fear",
        "F": "happiness", "T": "sadness", "N": "neutral",
    }  # fmt: skip
    present = [next((emodb_dir / "wav").glob(f"?????{code}?.wav")) for code in names]
    answers = {path.stem: predictor.predict(path).label for path in present}
    assert answers == {path.stem: names[path.stem[5]] for path in present}


def test_a_folder_works_with_each_embedded_model(command):
    result = command("predict", SOUNDS, "--format", "jsonl")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, result.stderr
    assert len(lines) >= 4
    assert {line["model"] for line in lines} == {DEFAULT_MODEL}
    small = command("predict", SOUNDS, "--format", "jsonl", "--model", "emodb-small")
    assert small.returncode == 0, small.stderr
    answers = [json.loads(line) for line in small.stdout.splitlines()]
    assert [one["path"] for one in answers] == [line["path"] for line in lines]
