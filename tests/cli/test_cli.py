"""The commands: fast help, errors in one line, data on stdout, what training leaves behind."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import tiny
from support.commands import COMMANDS, line, started
from support.paths import SOUNDS

from ser_pcq.evaluation.table import read_predictions


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    tiny.make_data_dir(folder, speakers=4, per_class=2)
    (folder / "tiny.toml").write_text(tiny.TOML)
    return folder


def trained(command, workplace, name, *options):
    return command(
        "train",
        workplace / "tiny.toml",
        workplace / "data",
        workplace / name,
        "--device",
        "cpu",
        *options,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_version(command, name):
    result = command(name, "--help")
    assert result.returncode == 0
    assert "Usage" in result.stdout
    assert command(name, "--version").stdout.startswith("ser-pcq ")


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_installed(name):
    script = Path(sys.executable).with_name(f"ser-{name}")
    if not script.exists():
        pytest.skip("needs an installed package")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert f"Usage: ser-{name}" in done.stdout
    wrong = subprocess.run(
        [script, "--no-such-option"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Usage" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "returncode"),
    [
        ("data", ("validate", "gone"), 1),
        ("train", ("gone.toml", "gone", "exp"), 1),
        ("eval", ("gone",), 1),
        ("predict", ("gone.wav", "--model", "gone"), 1),
        ("export", ("emodb-small", "model.bin"), 1),
        ("predict", ("--no-such-option",), 2),
    ],
)
def test_a_command_does_the_same_in_a_process_of_its_own(
    command, process, tmp_path, name, arguments, returncode
):
    here, apart = (run(name, *arguments, cwd=tmp_path) for run in (command, process))
    assert here.returncode == apart.returncode == returncode
    assert here.stdout == apart.stdout == ""
    # Usage names the command as it was called.
    assert here.stderr == apart.stderr.replace(f"python -m ser_pcq.cli.{name}", f"ser-{name}")
    assert "Traceback" not in here.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_heavy(name):
    code = (
        f"import sys; sys.argv = ['x', '--help']\n"
        f"from ser_pcq.cli.{'data.commands' if name == 'data' else name} import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'torchaudio', 'pandas', 'librosa', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == "[]"


def test_predicting_with_a_graph_loads_nothing_of_training():
    """The configurations alone took a sixth of the start of a prediction."""
    code = "import sys\nfrom ser_pcq import load\nload('emodb-small')\nprint(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = out.stdout.split()
    assert "ser_pcq.models.classifier_onnx" in loaded
    assert not [name for name in loaded if name.split(".")[:2] == ["ser_pcq", "config"]]


def test_importing_the_package_loads_nothing_and_changes_nothing():
    code = (
        "import importlib, random, sys, os, warnings\n"
        "before = (set(sys.modules), dict(os.environ), list(warnings.filters), random.getstate())\n"
        "import ser_pcq\n"
        "after = (set(sys.modules), dict(os.environ), list(warnings.filters), random.getstate())\n"
        "print(sorted(after[0] - before[0]), after[1:] == before[1:])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['ser_pcq', 'ser_pcq.version'] True"


def test_predicting_and_training_parts_do_not_import_transformers_without_an_encoder():
    code = (
        "import sys, ser_pcq.inference.predictor, ser_pcq.training.experiment\n"
        "print('transformers' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_train_then_eval_one_fold_then_the_rest_side_by_side(command, workplace):
    first = trained(command, workplace, "exp", "--fold", "2")
    assert first.returncode == 0, first.stderr
    assert first.stdout == ""
    exp = workplace / "exp"
    fold = exp / "fold_02"
    assert {p.name for p in fold.iterdir()} == {
        "checkpoint", "predictions.csv", "provenance.json", "history.csv", "tensorboard",
        "finished.json",
    }  # fmt: skip
    assert fold.joinpath("history.csv").read_text().startswith("epoch,train_loss,valid_loss")
    assert list(fold.glob("tensorboard/events*"))

    partial = command("eval", exp)
    assert partial.returncode == 1
    assert partial.stdout == ""
    assert "1, 3, 4" in partial.stderr

    again = trained(command, workplace, "exp", "--fold", "2")
    assert again.returncode == 1
    assert "--resume" in again.stderr
    stamp = fold.joinpath("predictions.csv").stat().st_mtime_ns
    rest = trained(command, workplace, "exp", "--resume", "--jobs", "2")
    assert rest.returncode == 0, rest.stderr
    assert fold.joinpath("predictions.csv").stat().st_mtime_ns == stamp

    result = command("eval", exp, "--format", "json")
    assert result.returncode == 0, result.stderr
    scores = json.loads(result.stdout)
    assert scores == json.loads((exp / "scores.json").read_text())
    split = json.loads((exp / "split.json").read_text())
    tested = {i for entry in split["folds"] for i in entry["test"]}
    assert {row.utterance_id for row in read_predictions(exp / "predictions.csv").rows} == tested

    fresh = command("eval", exp, workplace / "data", "--format", "json")
    assert fresh.returncode == 0, fresh.stderr
    stored, computed = scores["pooled"], json.loads(fresh.stdout)["pooled"]
    assert stored == computed


def test_a_model_is_not_scored_on_speakers_it_was_trained_on(command, workplace):
    result = trained(command, workplace, "everybody", "--set", "protocol.name=all")
    assert result.returncode == 0, result.stderr
    result = command("eval", workplace / "everybody", workplace / "data")
    assert result.returncode == 1
    assert "trained on" in result.stderr


def test_the_same_command_and_seed_give_the_same_predictions(command, workplace):
    for name in ("one", "two"):
        assert trained(command, workplace, name, "--fold", "1", "--seed", "5").returncode == 0
    one, two = (
        (workplace / n / "fold_01" / "predictions.csv").read_bytes() for n in ("one", "two")
    )
    assert one == two


def test_an_interrupted_training_goes_on(command, workplace):
    arguments = (
        "train", workplace / "tiny.toml", workplace / "data", workplace / "stopped",
        "--device", "cpu", "--fold", "1", "--set", "train.epochs=30",
    )  # fmt: skip
    state = workplace / "stopped" / "fold_01" / "state.pt"
    with started(line(*arguments), stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 120
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        running.terminate()
        running.wait()
    assert state.exists()
    assert not (workplace / "stopped" / "fold_01" / "finished.json").exists()
    resumed = command(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    history = (workplace / "stopped" / "fold_01" / "history.csv").read_text().splitlines()
    assert [int(line.split(",")[0]) for line in history[1:]] == list(range(1, 31))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fold", "9"), "no such fold"),
        (("--set", "train.epoch=3"), "did you mean 'epochs'"),
        (("--set", "context.encoder=nowhere/at-all"), "context encoder"),
        (("--device", "abacus"), "unknown device"),
    ],
)
def test_errors_are_one_line_and_exit_1(command, workplace, options, message):
    result = trained(command, workplace, f"refused{len(message)}", *options)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_the_published_configuration_trains_with_a_wavlm_folder(command, workplace):
    """Every published quirk at once; the encoder is a small random one, as WavLM saves itself."""
    folder = workplace / "wavlm"
    tiny.random_encoder().model.save_pretrained(folder)
    result = command(
        "train", "recipes/conf/published.toml", workplace / "data", workplace / "published",
        "--fold", "1", "--device", "cpu", "--set", f"context.encoder={folder}",
        "--set", "train.epochs=1", "--set", "train.batch_size=4",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    text = (workplace / "published" / "fold_01" / "checkpoint" / "checkpoint.json").read_text()
    assert str(workplace) not in text
    about = json.loads(text)
    assert about["config"]["context"]["encoder"] == "wavlm"
    assert about["parameters"]["network"] > 3e6
    example = command("predict", SOUNDS, "--model", workplace / "published", "--format", "jsonl")
    assert example.returncode == 0, example.stderr


def test_a_run_is_not_resumed_with_other_labels_or_another_encoder(command, workplace):
    for name, seed in (("a", 1), ("b", 2)):
        tiny.random_encoder(seed).model.save_pretrained(workplace / name / "encoder")

    def start(encoder, data="data"):
        return command(
            "train", workplace / "tiny.toml", workplace / data, workplace / "mixed", "--fold", "1",
            "--device", "cpu", "--resume", "--set", "context.layers=[1]", "--set",
            f"context.encoder={workplace / encoder / 'encoder'}",
            "--cache-dir", workplace / "cache",
        )  # fmt: skip

    assert start("a").returncode == 0
    (workplace / "mixed" / "fold_01" / "finished.json").unlink()
    other = start("b")
    assert other.returncode == 1
    assert "encoder" in other.stderr
    changed = workplace / "changed"
    shutil.copytree(workplace / "data", changed)
    table = (changed / "utt2emo").read_text()
    (changed / "utt2emo").write_text(table.replace(" anger", " sadness", 1))
    relabelled = start("a", "changed")
    assert relabelled.returncode == 1
    assert "differing in: data" in relabelled.stderr


def test_outputs_that_cannot_be_written_are_one_line(command, workplace):
    (workplace / "occupied").write_text("a file, not a folder")
    result = trained(command, workplace, "occupied/below", "--fold", "1")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
