"""`ser-data combine` and `ser-data subset`, run as a user runs them."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.trees import savee, tess

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import UNKNOWN_SPEAKER

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """Data directories `tess` and `savee`, of small trees that are laid out as the releases."""
    root = tmp_path_factory.mktemp("released")
    for name, tree in (("tess", tess), ("savee", savee)):
        (root / f"{name}-tree").mkdir()
        done = command("data", "prepare", name, tree.make(root / f"{name}-tree"), root / name)
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def folder(released: Path, tmp_path: Path) -> Path:
    """A folder of its own with these data directories."""
    for name in ("tess", "savee"):
        shutil.copytree(released / name, tmp_path / name)
    return tmp_path


def content(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.iterdir()}


def test_corpora_go_together_and_apart_again(folder: Path, process: Command) -> None:
    done = process("data", "combine", "tess", "savee", "both", cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith("ser-data: wrote both: 63 utterances, 6 speaker")
    assert done.stderr.splitlines()[-1].endswith(", 2 corpora")
    checked = process("data", "validate", "both", cwd=folder)
    assert checked.returncode == 0, checked.stderr
    done = process("data", "subset", "both", "part", "--corpora", "savee", cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    before, after = (datadir.read(folder / name) for name in ("savee", "part"))
    assert after.corpus == "savee"
    assert [replace(u, utterance_id=f"savee-{u.utterance_id}", speaker=f"savee-{u.speaker}",
                    sentence=u.sentence and f"savee-{u.sentence}")
            for u in before.utterances] == list(after.utterances)  # fmt: skip


def test_what_was_renamed_and_what_is_alone_is_said(folder: Path, command: Command) -> None:
    emotions = (folder / "savee" / "utt2emo").read_text()
    (folder / "savee" / "utt2emo").write_text(emotions.replace(" anger", " Angry"))
    (folder / "savee" / "labels").unlink()
    done = command("data", "combine", "tess", "savee", "both", "--drop", "fear", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "ser-data: note: emotions of savee were renamed: Angry to anger (" in done.stderr
    assert "fear" not in datadir.read(folder / "both").labels
    done = command("data", "combine", "tess", "savee", "kept", "--keep-names", cwd=folder)
    assert "of one corpus only, with their utterances: Angry (savee, " in done.stderr
    assert "--map Angry=anger" in done.stderr
    mapped = ("--map", "Angry=rage,disgust=rage", "--map", "anger=rage")
    done = command("data", "combine", "tess", "savee", "rage", *mapped, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not {"Angry", "anger", "disgust"} & set(datadir.read(folder / "rage").labels)


def test_unknown_speakers_are_told_of(folder: Path, command: Command) -> None:
    data = datadir.read(folder / "savee")
    nobody = [replace(u, speaker=UNKNOWN_SPEAKER, gender=None) for u in data.utterances]
    datadir.write(folder / "own", nobody, corpus="own")
    done = command("data", "combine", "tess", "own", "both", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "who speaks is not known of 32 of 32 utterances of own" in done.stderr
    assert command("data", "validate", "both", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("combine", "tess", "both"), 2, "two data directories or more"),
        (("combine", "tess", "savee", "tess"), 1, "is to be made; given: tess"),
        (("combine", "tess", "none", "both"), 1, "none: the folder does not exist"),
        (("combine", "tess", "unnamed", "both"), 1, "echo NAME > unnamed/corpus"),
        (("combine", "tess", "tess", "both"), 1, "of tess have utterances with the same ids"),
        (("combine", "tess", "savee", "both", "--map", "angr=x"), 1, "did you mean 'anger'?"),
        (("subset", "tess", "both"), 2, "say what to keep"),
        (("subset", "tess", "savee", "--max", "3"), 1, "is to be made; given: savee"),
        (("subset", "tess", "both", "--max", "0"), 2, "--max"),
        (("subset", "tess", "both", "--speakers", "OAG"), 1, "did you mean 'OA"),
        (("subset", "tess", "both", "--exclude-emotions", "feer"), 1, "did you mean 'fear'?"),
        (("subset", "tess", "both", "--corpora", "savee"), 1, "no utterance has this corpus"),
        (("subset", "tess", "both", "--list", "none"), 1, "No such file"),
        (("subset", "tess", "both", "--exclude-corpora", "tess"), 1, "no utterance is left"),
    ],
)
def test_what_does_not_work_is_said_and_writes_nothing(
    folder: Path, command: Command, arguments: tuple[str, ...], code: int, told: str
) -> None:
    shutil.copytree(folder / "savee", folder / "unnamed")
    (folder / "unnamed" / "corpus").unlink()
    before = {path: content(path) for path in folder.iterdir()}
    done = command("data", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert code == 2 or done.stderr.count("\n") == 1
    assert {path: content(path) for path in folder.iterdir()} == before


def test_a_draw_is_the_same_for_a_seed_and_says_which(folder: Path, command: Command) -> None:
    def drawn(out: str, *options: object) -> dict[str, bytes]:
        done = command("data", "subset", "savee", out, *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert command("data", "validate", out, cwd=folder).returncode == 0
        seed = options[options.index("--seed") + 1] if "--seed" in options else 0
        assert f"ser-data: note: drew 8 of 32 utterances, with seed {seed}\n" in done.stderr
        return content(folder / out)

    each = ("--max-per-speaker", 2)
    assert drawn("a", *each) == drawn("b", *each) != drawn("c", *each, "--seed", 1)
    speakers = [u.speaker for u in datadir.read(folder / "a").utterances]
    assert {speakers.count(s) for s in speakers} == {2}
    done = command("data", "subset", "savee", "all", "--max", 99, cwd=folder)
    assert "seed" not in done.stderr
    assert content(folder / "all") == content(folder / "savee")


def test_a_list_may_be_a_file_of_a_data_directory(folder: Path, command: Command) -> None:
    command("data", "subset", "savee", "few", "--max", 5, cwd=folder)
    done = command("data", "subset", "savee", "again", "--list", "few/utt2spk", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert content(folder / "again") == content(folder / "few")


def test_the_whole_emodb_goes_together_with_another_corpus(
    emodb_dir: Path, folder: Path, process: Command
) -> None:
    assert process("data", "prepare", "emodb", emodb_dir, "emodb", cwd=folder).returncode == 0
    done = process("data", "combine", "emodb", "savee", "both", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "emotions of one corpus only, with their utterances: boredom (emodb, 81)" in done.stderr
    assert "wrote both: 567 utterances, 14 speakers, 8 emotions, 2 corpora" in done.stderr
    assert process("data", "validate", "both", cwd=folder).returncode == 0
    options = ("--max-per-emotion", 10, "--exclude-emotions", "boredom,surprise")
    done = process("data", "subset", "both", "small", *options, cwd=folder)
    assert "wrote small: 60 utterances" in done.stderr
    assert process("data", "validate", "small", cwd=folder).returncode == 0
