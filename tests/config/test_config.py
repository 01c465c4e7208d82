"""The configuration: what is read is what was written, and nothing unknown passes."""

import json

import pytest
from support.paths import PACKAGE, RECIPES

from ser_pcq.config import Config
from ser_pcq.config.toml import from_dict, load_config, to_dict
from ser_pcq.errors import ConfigError


@pytest.fixture
def toml(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[train]\nepochs = 3\nlearning_rate = 1e-4\n")
    return path


def test_values_are_read_over_the_defaults(toml):
    config = load_config(toml)
    assert config.train.epochs == 3
    assert config.train.learning_rate == 1e-4
    assert config.model == Config().model


def test_changes_go_on_top(toml):
    config = load_config(
        toml, ["train.epochs=7", "context.encoder=none", "context.layers=[1, 2]", "model.dropout=0"]
    )
    assert (config.train.epochs, config.context.encoder, config.context.layers) == (
        7,
        "none",
        (1, 2),
    )
    assert config.model.dropout == 0.0


def test_tables_and_configuration_are_the_same_thing(toml):
    config = load_config(toml, ["augment.speeds=[0.9, 1.1]"])
    assert from_dict(to_dict(config)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.epoch=3", "did you mean 'epochs'"),
        ("trian.epochs=3", "did you mean 'train'"),
        ("train.epochs=three", "must be int"),
        ("train.epochs=true", "must be int"),
        ("train.epochs=0", "1 or more"),
        ("model.head=papre", "did you mean 'paper'"),
        ("model.channels=16", "must be a list"),
        ("model.channels=[16, 32]", "four numbers"),
        ("model.channels=[18, 32, 48, 64]", "multiple of 4"),
        ("train.epochs", "section.key=value"),
        ("epochs=3", "section.key=value"),
        ("protocol.valid_speakers=0", "validation speaker"),
        ("model.query_maps=per-depth", "three with"),
        ("segment.duration=0", "0.1 to 60 s"),
        ("frontend.n_fft=-1", "1 or more"),
        ("frontend.extra_windows=[400, 0]", "1 or more"),
        ("augment.time_mask=1.5", "below 1"),
        ("augment.speeds=[0]", "0.1 or more"),
        ("train.weight_decay=-1", "0 or more"),
        ("frontend.f_min=9000", "below frontend.f_max"),
        ("augment.voices=-1", "0 or more"),
        ("discriminant.shrinkages=[0.5, nan]", "up to 1, each once"),
        ("discriminant.shrinkages=[0.5, 0.5]", "each once"),
        ("discriminant.prior=inf", "0 to 10"),
        ("statistics.speech_ranges=[inf]", "from 0 to 1000"),
        ("statistics.parts=[100000]", "1 to 100"),
        ("svm.costs=[]", "above 0"),
        ("segment.padding=none", "segments of one length"),
        ("augment.channels=101", "0 to 100"),
    ],
)
def test_what_does_not_fit_is_named(toml, change, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        load_config(toml, [change])


def test_no_branch_at_all_is_refused(toml):
    with pytest.raises(ConfigError, match="two branches"):
        load_config(toml, ["model.mlcnn=false", "context.encoder=none"])


@pytest.mark.parametrize("text", ["[train", "\xff"])
def test_a_file_that_is_no_toml_is_one_error(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError):
        load_config(path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    "change", ["context.fine_tune=true", "augment.time_mask=0.2", "augment.mixup=0.2"]
)
def test_a_linear_recognizer_refuses_what_only_networks_do(change):
    path = RECIPES / "conf" / "whisper-discriminant.toml"
    with pytest.raises(ConfigError, match="linear recognizer"):
        load_config(path, [change])


@pytest.mark.parametrize(
    ("change", "reads", "ignores"),
    [
        ("protocol.inner=corpus", ("discriminant", "egemaps-svm"), ("pcq", "residual")),
        ("discriminant.prior=1", ("discriminant", "egemaps-svm"), ("pcq", "residual")),
        ("statistics.loudness=[0.3]", ("discriminant", "whisper-svm"), ("pcq", "compare-svm")),
    ],
)
def test_what_a_model_would_not_read_is_refused_in_four_parts(toml, change, reads, ignores):
    key, value = change.split("=")
    for name in reads:
        assert load_config(toml, [change, f"model.name={name}", "context.encoder=whisper-base"])
    for name in ignores:
        encoder = "none" if name == "residual" else "whisper-base"
        with pytest.raises(ConfigError) as refused:
            load_config(toml, [change, f"model.name={name}", f"context.encoder={encoder}"])
        parts = ["out of range; given: ", f'model.name = "{name}"', "; accepted: ", f"leave {key}"]
        assert key in str(refused.value)
        assert value in str(refused.value)
        for part in parts:
            assert part in str(refused.value)


STORED = sorted(
    path
    for folder, name in ((PACKAGE, "checkpoint.json"), (RECIPES, "config.json"))
    for path in folder.rglob(name)
)


@pytest.mark.parametrize("path", STORED, ids=lambda p: f"{p.parent.parent.name}-{p.parent.name}")
def test_the_configuration_of_every_stored_model_loads(path):
    assert isinstance(from_dict(json.loads(path.read_text())["config"]), Config)


CONFIGURATIONS = sorted([*RECIPES.glob("*/conf/*.toml"), *RECIPES.glob("conf/*.toml")])


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: p.stem)
def test_every_configuration_of_the_recipes_loads(path):
    assert isinstance(load_config(path), Config)


def test_the_published_configuration_is_the_published_one():
    config = load_config(RECIPES / "conf" / "published.toml")
    assert (config.frontend.n_fft, config.frontend.win_length, config.frontend.n_bins) == (
        800,
        640,
        200,
    )
    assert config.model.head == "paper"
    assert config.context.fine_tune
    assert config.train.learning_rate == 1e-5
