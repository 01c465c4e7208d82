"""What is exported is read back as it was."""

import csv
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import DataDir, Utterance
from ser_pcq.data.readers.audformat import read_audformat
from ser_pcq.data.readers.table import read_table
from ser_pcq.data.writers.audformat import export_audformat
from ser_pcq.data.writers.table import export_csv
from ser_pcq.errors import DataError

Command = Callable[..., subprocess.CompletedProcess[str]]
Tone = Callable[..., Path]

# Anything that a data directory can hold as a word: quotes, delimiters, letters of any script; with
# accented letters composed, as every `ser-data prepare` for own data writes them.
words = (
    st.text(
        st.characters(codec="utf-8", categories=("L", "N", "P", "S")).filter(str.isprintable),
        min_size=1,
        max_size=6,
    )
    .map(lambda word: unicodedata.normalize("NFC", word))
    .filter(str.isprintable)
)
texts = st.text(st.characters(codec="utf-8", categories=("L", "P", "S", "N", "Z")), max_size=12)
numbers = st.floats(-1e6, 1e6)
vads = st.none() | st.tuples(numbers, numbers, numbers)
rater = st.tuples(words.filter(lambda w: ":" not in w), words).map(":".join)
NAMES = ("a.wav", "b c.flac", 'd,"e".wav', "ü/f.wav", "'g';h.ogg")


@st.composite
def data_dirs(draw: st.DrawFn) -> list[Utterance]:
    """Utterances that make a sound data directory; audio paths are still relative."""
    ids = draw(st.lists(words, min_size=1, max_size=5, unique=True))
    speakers = draw(st.lists(words, min_size=1, max_size=3, unique=True))
    genders = {s: draw(st.sampled_from("mfo")) for s in speakers}
    known = draw(st.sets(st.sampled_from(("gender", "session", "text", "split", "original"))))
    files = draw(st.permutations(NAMES))
    segmented = draw(st.booleans())
    utterances = []
    for utterance_id, file in zip(ids, files, strict=False):
        speaker = draw(st.sampled_from(speakers))
        facts = {
            "gender": genders[speaker],
            "session": draw(words),
            "text": " ".join(draw(texts).split()),
            "split": draw(st.sampled_from(("train", "valid", "test"))),
            "original": draw(st.sampled_from(ids)),
        }
        start, length = (draw(st.none() | st.integers(1, 10**7)) for _ in range(2))
        end = None if length is None else ((start or 0) + length) / 1000
        utterances.append(
            Utterance(
                utterance_id,
                Path(file),
                speaker,
                draw(words),
                **{name: value for name, value in facts.items() if name in known},
                vad=draw(vads),
                ratings=tuple(draw(st.lists(rater, max_size=2))),
                start=start / 1000 if segmented and start is not None else None,
                end=end if segmented else None,
            )
        )
    return utterances


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def written(work: Path, audio: Path, utterances: list[Utterance]) -> DataDir:
    """The data directory as it is read."""
    placed = [replace(u, audio=audio / u.audio) for u in utterances]
    datadir.write(work / "data", placed)
    return datadir.read(work / "data")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(utterances=data_dirs(), suffix=st.sampled_from((".csv", ".tsv")), relative=st.booleans())
def test_a_table_gives_an_equal_data_directory(
    work: Path, audio: Path, utterances: list[Utterance], suffix: str, relative: bool
) -> None:
    data = written(work, audio, utterances)
    out = work / f"table{suffix}"
    export_csv(data, out, relative=relative, overwrite=True)
    datadir.write(work / "again", read_table(out).utterances)
    again = datadir.read(work / "again")
    assert again.utterances == data.utterances
    for file in (work / "data").iterdir():
        assert (work / "again" / file.name).read_bytes() == file.read_bytes()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(utterances=data_dirs(), copy=st.booleans())
def test_a_database_gives_an_equal_data_directory(
    work: Path, audio: Path, utterances: list[Utterance], copy: bool
) -> None:
    pytest.importorskip("audformat")
    data = written(work, audio, utterances)
    shutil.rmtree(work / "database", ignore_errors=True)
    export_audformat(data, work / "database", name="own", copy_audio=copy)
    again = read_audformat(work / "database").utterances
    assert len(again) == len(data.utterances)
    by_id = {u.utterance_id: u for u in again}
    for u in data.utterances:
        found = by_id[u.utterance_id]
        assert replace(found, audio=u.audio) == u
        assert found.audio.read_bytes() == u.audio.read_bytes()
        assert (work / "database" in found.audio.parents) == copy


@pytest.fixture
def data(tmp_path: Path, tone: Tone) -> DataDir:
    """Three utterances of two recordings, under the name of a corpus."""
    one = tone(tmp_path / "wav" / "one.wav", seconds=2)
    two = tone(tmp_path / "wav" / "two.wav", frequency=300)
    utterances = [
        Utterance("A-1", one, "A", "anger", gender="f", end=1.0),
        Utterance("A-2", one, "A", "joy", gender="f", start=1.0),
        Utterance("B-1", two, "B", "joy", gender="m"),
    ]
    datadir.write(tmp_path / "data", utterances, corpus="mine")
    return datadir.read(tmp_path / "data")


def test_the_table_can_be_read_by_others(data: DataDir, tmp_path: Path) -> None:
    export_csv(data, tmp_path / "out" / "own.csv", relative=True)
    with (tmp_path / "out" / "own.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {
        "id": "A-2",
        "path": "../wav/one.wav",
        "emotion": "joy",
        "speaker": "A",
        "gender": "f",
        "start": "1.0",
        "end": "",
    }


def test_the_database_can_be_read_by_others(data: DataDir, tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    options = {"license_name": "CC-BY-4.0", "author": "A. Person", "copy_audio": True}
    export_audformat(data, tmp_path / "db", **options)
    database = audformat.Database.load(str(tmp_path / "db"))
    assert (database.name, database.license, database.author) == ("mine", "CC-BY-4.0", "A. Person")
    assert database.usage == "other"
    assert database.is_portable
    assert sorted(p.name for p in (tmp_path / "db" / "audio").iterdir()) == ["one.wav", "two.wav"]
    assert database.get("emotion")["emotion"].tolist() == ["anger", "joy", "joy"]
    assert database.get("gender")["gender"].tolist() == ["female", "female", "male"]
    assert database["emotion"].ends.isna().tolist() == [False, True, True]


def test_what_cannot_be_exported_leaves_nothing(data: DataDir, tmp_path: Path) -> None:
    pytest.importorskip("audformat")
    twice = replace(data, utterances=(*data.utterances, replace(data.utterances[0], speaker="C")))
    with pytest.raises(DataError, match="the same stretch of a recording"):
        export_audformat(twice, tmp_path / "db")
    gone = replace(data.utterances[2], audio=tmp_path / "gone.wav")
    with pytest.raises(DataError, match=r"not there; given: 1 of 2: B-1 .*gone.wav"):
        export_audformat(replace(data, utterances=(*data.utterances[:2], gone)), tmp_path / "db")
    assert not (tmp_path / "db").exists()
    with pytest.raises(DataError, match="not empty"):
        export_audformat(data, tmp_path / "wav")
    with pytest.raises(DataError, match="cannot be written"):
        export_csv(data, tmp_path / "wav", overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "wav"]


def test_commands_export(data: DataDir, tmp_path: Path, command: Command) -> None:
    pytest.importorskip("audformat")
    done = command("data", "export", "csv", "data", "own.tsv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "--corpus mine" in done.stderr
    before = (tmp_path / "own.tsv").read_bytes()
    done = command("data", "export", "csv", "data", "own.tsv", "--relative", cwd=tmp_path)
    assert done.returncode == 1
    assert "--overwrite" in done.stderr
    assert (tmp_path / "own.tsv").read_bytes() == before
    done = command("data", "export", "csv", "data", "own.tsv", "--overwrite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = command("data", "prepare", "csv", "own.tsv", "again", "--corpus", "mine", cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    again = datadir.read(tmp_path / "again")
    assert (again.utterances, again.corpus) == (data.utterances, "mine")

    options = ("--name", "own", "--license", "CC0-1.0", "--author", "me")
    done = command("data", "export", "audformat", "data", "db", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    back = command("data", "prepare", "audformat", "db", "back", cwd=tmp_path)
    assert back.returncode == 0, back.stderr
    unnamed = tuple(replace(u, corpus=None) for u in data.utterances)
    assert datadir.read(tmp_path / "back").utterances == unnamed
    assert command("data", "export", "csv", "none", "own.csv", cwd=tmp_path).returncode == 1


def test_of_several_corpora_each_row_says_which(tmp_path: Path, command: Command) -> None:
    audformat = pytest.importorskip("audformat")
    (tmp_path / "a.wav").touch()
    for name in ("one", "two"):
        text = {"text": "hm"} if name == "one" else {}
        u = Utterance(name, tmp_path / "a.wav", f"{name}-s", "anger", corpus=name, **text)
        datadir.write(tmp_path / name, [replace(u, end=1.0 if text else 2.0)])
    both = [u for name in ("one", "two") for u in datadir.read(tmp_path / name).utterances]
    datadir.write(tmp_path / "both", both)
    done = command("data", "export", "csv", "both", "both.csv", cwd=tmp_path)
    assert "ser-data subset --corpora" in done.stderr
    rows = list(csv.DictReader((tmp_path / "both.csv").open()))
    assert [(row["corpus"], row["text"]) for row in rows] == [("one", "hm"), ("two", "")]
    command("data", "export", "audformat", "both", "db", cwd=tmp_path)
    table = audformat.Database.load(str(tmp_path / "db"))["emotion"].df
    assert list(table["corpus"]) == ["one", "two"]
    done = command("data", "prepare", "csv", "both.csv", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "columns that were not read: corpus" in done.stderr
