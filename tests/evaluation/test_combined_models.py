"""Models and combined directories: a corpus is recognised under its own names and the common ones.

All by the commands, from directories to scores.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import tiny

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import UNKNOWN_SPEAKER, Utterance


def recordings(folder: Path, seed: int) -> list[Utterance]:
    """The same four names of speakers and the same ids, but other recordings for another seed."""
    return list(tiny.make_data_dir(folder, seed=seed, per_class=1).utterances)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, command) -> Path:
    """Corpora `first`, `second` and `third`, the first two combined, and models of each."""
    root = tmp_path_factory.mktemp("combined")
    for seed, name in enumerate(("first", "second", "third")):
        datadir.write(root / name, recordings(root / f"r{seed}", seed), corpus=name)
    done = command("data", "combine", root / "first", root / "second", root / "both")
    assert done.returncode == 0, done.stderr
    (root / "tiny.toml").write_text(tiny.TOML)
    for name in ("first", "both"):
        train(command, root, name, f"exp-{name}", "--set", "protocol.name=all")
    return root


def train(command, root: Path, data: str, exp: str, *options: str) -> None:
    where = (root / "tiny.toml", root / data, root / exp, "--cache-dir", root / "cache")
    done = command("train", *where, *options)
    assert done.returncode == 0, done.stderr


def evaluate(command, root: Path, exp: str, data: Path, *options: str):
    where = ("--cache-dir", root / "cache", "--output-dir", data / "out", "--no-figures")
    return command("eval", root / exp, data, *where, *options)


def others(root: Path, folder: Path, seed: int, corpus: str | None, **changes: str) -> Path:
    """Recordings that no model has heard, under the names of any corpus."""
    found = [replace(u, **changes) for u in recordings(folder / "r", seed)]
    datadir.write(folder / "data", found, corpus=corpus)
    return folder / "data"


def scores_of(data: Path) -> dict:
    return json.loads((data / "out" / "scores.json").read_text())


def test_a_package_says_whom_it_knows_of_which_corpus(made: Path) -> None:
    about = json.loads((made / "exp-both" / "all" / "checkpoint" / "checkpoint.json").read_text())
    assert about["data"]["corpus"] is None
    of_first = [f"first-{s}" for s in datadir.read(made / "first").speakers]
    assert about["data"]["corpora"]["first"] == of_first
    assert about["data"]["corpora"].keys() == {"first", "second"}
    split = json.loads((made / "exp-both" / "split.json").read_text())
    assert {known["corpus"] for known in split["utterances"].values()} == {"first", "second"}
    card = (made / "exp-both" / "all" / "checkpoint" / "README.md").read_text()
    assert "Data: both (first, second)" in card


def test_a_model_of_several_corpora_is_not_scored_on_one_of_them(made: Path, command) -> None:
    done = evaluate(command, made, "exp-both", made / "second")
    assert done.returncode == 1
    assert "shared-speaker" in done.stderr
    assert "copied-audio" in done.stderr


def test_other_recordings_of_the_same_people_are_recognised_by_their_names(
    made: Path, command, tmp_path: Path
) -> None:
    for corpus, exp, refused in (
        ("second", "exp-both", True),
        ("third", "exp-both", False),
        (None, "exp-both", True),
        ("first", "exp-first", True),
    ):
        data = others(made, tmp_path / f"{corpus}-{exp}", 7, corpus)
        done = evaluate(command, made, exp, data)
        assert done.returncode == int(refused), done.stderr
        assert ("shared-speaker" in done.stderr) == refused
        assert "copied-audio" not in done.stderr
        if not refused:
            assert scores_of(data)["notes"] == ["trained on first, second, tested on third"]
            assert {"speakers", "audio"} == scores_of(data)["verified"].keys()


def test_a_model_of_one_corpus_is_not_scored_on_a_combination_with_it(
    made: Path, command, tmp_path: Path
) -> None:
    for one, other, refused in (("first", "third", True), ("second", "third", False)):
        out = tmp_path / f"{one}-{other}"
        assert command("data", "combine", made / one, made / other, out).returncode == 0
        done = evaluate(command, made, "exp-first", out)
        assert done.returncode == int(refused), done.stderr
        if refused:
            (line,) = done.stderr.splitlines()
            assert "shared-speaker" in line
            assert "first-" in line
            assert "third-f" not in line
            # What is left without that corpus is scored.
            rest = tmp_path / "rest"
            command("data", "subset", out, rest, "--exclude-corpora", "first")
            done = evaluate(command, made, "exp-first", rest)
            assert done.returncode == 0, done.stderr
            assert scores_of(rest)["notes"] == ["trained on first, tested on third"]
        else:
            assert scores_of(out)["notes"] == ["trained on first, tested on second, third"]
            verified = scores_of(out)["verified"]["speakers"]
            assert verified == "the corpora are others than the model learnt from"


def test_a_part_of_a_combination_is_recognised_too(made: Path, command, tmp_path: Path) -> None:
    part = tmp_path / "part"
    done = command("data", "subset", made / "both", part, "--corpora", "second")
    assert done.returncode == 0, done.stderr
    assert (part / "corpus").read_text() == "second\n"
    assert evaluate(command, made, "exp-first", part).returncode == 0
    done = evaluate(command, made, "exp-both", part)
    assert done.returncode == 1
    assert "shared-speaker" in done.stderr


def test_unknown_speakers_of_another_corpus_are_scored(made: Path, command, tmp_path: Path) -> None:
    for corpus, refused in (("third", False), ("second", True)):
        changes = {"speaker": UNKNOWN_SPEAKER, "gender": None}
        data = others(made, tmp_path / corpus, 7, corpus, **changes)
        done = evaluate(command, made, "exp-both", data)
        assert done.returncode == int(refused), done.stderr
        assert ("unknown-speaker" in done.stderr) == refused


def test_a_fold_knows_only_the_corpora_that_it_has_learnt_from(
    made: Path, command, tmp_path: Path
) -> None:
    """A corpus that lists leave out is judged by the model that has not heard it."""
    from ser_pcq import make_split, write_split_file
    from ser_pcq.config import ProtocolConfig
    from ser_pcq.protocols.rules import Fold

    ids = {
        corpus: tuple(u.utterance_id for u in datadir.read(made / "both").utterances
                      if u.corpus == corpus)
        for corpus in ("first", "second")
    }  # fmt: skip
    folds = [
        Fold(1, "first", ids["second"], (), ids["first"]),
        Fold(2, "second", ids["first"], (), ids["second"]),
    ]
    write_split_file(tmp_path / "lists.json", make_split(folds, ProtocolConfig(name="fixed")))
    fixed = ("protocol.name=fixed", f'protocol.split="{tmp_path / "lists.json"}"')
    plain = ("protocol.refit=false", "protocol.valid_speakers=0", "train.select=last")
    settings = [word for change in (*fixed, *plain) for word in ("--set", change)]
    train(command, made, "both", "exp-apart", *settings)
    done = command("eval", made / "exp-apart", "--no-figures")
    assert done.returncode == 0, done.stderr
    about = made / "exp-apart" / "fold_01" / "checkpoint" / "checkpoint.json"
    assert json.loads(about.read_text())["data"]["corpora"].keys() == {"second"}
    # Each is scored by the fold that did not learn from it, though they share their names.
    for corpus in ("first", "second"):
        done = evaluate(command, made, "exp-apart", made / corpus)
        assert done.returncode == 0, done.stderr
        assert "audio" in scores_of(made / corpus)["verified"]
