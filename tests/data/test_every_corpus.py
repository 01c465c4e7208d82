"""Every corpus, from its released tree to clean folds, by its own commands and recipe."""

import importlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from support.paths import RECIPES, ROOT
from support.recipes import run

from ser_pcq.config.toml import load_config
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import CORPORA
from ser_pcq.data.labels import EMOTIONS
from ser_pcq.protocols.copies import audio_facts
from ser_pcq.protocols.folds import folds_of
from ser_pcq.protocols.leakage import check_folds
from ser_pcq.protocols.rules import groups_of, protocol_name, rule_of

RELEASED = sorted(CORPORA.keys() - {"synthetic"})
TINY = RECIPES / "synthetic" / "conf" / "pcq-tiny.toml"


def tree(name: str, folder: Path) -> Path:
    """Make the small tree of a corpus."""
    return importlib.import_module(f"support.trees.{name.replace('-', '_')}").make(folder)


def changes_of(recipe: Path, protocol: str) -> tuple[list[str], bool]:
    """Return the changes of a protocol file to the configuration, and whether it may leak."""
    options = (recipe / "protocols" / protocol).read_text().replace("@RECIPE@", str(recipe)).split()
    changes = [o.removeprefix("--set=") for o in options if o != "--allow-leakage"]
    return changes, "--allow-leakage" in options


@pytest.fixture(scope="module", params=RELEASED)
def prepared(request, tmp_path_factory, command):
    """The data directory of a corpus, by the command."""
    folder = tmp_path_factory.mktemp(request.param)
    corpus_dir = tree(request.param, folder / "released")
    done = command("data", "prepare", request.param, corpus_dir, folder / "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return request.param, folder / "data"


def test_a_prepared_corpus_is_sound(prepared, command):
    name, data_dir = prepared
    done = command("data", "validate", data_dir)
    assert done.returncode == 0, done.stderr
    data = datadir.read(data_dir)
    assert data.corpus == name
    assert set(data.labels) <= set(CORPORA[name].labels) <= set(EMOTIONS)
    assert len(data.labels) >= 2
    assert datadir.UNKNOWN_SPEAKER not in data.speakers
    for u in data.utterances:
        assert u.audio.is_file()


def test_every_recording_of_a_prepared_corpus_decodes(prepared, command):
    _, data_dir = prepared
    done = command("data", "validate", data_dir, "--decode", "--jobs", 1)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_clean_protocol_of_a_corpus_is_clean(prepared, tmp_path):
    name, data_dir = prepared
    data = datadir.read(data_dir)
    changes, leaky = changes_of(RECIPES / name, "clean")
    assert not leaky
    config = load_config(RECIPES / "conf" / "pcq-whisper.toml", changes)
    protocol = config.protocol
    assert protocol.valid_from == "train"
    folds = folds_of(data, protocol)
    facts = audio_facts(data, tmp_path)
    groups = groups_of(data.utterances, {one.utterance_id: one.digest for one in facts.prints})
    rule = rule_of(protocol.name, protocol.session_mates)
    assert "speaker" in rule.apart
    verdict = check_folds(folds, groups, rule, facts.pairs)
    assert verdict.leaks == ()
    assert {"speakers", "audio"} <= verdict.verified.keys()
    tested = [i for fold in folds for i in fold.test]
    assert len(tested) == len(set(tested))
    # Whatever is chosen by looking is chosen on somebody, and not on the test fold.
    if config.train.select == "best":
        assert all(fold.valid for fold in folds)


@pytest.mark.parametrize("name", RELEASED)
def test_a_recipe_says_what_it_needs_and_has_no_script_of_its_own(name):
    recipe = RECIPES / name
    script = (recipe / "run.sh").read_text()
    assert f"corpus={name}\n" in script
    assert "../corpus.sh" in script
    assert "ser-train" not in script
    assert os.access(recipe / "run.sh", os.X_OK)
    page = (recipe / "README.md").read_text()
    assert f"recipes/{name}/run.sh --corpus-dir" in page
    assert CORPORA[name].citation
    table = (ROOT / "docs" / "data.md").read_text()
    assert f"`ser-data prepare {name} " in table


@pytest.mark.parametrize("name", RELEASED)
def test_every_protocol_of_a_recipe_is_understood_and_says_whether_it_leaks(name):
    for path in sorted((RECIPES / name / "protocols").iterdir()):
        changes, leaky = changes_of(RECIPES / name, path.name)
        config = load_config(RECIPES / "conf" / "pcq-whisper.toml", changes)
        protocol = config.protocol
        looks = protocol.name == "random" or protocol.valid_from == "test"
        assert leaky or not looks, path


def test_iemocap_as_published_is_what_the_paper_did():
    changes, leaky = changes_of(RECIPES / "iemocap", "as-published")
    config = load_config(RECIPES / "conf" / "published.toml", changes)
    assert (config.context.encoder, config.context.fine_tune) == ("wavlm-base-plus", True)
    assert (config.train.batch_size, config.train.learning_rate) == (64, 1e-5)
    assert (config.train.epochs, config.train.patience) == (100, 20)
    assert config.protocol.valid_from == "test"
    name = protocol_name(config.protocol)
    assert name == "leave-one-speaker-out, session-mates in training, chosen on the test fold"
    assert leaky


def one_epoch(folder: Path) -> Path:
    """Write a configuration of one epoch."""
    path = folder / "one.toml"
    path.write_text(TINY.read_text().replace("epochs = 8", "epochs = 1"))
    return path


def test_iemocap_from_the_release_to_scores(commands_on_path, tmp_path):
    released = tree("iemocap", tmp_path)
    options = (
        "--conf",
        one_epoch(tmp_path),
        "--seeds",
        "0",
        "--jobs",
        1,
        "--work-dir",
        tmp_path / "work",
    )
    done = run("iemocap", "--corpus-dir", released, *options, env=commands_on_path)
    assert done.returncode == 0, done.stderr
    exp = tmp_path / "work" / "exp" / "iemocap" / "one" / "clean"
    scores = json.loads((exp / "seed_0" / "scores.json").read_text())
    assert scores["protocol"] == "leave-one-session-out"
    assert scores["n_folds"] == 5
    assert {"speakers", "sessions", "audio"} <= scores["verified"].keys()
    assert "leaky" not in scores


def test_every_corpus_is_left_out_in_turn(commands_on_path, command, tmp_path):
    """From data directories to a table of corpora, of all emotions and of four."""
    for name in ("iemocap", "savee", "ravdess"):
        released = tree(name, tmp_path / name)
        done = command("data", "prepare", name, released, tmp_path / "data" / name)
        assert done.returncode == 0, done.stderr
    # Not a data directory: said, and left out.
    (tmp_path / "data" / "notes").mkdir()
    work = tmp_path / "work"
    options = ("--data-dir", tmp_path / "data", "--conf", one_epoch(tmp_path), "--drop", "calm")
    done = run("all_corpora", *options, "--work-dir", work, env=commands_on_path)
    assert done.returncode == 0, done.stderr
    assert "left out: notes" in done.stderr
    exp = work / "exp" / "all_corpora" / "one" / "clean"
    config = json.loads((exp / "seed_0" / "config.json").read_text())["config"]["protocol"]
    assert (config["name"], config["balance"]) == ("leave-one-corpus-out", "corpus-emotion")
    scores = json.loads((exp / "seed_0" / "scores.json").read_text())
    assert "calm" not in scores["labels"]
    assert "leaky" not in scores
    assert "corpora" in scores["verified"]
    tested = [fold["tested"] for fold in scores["corpora"]]
    assert tested == ["iemocap", "ravdess", "savee"]
    _, of_all, of_four = re.split("^seed_0$", done.stdout, flags=re.MULTILINE)[-3:]
    assert [line.split()[0] for line in of_four.splitlines()[2:5]] == tested
    for fold, line in zip(scores["corpora"], of_all.splitlines()[2:5], strict=True):
        counts = [fold["tested"], str(len(fold["labels"])), str(fold["n_utterances"])]
        assert line.split()[:3] == counts
        assert f"{100 * fold['ua']:.2f} %" in line
    assert "the model chose among anger, happiness, neutral, sadness only" in done.stdout


def test_one_corpus_is_too_few_to_leave_one_out(commands_on_path, command, tmp_path):
    released = tree("savee", tmp_path / "released")
    done = command("data", "prepare", "savee", released, tmp_path / "data" / "savee")
    assert done.returncode == 0, done.stderr
    done = run("all_corpora", "--data-dir", tmp_path / "data", env=commands_on_path)
    assert done.returncode == 2
    assert "two data directories" in done.stderr


@pytest.mark.parametrize("name", RELEASED)
def test_all_protocols_can_be_asked_for_where_there_is_only_one(name, commands_on_path, tmp_path):
    options = ("--protocol", "all", "--work-dir", tmp_path, "--stage", 9, "--stop-stage", 9)
    done = run(name, *options, env=commands_on_path)
    assert done.returncode == 0, done.stderr


def test_recipes_run_in_a_folder_of_any_name(commands_on_path, command, tmp_path):
    odd = tmp_path / "a & b"
    shutil.copytree(RECIPES, odd / "recipes", ignore=shutil.ignore_patterns("results"))
    data = odd / "data" / "ravdess"
    done = command("data", "prepare", "ravdess", tree("ravdess", odd / "released"), data)
    assert done.returncode == 0, done.stderr
    options = ("--seeds", "0", "--jobs", 1, "--work-dir", odd, "--stage", 2)
    options = (*options, "--conf", one_epoch(odd))
    done = run("ravdess", *options, env=commands_on_path, recipes=odd / "recipes")
    assert done.returncode == 0, done.stderr
