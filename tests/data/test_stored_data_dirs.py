"""Data directories that 983a9ba wrote are read and checked as it did."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from support.paths import ROOT

from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import GENERATORS
from ser_pcq.errors import DataError

STORED = ROOT / "tests" / "support" / "stored_983a9ba" / "data_dirs"
# What 983a9ba said of each: its problems (kind and file), and its utterances or the error.
READ = json.loads((STORED / "read.json").read_text(encoding="utf-8"))


def problems(folder: Path, *, check_audio: bool) -> list[list[str]]:
    found = datadir.validate(folder, check_audio=check_audio)
    return [[p.kind, p.message.partition(":")[0]] for p in found]


@pytest.fixture(scope="module")
def with_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders with the recordings beside them, which a seed makes again."""
    root = tmp_path_factory.mktemp("stored")
    released = GENERATORS["synthetic"](root / "released", speakers=2, per_class=1)
    (released / "wav").rename(root / "wav")
    for name in READ:
        shutil.copytree(STORED / name, root / name)
    return root


@pytest.mark.parametrize("name", READ)
def test_what_is_wrong_with_a_stored_directory(name: str, with_audio: Path) -> None:
    wanted = READ[name]["problems"]
    assert problems(STORED / name, check_audio=False) == wanted["without_audio"]
    assert problems(STORED / name, check_audio=True) == wanted["audio_missing"]
    assert problems(with_audio / name, check_audio=True) == wanted["audio_there"]


@pytest.mark.parametrize("name", [name for name in READ if "utterances" in READ[name]])
def test_a_stored_directory_is_read_and_written_as_it_was(name: str, tmp_path: Path) -> None:
    folder = STORED / name
    data = datadir.read(folder)
    assert {u.corpus for u in data.utterances} == {data.corpus} == {READ[name]["corpus"]}
    found = [
        {**asdict(u), "audio": str(u.audio).replace(str(folder), "DIR")} for u in data.utterances
    ]
    for one in found:
        del one["corpus"]  # which 983a9ba did not keep for each of them
    assert json.loads(json.dumps(found)) == READ[name]["utterances"]
    datadir.write(tmp_path / "again", data.utterances, corpus=data.corpus)
    for path in folder.iterdir():
        if path.name != "wav.scp":  # paths are absolute there
            assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_unsound_stored_directory_is_refused() -> None:
    with pytest.raises(DataError, match=READ["unsound"]["error"]):
        datadir.read(STORED / "unsound")
