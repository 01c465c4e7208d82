"""WavLM on a GPU: the commands of the page run here, on a CPU with a small random WavLM."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest
import torch
from support import tiny
from support.pages import blocks
from support.paths import ROOT
from support.trees import iemocap

from ser_pcq.config.toml import load_config, to_dict
from ser_pcq.evaluation.table import read_predictions

PAGE = ROOT / "recipes" / "iemocap" / "gpu.md"
CONF = ROOT / "recipes" / "conf"

# What a machine with a GPU has and this one does not. `hf` fetches what lies in HUB.
STUBS = {
    "nvidia-smi": "echo 'name, driver_version, memory.total [MiB]'",
    "pip": 'if [ "$1" = freeze ]; then echo torch==2.13.0; fi',
    "python": ":",
    "python3": 'mkdir -p "$3/bin"; touch "$3/bin/activate"',
    "hf": 'while [ "$1" != --local-dir ]; do shift; done; mkdir -p "$2"; cp "$HUB"/* "$2"',
    # What launchers start in the place of `python -u -m ser_pcq.cli.train`: the same, sooner.
    "launched": '[ "$3" = ser_pcq.cli.train ] && shift 3 && exec ser-train "$@"',
    "torchrun": f'exec "{sys.executable}" -m torch.distributed.run "$@"',
    # Any free port: other tests may be launching as well.
    "accelerate": f"""
shift; exec "{sys.executable}" -m accelerate.commands.launch --main_process_port 0 "$@" """,
}


def as_on_the_hub(folder):
    """Write a small random WavLM of 12 blocks in the files and names that the hub has."""
    from transformers import WavLMConfig, WavLMModel

    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = WavLMModel(WavLMConfig(num_hidden_layers=12, **tiny.ENCODER_SIZES))
    old = {"parametrizations.weight.original0": "weight_g"}
    old["parametrizations.weight.original1"] = "weight_v"
    weights = {}
    for name, value in model.state_dict().items():
        for new, before in old.items():
            name = name.replace(new, before)
        weights[name] = value
    assert any("weight_g" in name for name in weights)
    torch.save(weights, folder / "pytorch_model.bin")
    model.config.save_pretrained(folder)


def made_small(text):
    """Shorten a configuration: one epoch, 0.5 s, small images; and bfloat16 is for GPUs."""
    for key, value in {
        "epochs": 1, "duration": 0.5, "image_height": 48, "image_width": 64,
    }.items():  # fmt: skip
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    return text.replace('mixed_precision = "bf16"', 'mixed_precision = "no"')


@pytest.fixture(scope="module")
def done(tmp_path_factory, commands_on_path):
    """Type all commands of the page, in a checkout whose configurations are small."""
    root = tmp_path_factory.mktemp("gpu")
    as_on_the_hub(root / "hub")
    shutil.copytree(ROOT / "recipes", root / "recipes", ignore=shutil.ignore_patterns("results"))
    for path in (root / "recipes" / "conf").glob("*.toml"):
        path.write_text(made_small(path.read_text()))
    iemocap.make(root / "path" / "to")
    (root / "bin").mkdir()
    for name, script in STUBS.items():
        (root / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (root / "bin" / name).chmod(0o755)
    commands = "\n".join(["set -euo pipefail", *blocks(PAGE, "sh")])
    # One seed is enough to see that the commands do what they should.
    commands, n = re.subn('"0 1 2"', '"0"', commands)
    assert n == 3
    commands = commands.replace("--jobs 2", "--jobs 1")
    path = f"{root / 'bin'}:{commands_on_path['PATH']}"
    result = subprocess.run(
        ["bash", "-c", commands],
        cwd=root,
        env={
            **commands_on_path,
            "PATH": path,
            "HUB": str(root / "hub"),
            "PYTHON_EXEC": str(root / "bin" / "launched"),
        },
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return root, result


def test_the_commands_train_score_compare_and_keep(done):
    root, result = done
    experiments = root / "exp" / "gpu" / "exp" / "iemocap"
    for name in ("wavlm-fine-tuned", "wavlm-frozen", "published"):
        scores = json.loads((experiments / name / "clean" / "seed_0" / "scores.json").read_text())
        assert scores["protocol"] == "leave-one-session-out", name
        assert scores["n_folds"] == 5
        assert scores["n_speakers"] == 10
        assert "leaky" not in scores
        assert {"speakers", "sessions", "audio", "fitting"} <= scores["verified"].keys()
    for name in ("wavlm-frozen", "published"):
        assert re.search(rf"{name}.*\n?.*wavlm-fine-tuned", result.stdout), result.stdout[-4000:]
    kept = root / "recipes" / "iemocap" / "results"
    for name in ("wavlm-fine-tuned", "wavlm-frozen", "published"):
        assert (kept / name / "clean" / "seed_0" / "predictions.csv").is_file()
    assert "torch==2.13.0" in (kept / "environment.txt").read_text()


def test_what_the_commands_change_is_changed(done):
    root, _ = done
    experiments = root / "exp" / "gpu" / "exp" / "iemocap"

    def config(folder):
        return json.loads((folder / "config.json").read_text())["config"]

    fine_tuned = experiments / "wavlm-fine-tuned" / "clean" / "seed_0"
    assert config(fine_tuned)["train"]["accumulate"] == 1
    assert config(fine_tuned)["context"]["encoder"] == "wavlm-base-plus"
    assert config(experiments / "published" / "clean" / "seed_0")["train"]["accumulate"] == 4
    assert load_config(root / "exp" / "gpu" / "small-gpu.toml").train.accumulate == 4
    tried = json.loads((root / "exp/gpu/layers/fold_01/candidates.json").read_text())
    assert {str(layer) for layer in range(1, 13)} <= set(re.findall(r"\d+", json.dumps(tried)))


def test_two_processes_train_one_fold_together_and_one_of_them_speaks(done):
    """Of the two folds of two GPUs each was trained by one launcher."""
    root, result = done
    together = root / "exp" / "gpu" / "together"
    assert {p.parent.name for p in together.glob("*/finished.json")} == {"fold_01", "fold_02"}
    split = json.loads((together / "split.json").read_text())
    for fold in split["folds"][:2]:
        tested = read_predictions(together / f"fold_0{fold['fold']}" / "predictions.csv").rows
        assert {row.utterance_id for row in tested} == set(fold["test"])
    # In its own experiment, in the trial (the first alone) and together, twice for what it is
    # compared with.
    assert result.stderr.count("fold 1 (1) epoch 1/1") == 5
    assert result.stderr.count("fold 2 (2) epoch 1/1") == 4


def test_a_fine_tuned_encoder_is_in_the_checkpoint_and_a_frozen_one_as_it_was(done):
    from safetensors.torch import load_file

    root, _ = done
    experiments = root / "exp" / "gpu" / "exp" / "iemocap"
    released = torch.load(root / "hub" / "pytorch_model.bin", weights_only=True)
    name = "encoder.layers.{}.feed_forward.output_dense.weight"
    for conf, learns in (("wavlm-fine-tuned", True), ("wavlm-frozen", False)):
        folder = experiments / conf / "clean" / "seed_0" / "fold_01" / "checkpoint"
        tensors = load_file(folder / "model.safetensors")
        # Blocks 1 to 8 of 12, and convolutions that nothing changes.
        assert f"encoder.model.{name.format(7)}" in tensors
        assert f"encoder.model.{name.format(8)}" not in tensors
        for place in (0, 7):
            now, before = (
                tensors[f"encoder.model.{name.format(place)}"],
                released[name.format(place)],
            )
            assert torch.equal(now.float(), before if learns else before.half().float()) != learns
        first = "feature_extractor.conv_layers.0.conv.weight"
        moved = tensors[f"encoder.model.{first}"].float() - released[first]
        assert moved.abs().max() < (1e-9 if learns else 1e-3)


def test_the_hub_command_has_the_options_that_the_page_uses():
    (line,) = [
        line
        for block in blocks(PAGE, "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("hf ")
    ]
    words = shlex.split(line)
    help_text = subprocess.run(
        [sys.executable, "-m", "huggingface_hub.cli.hf", words[1], "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options = [word for word in words if word.startswith("--")]
    assert options
    for option in options:
        assert option in help_text


def test_the_page_installs_what_the_project_asks_for():
    text = PAGE.read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    torch_version = re.search(r"(?m)^TORCH \?= (torch==\S+)", (ROOT / "Makefile").read_text())
    assert f"pip install {torch_version[1]} " in text
    for extra in re.findall(r"pip install '\.\[(\w+)\]'", text):
        assert extra in project["optional-dependencies"]
    least = dict(
        re.findall(r"([\w-]+)>=([\d.]+)", " ".join(project["optional-dependencies"]["train"]))
    )
    assert "pip install '.[train]'" in text
    assert f"transformers {least['transformers'].removesuffix('.0')} or newer" in text
    assert f"accelerate {least['accelerate']} or newer" in text


def test_frozen_and_fine_tuned_differ_in_the_fine_tuning_alone():
    tuned, frozen = (
        to_dict(load_config(CONF / f"wavlm-{kind}.toml")) for kind in ("fine-tuned", "frozen")
    )
    differing = {
        f"{section}.{key}"
        for section, values in tuned.items()
        for key, value in values.items()
        if frozen[section][key] != value
    }
    assert differing == {
        "context.fine_tune", "train.encoder_learning_rate", "train.layer_decay",
        "train.freeze_features", "train.mixed_precision",
    }  # fmt: skip
    assert tuned["train"]["mixed_precision"] == "bf16"
    assert tuned["train"]["select"] == "best"
    assert tuned["protocol"]["valid_from"] == "train"
