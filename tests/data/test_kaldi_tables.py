"""Every fault in a data directory is found, and named once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ser_pcq.data import directory as datadir
from ser_pcq.errors import DataError

FILES = {
    "utt2spk": "A-anger A\nA-sadness A\nB-anger B\nB-sadness B\n",
    "utt2emo": "A-anger anger\nA-sadness sadness\nB-anger anger\nB-sadness sadness\n",
    "spk2gender": "A f\nB m\n",
    "utt2session": "A-anger 1\nA-sadness 1\nB-anger 1\nB-sadness 1\n",
    "text": "A-anger grüß Gott\nA-sadness\nB-anger so?\nB-sadness so\n",
    "labels": "anger\nsadness\n",
}


@pytest.fixture
def sound(tmp_path: Path, tone: Callable[..., Path]) -> Path:
    """A data directory with nothing wrong, and its audio."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    ids = [line.split()[0] for line in FILES["utt2spk"].splitlines()]
    wavs = [tone(tmp_path / "wav" / f"{i}.wav") for i in ids]
    scp = "".join(f"{i} {wav}\n" for i, wav in zip(ids, wavs, strict=True))
    (folder / "wav.scp").write_text(scp)
    return folder


def kinds(path: Path, **options: object) -> list[str]:
    return sorted(problem.kind for problem in datadir.validate(path, **options))


def edit(path: Path, old: str, new: str) -> None:
    content = path.read_bytes().decode()
    assert old in content
    path.write_bytes(content.replace(old, new, 1).encode())


def test_nothing_wrong(sound: Path) -> None:
    assert datadir.validate(sound) == []


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    assert kinds(tmp_path / "none") == ["missing-file"]
    assert kinds(tmp_path) == ["missing-file"] * 3
    with pytest.raises(DataError, match="the folder does not exist"):
        datadir.read(tmp_path / "none")


@pytest.mark.parametrize("name", ["wav.scp", "utt2spk", "utt2emo"])
def test_missing_file(sound: Path, name: str) -> None:
    (sound / name).unlink()
    assert kinds(sound) == ["missing-file"]
    (sound / name).mkdir()
    assert kinds(sound) == ["missing-file"]


@pytest.mark.parametrize(
    ("name", "old", "new", "kind", "told"),
    [
        ("utt2spk", "A-anger A\nA-sadness A\n", "A-sadness A\nA-anger A\n", "unsorted", "A-anger"),
        ("utt2emo", "B-anger", "A-sadness", "duplicate-id", "A-sadness"),
        ("spk2gender", "B m", "B x", "inconsistent-speaker", "m, f, o"),
        ("spk2gender", "B m\n", "", "inconsistent-speaker", "1 not in spk2gender: B"),
        ("spk2gender", "B m\n", "B m\nC m\n", "inconsistent-speaker", "1 not in utt2spk: C"),
        ("utt2session", "B-anger 1\n", "", "id-mismatch", "wav.scp: 1 not in utt2session: B-an"),
        ("text", "B-anger", "B-angry", "id-mismatch", "text: 1 not in wav.scp: B-angry"),
        ("utt2emo", " anger\n", " angr\n", "unknown-label", "did you mean 'anger'"),
        ("labels", "anger\n", "anger and so on\n", "bad-line", "labels: line 1: 4 fields"),
        ("utt2spk", "A-anger A", "A-anger A A", "bad-line", "line 1: 3 fields instead of 2"),
        ("utt2spk", "B-anger B", "B-anger", "bad-line", "line 3: 1 fields"),
        ("utt2spk", "\n", "\n\n", "bad-line", "line 2: an empty line"),
        ("utt2spk", "A-sad", " A-sad", "bad-line", "line 2: an empty line, or a blank"),
        ("utt2spk", "A-anger", "\ufeffA-anger", "bad-line", "byte order mark"),
        ("wav.scp", "A-anger ", "A-anger | ", "bad-line", "never run"),
        ("wav.scp", "wav/A-anger.wav", "wav/gone.wav", "missing-audio", "gone.wav"),
        ("wav.scp", "wav/A-anger.wav", "wav", "bad-audio", "folder"),
    ],
)
def test_fault_is_found(sound: Path, name: str, old: str, new: str, kind: str, told: str) -> None:
    edit(sound / name, old, new)
    problems = [p for p in datadir.validate(sound) if p.kind == kind]
    assert problems, datadir.validate(sound)
    assert problems[0].message.startswith(name) or "not in" in told
    assert any(told in p.message for p in problems)
    assert all("\n" not in p.message for p in problems)


def test_pipe_is_never_run(sound: Path, tmp_path: Path) -> None:
    edit(sound / "wav.scp", "A-anger ", f"A-anger touch {tmp_path}/pwned ; cat ")
    edit(sound / "wav.scp", "A-anger.wav\n", "A-anger.wav |\n")
    assert kinds(sound) == ["bad-line"]
    with pytest.raises(DataError, match="pipe"):
        datadir.read(sound)
    assert not (tmp_path / "pwned").exists()


def test_windows_line_ends_are_one_problem_per_file(sound: Path) -> None:
    for name in ("utt2emo", "wav.scp"):
        content = (sound / name).read_bytes()
        (sound / name).write_bytes(content.replace(b"\n", b"\r\n"))
    problems = datadir.validate(sound)
    assert [p.kind for p in problems] == ["bad-line", "bad-line"]
    assert all("carriage return" in p.message and "1 more" in p.message for p in problems)


def test_latin1_is_named_with_its_line(sound: Path) -> None:
    content = (sound / "text").read_bytes().replace("ü".encode(), b"\xfc")
    (sound / "text").write_bytes(content)
    (problem,) = datadir.validate(sound)
    assert problem.kind == "bad-line"
    assert "text: line 1 is not UTF-8" in problem.message


def test_empty_file(sound: Path) -> None:
    (sound / "utt2spk").write_text("")
    assert kinds(sound) == ["empty-file"]


@pytest.mark.parametrize(
    "line", ["A-anger 0 2", "A-anger 1 1", "A-anger -1 2", "A-anger x 2", "A-anger nan 2",
             "A-anger 0 inf", "A-anger 0.5 0.2", "A-anger 5 6", "A-anger 0 9", "gone 0 1"],
)  # fmt: skip
def test_bad_segment(sound: Path, line: str) -> None:
    ids = ("A-anger", "A-sadness", "B-anger", "B-sadness")
    good = "".join(f"{i} {i} 0 1\n" for i in ids)
    (sound / "segments").write_text(good)
    assert kinds(sound) == []
    edit(sound / "segments", "A-anger A-anger 0 1", f"A-anger {line}")
    assert kinds(sound) == ["bad-segment"]


def test_labels_given_come_before_the_file(sound: Path) -> None:
    assert kinds(sound, labels=["anger", "sadness", "joy"]) == []
    assert kinds(sound, labels=["anger"]) == ["unknown-label"]
    with pytest.raises(DataError, match="unknown-label"):
        datadir.read(sound, labels=["anger"])
    (sound / "labels").unlink()
    edit(sound / "utt2emo", " anger", " wrath")
    assert kinds(sound) == []
