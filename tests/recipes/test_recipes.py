"""Recipes: the synthetic one from nothing to scores, the EMO-DB one on the real corpus in part."""

import dataclasses
import json
import shutil

import pytest
from support.paths import RECIPES
from support.recipes import run

from ser_pcq.config import ProtocolConfig
from ser_pcq.config.toml import load_config
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import emodb
from ser_pcq.evaluation.collect import collect
from ser_pcq.evaluation.scores import score
from ser_pcq.evaluation.table import read_predictions
from ser_pcq.protocols.folds import folds_of, make_folds
from ser_pcq.protocols.proof import prove
from ser_pcq.protocols.split_file import read_split

RESULTS = sorted((RECIPES / "emodb" / "results").glob("*/*/seed_*/predictions.csv"))


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


@pytest.mark.parametrize("path", RESULTS, ids=lambda p: "-".join(p.parts[-4:-1]))
def test_committed_predictions_give_the_committed_scores(path):
    predictions, folder = read_predictions(path), path.parent
    assert len(predictions.rows) == 535
    assert len(predictions.by_fold()) == 10
    committed = json.loads(path.with_name("scores.json").read_text())
    proof = prove(folder)
    assert score(collect(folder), proof).to_dict() == committed
    protocol = path.parts[-3]
    expected = {"as-published": {"chosen-on-test"}, "random": {"shared-speaker"}}
    kinds = {leak.kind for leak in proof.verdict.leaks}
    assert kinds == expected.get(protocol, set())
    if protocol == "clean":
        assert set(committed["verified"]) == {
            "speakers",
            "audio",
            "copies",
            "fitting",
            "statistics",
        }
        for fold in predictions.by_fold().values():
            assert len(fold.by_speaker()) == 1  # a fold tests one speaker


def table_rows(page):
    """Return the cells of every table row of a page, by its first two cells."""
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in page.splitlines()]
    return {(row[0], row[1]): row for row in rows if len(row) > 2}


def test_the_results_page_states_what_the_committed_predictions_give():
    assert len(RESULTS) >= 2
    page = (RECIPES / "emodb" / "RESULTS.md").read_text()
    readme = (RECIPES.parent / "README.md").read_text()
    by_name: dict[tuple, list] = {}
    for path in RESULTS:
        by_name.setdefault(path.parts[-4:-2], []).append(read_predictions(path).confusion())
    rows = table_rows(page)
    for (name, protocol), confusions in by_name.items():
        wa, ua = (
            100 * sum(getattr(c, ratio) for c in confusions) / len(confusions)
            for ratio in ("weighted_accuracy", "unweighted_accuracy")
        )
        assert (f"`{name}`", protocol) in rows, f"no row for {name}, {protocol}"
        cells = rows[f"`{name}`", protocol]
        assert f"{wa:.1f}" == cells[2], (name, protocol, wa)
        assert f"{ua:.1f}" == cells[3], (name, protocol, ua)
        if (name, protocol) == ("pcq-whisper", "clean"):
            assert f"| {wa:.1f} | {ua:.1f} |" in readme


FROZEN = {
    "leave-one-speaker-out": "speaker",
    "leave-one-sentence-out": "sentence",
    "random": "utterance",
}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_lists_of_emodb_are_what_the_protocols_give(name, emodb_dir, tmp_path):
    data = datadir.DataDir(tmp_path, tuple(emodb.prepare(emodb_dir).utterances))
    config = ProtocolConfig(name=name, valid_speakers=2)
    path = RECIPES / "emodb" / "splits" / f"{name}.json"
    assert read_split(path).by == FROZEN[name]
    frozen = folds_of(data, dataclasses.replace(config, split=str(path)))
    assert frozen == make_folds(data, config)


def test_frozen_lists_of_iemocap_are_disjoint_and_complete():
    speakers = {f"Ses0{n}{letter}" for n in range(1, 6) for letter in "FM"}
    for name, n_test in (("leave-one-session-out", 2), ("leave-one-speaker-out", 1)):
        split = read_split(RECIPES / "iemocap" / "splits" / f"{name}.json")
        assert (split.by, split.protocol) == ("speaker", name)
        assert sorted(s for fold in split.folds for s in fold.test) == sorted(speakers)
        for fold in split.folds:
            train, valid, test = map(set, (fold.train, fold.valid, fold.test))
            assert (len(train), len(valid), len(test)) == (7, 1, n_test)
            assert len(train | valid | test) == 8 + n_test
            # Nothing of a tested session's dialogues: partners stand on the same recordings.
            assert not {s[:5] for s in train | valid} & {s[:5] for s in test}


def test_every_protocol_of_the_emodb_recipe_is_understood(commands_on_path, tmp_path):
    for path in sorted((RECIPES / "emodb" / "protocols").iterdir()):
        options = path.read_text().split()
        changes = [o.removeprefix("--set=") for o in options if o != "--allow-leakage"]
        for conf in sorted((RECIPES / "conf").glob("*.toml")):
            if conf.stem not in ("published", "wavlm-fine-tuned") or path.name != "speaker-adapted":
                config = load_config(conf, changes)
        leaky = config.protocol.name == "random" or config.protocol.valid_from == "test"
        assert leaky == ("--allow-leakage" in options)
    done = run(
        "emodb", "--protocol", "unfair", "--stage", 2, "--work-dir", tmp_path, env=commands_on_path
    )
    assert done.returncode == 2
    assert "no protocol unfair" in done.stderr


def test_only_a_model_that_is_as_its_card_says_gets_into_the_package(commands_on_path, tmp_path):
    recipes = tmp_path / "recipes"
    (recipes / "emodb").mkdir(parents=True)
    for name in (
        "corpus.sh",
        "options.sh",
        "conf",
        "emodb/run.sh",
        "emodb/cards",
        "emodb/protocols",
    ):
        source = RECIPES / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, recipes / name)
    # Instead of training: a command that leaves a package where training does.
    stub = tmp_path / "bin" / "ser-train"
    stub.parent.mkdir()
    stub.write_text(
        '#!/usr/bin/env bash\nmkdir -p "$3/all/checkpoint" && cd "$3/all/checkpoint"\n'
        "touch model.safetensors checkpoint.json; echo trained > README.md\n"
    )
    stub.chmod(0o755)
    export = stub.with_name("ser-export")
    # It writes the folder without a card, then the graph beside the card.
    export.write_text(
        "#!/usr/bin/env bash\nset -eu\n"
        'if [ "$3" = --folder ]; then mkdir -p "$2" "$5"; exit; fi\n'
        'grep -q Limits "$1/README.md"\ntouch "$2"\n'
    )
    export.chmod(0o755)
    env = commands_on_path | {"PATH": f"{stub.parent}:{commands_on_path['PATH']}"}
    options = ("--stage", 5, "--stop-stage", 5, "--work-dir", tmp_path / "work")
    embedded = tmp_path / "ser_pcq" / "models" / "embedded"
    for others in (("--conf", "pcq-whisper"), ("--model", "mine")):
        done = run("emodb", *options, *others, env=env, recipes=recipes)
        assert done.returncode == 0, done.stderr
        assert "stays out of the package" in done.stderr
        assert not embedded.exists()
    done = run("emodb", *options, env=env, recipes=recipes)
    assert done.returncode == 0, done.stderr
    card = (embedded / "emodb-large" / "README.md").read_text()
    assert card.startswith("trained")
    assert "## Limits" in card
    assert (embedded / "emodb-large" / "model.onnx").is_file()
