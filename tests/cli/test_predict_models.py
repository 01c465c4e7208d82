"""Which models `ser-predict` offers, which it takes, and what it says of their licence."""

import json
import subprocess
import sys

import pytest
from support.commands import environment, line
from support.licences import SHARING, made_up_model
from support.paths import ROOT, SOUNDS

from ser_pcq import PredictOptions, load
from ser_pcq.errors import CheckpointError
from ser_pcq.models.folder import DEFAULT_MODEL, EMBEDDED, LARGE_MODEL, embedded_models

CALM = SOUNDS / "calm.wav"
NOT_COMMERCIAL = "not for commercial use"


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """A model that is not for commercial use."""
    return made_up_model(tmp_path_factory.mktemp("models") / "voices")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A machine on which nothing was said yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_models_are_listed_as_a_table_and_as_objects(command):
    table = command("predict", "--models")
    assert (table.returncode, table.stderr) == (0, "")
    head, *rows = table.stdout.splitlines()
    assert head.startswith("model ")
    assert head.split()[-4:] == ["licence", "learnt", "from", "emotions"]
    assert [row.split()[0] for row in rows] == embedded_models()
    assert [row.split()[0] for row in rows if "(default)" in row] == [DEFAULT_MODEL]
    objects = [
        json.loads(row)
        for row in command("predict", "--models", "--format", "jsonl").stdout.splitlines()
    ]
    assert [one["model"] for one in objects] == embedded_models()
    assert [one["model"] for one in objects if one["is_default"]] == [DEFAULT_MODEL]
    small = next(one for one in objects if one["model"] == "emodb-small")
    assert (small["licence"], small["corpora"]) == ("MIT", ["emodb"])
    assert 500_000 < small["size"] < 2e6
    assert len(small["labels"]) == 7


@pytest.mark.parametrize(
    "others", [[CALM], ["--model", "emodb-small"], ["--stream"], ["--format", "csv"]]
)
def test_a_list_of_models_goes_with_nothing_else(command, others):
    done = command("predict", "--models", *others)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--models" in done.stderr


def test_a_list_of_models_loads_none():
    code = (
        "import sys; from ser_pcq.cli.predict import app; app(standalone_mode=False); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--models"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment(),
    )
    assert "emodb-small" in done.stdout
    assert "typer" in done.stderr.split()
    heavy = {"onnxruntime", "torch", "numpy", "soundfile", "safetensors"}
    assert not heavy & {*done.stderr.split()}


def test_a_variable_sets_the_default(command, monkeypatch, voices):
    other = next(name for name in embedded_models() if name != DEFAULT_MODEL)
    monkeypatch.setenv("SER_PCQ_MODEL", other)
    assert load().classifier.name == PredictOptions().model == other
    judged = command("predict", CALM, "--format", "jsonl")
    assert json.loads(judged.stdout)["model"] == other
    named = command("predict", CALM, "--format", "jsonl", "--model", DEFAULT_MODEL)
    assert json.loads(named.stdout)["model"] == DEFAULT_MODEL
    listed = command("predict", "--models").stdout.splitlines()
    assert [row.split()[0] for row in listed if "(default)" in row] == [other]
    monkeypatch.setenv("SER_PCQ_MODEL", str(voices))
    assert load().licence == SHARING
    listed = command("predict", "--models")
    assert "(default)" not in listed.stdout
    assert f"the default is {voices}, as SER_PCQ_MODEL says" in listed.stderr
    monkeypatch.setenv("SER_PCQ_MODEL", "")
    assert load().classifier.name == PredictOptions().model == DEFAULT_MODEL


def test_a_variable_reaches_standard_input_and_other_processes(command, tmp_path):
    run = {"check": True, "capture_output": True, "cwd": ROOT}
    env = environment(SER_PCQ_MODEL=str(EMBEDDED / "emodb-small"))
    live = subprocess.run(
        line("predict", "--stream", "--format", "jsonl"), input=CALM.read_bytes(), env=env, **run
    )
    small = command("predict", CALM, "--model", "emodb-small", "--format", "jsonl")
    labels = json.loads(live.stdout.splitlines()[-1])["probabilities"]
    assert labels.keys() == json.loads(small.stdout)["probabilities"].keys()
    call = line("predict", CALM, SOUNDS / "calm.wav", "--jobs", "2", "--format", "jsonl")
    (first, *_) = subprocess.run(call, env=env, **run).stdout.splitlines()
    assert json.loads(first) == json.loads(small.stdout)


def test_a_wrong_variable_is_named(command, monkeypatch):
    monkeypatch.setenv("SER_PCQ_MODEL", "emodb-lagre")
    with pytest.raises(CheckpointError, match=r"SER_PCQ_MODEL.*no such model.*emodb-lagre"):
        load()
    done = command("predict", CALM)
    assert (done.returncode, done.stdout) == (1, "")
    assert "SER_PCQ_MODEL" in done.stderr
    assert done.stderr.count("\n") == 1
    # The list, with which it is corrected, comes all the same.
    listed = command("predict", "--models")
    assert listed.returncode == 1
    assert "emodb-large" in listed.stdout
    assert "SER_PCQ_MODEL" in listed.stderr
    # Nothing that names its model asks for the variable.
    assert command("predict", CALM, "--model", "emodb-small").returncode == 0
    assert load("emodb-small").predict(CALM).label


def test_a_licence_is_pointed_out_once(command, voices, state):
    arguments = ("predict", CALM, "--format", "jsonl", "--model", voices)
    first, second = command(*arguments), command(*arguments)
    assert first.returncode == second.returncode == 0
    assert NOT_COMMERCIAL in first.stderr
    assert SHARING in first.stderr
    assert f"--model {LARGE_MODEL}" in first.stderr
    assert first.stderr.count("\n") == 2
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert NOT_COMMERCIAL not in first.stdout
    assert [file.name for file in (state / "ser-pcq").iterdir()] == [f"said-{SHARING}"]


def test_another_licence_is_pointed_out_as_well(command, voices, state, tmp_path):
    other = made_up_model(tmp_path / "other", "CC-BY-NC-4.0 AND MIT")
    for model in (voices, other):
        assert NOT_COMMERCIAL in command("predict", CALM, "--model", model).stderr
        assert NOT_COMMERCIAL not in command("predict", CALM, "--model", model).stderr


def test_a_licence_is_pointed_out_of_streams_and_files(voices, state, tmp_path, command):
    written = command("export", voices, tmp_path / "voices.onnx")
    assert written.returncode == 0
    assert NOT_COMMERCIAL in command("predict", CALM, "--model", tmp_path / "voices.onnx").stderr
    (state / "ser-pcq" / f"said-{SHARING}").unlink()
    call = line("predict", "--stream", "--model", voices)
    done = subprocess.run(
        call, input=CALM.read_bytes(), capture_output=True, env=environment(), check=True, cwd=ROOT
    )
    assert NOT_COMMERCIAL in done.stderr.decode()
    assert NOT_COMMERCIAL not in done.stdout.decode()


def test_nothing_is_said_of_models_for_every_use(command, state, tmp_path):
    unstated = made_up_model(tmp_path / "own")
    content = json.loads((unstated / "checkpoint.json").read_text())
    del content["licence"]
    (unstated / "checkpoint.json").write_text(json.dumps(content))
    for model in ("emodb-small", "emodb-large", unstated):
        assert command("predict", CALM, "--model", model).stderr == ""
    assert not state.exists()


def test_a_folder_that_cannot_be_written_is_no_error(command, voices, state):
    state.write_text("a file where a folder should be")
    for _ in range(2):
        done = command("predict", CALM, "--model", voices)
        assert done.returncode == 0
        assert NOT_COMMERCIAL in done.stderr
        assert "once" not in done.stderr


@pytest.mark.parametrize("stated", ["", "not/absolute"])
def test_without_a_stated_folder_it_is_remembered_in_the_home(
    process, voices, tmp_path, monkeypatch, stated
):
    monkeypatch.setenv("XDG_STATE_HOME", stated)
    arguments = ("predict", CALM, "--model", voices)
    said = [process(*arguments, HOME=str(tmp_path)).stderr for _ in range(2)]
    assert NOT_COMMERCIAL in said[0]
    assert said[1] == ""
    assert len(list(tmp_path.rglob(f"ser-pcq/said-{SHARING}"))) == 1


def test_the_library_says_nothing(voices, state, capfd):
    predictor = load(voices)
    assert predictor.predict(CALM).label
    assert predictor.licence == SHARING
    assert capfd.readouterr() == ("", "")
    assert not state.exists()
