"""Databases in audformat and Hugging Face datasets become data directories, or are refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import UNKNOWN_SPEAKER
from ser_pcq.data.readers.audformat import read_audformat
from ser_pcq.data.readers.columns import Columns
from ser_pcq.data.readers.hf_audio import file_names, placed, suffix_of
from ser_pcq.data.readers.hf_datasets import read_datasets
from ser_pcq.errors import DataError

Command = Callable[..., subprocess.CompletedProcess[str]]
Tone = Callable[..., Path]


# audformat: laid out as databases of its makers are, emotions in several tables, speakers in one of
# files, and their gender with the labels of the scheme.

FILES = ("wav/a1.wav", "wav/a2.wav", "wav/b1.wav", "wav/b2.wav")


def database(folder: Path):
    audformat = pytest.importorskip("audformat")
    made = audformat.Database("toy", usage=audformat.define.Usage.RESEARCH)
    made.schemes["emotion"] = audformat.Scheme("str", labels=["anger", "joy"])
    made.schemes["speaker"] = audformat.Scheme(
        "int", labels={3: {"gender": "male"}, 8: {"gender": "female"}}
    )
    made.schemes["transcription"] = audformat.Scheme("str", labels={"t1": "Yes, yes.", "t2": "No."})
    made.splits["train"] = audformat.Split("train")
    made.splits["dev"] = audformat.Split("dev")
    made["files"] = audformat.Table(audformat.filewise_index(FILES))
    for name, values in (("speaker", [3, 3, 8, 8]), ("transcription", ["t1", "t2", "t1", "t2"])):
        made["files"][name] = audformat.Column(scheme_id=name)
        made["files"][name].set(values)
    for table, split, chosen, labels in (
        ("gold.train", "train", FILES[:2], ["anger", "joy"]),
        ("gold.dev", "dev", FILES[2:], ["joy", None]),
    ):
        made[table] = audformat.Table(audformat.filewise_index(chosen), split_id=split)
        made[table]["emotion"] = audformat.Column(scheme_id="emotion")
        made[table]["emotion"].set(labels)
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(file)
    return made


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    database(tmp_path / "toy").save(str(tmp_path / "toy"))
    return tmp_path / "toy"


def test_tables_of_splits_with_the_speakers_of_another_table(toy: Path) -> None:
    made = read_audformat(toy, tables=("gold.train", "gold.dev"))
    told = [(u.audio, u.speaker, u.gender, u.emotion, u.text, u.split) for u in made.utterances]
    assert told == [
        (toy / FILES[0], "3", "m", "anger", "Yes, yes.", "train"),
        (toy / FILES[1], "3", "m", "joy", "No.", "train"),
        (toy / FILES[2], "8", "f", "joy", "Yes, yes.", "valid"),
    ]
    assert [u.utterance_id for u in made.utterances] == ["3-a1", "3-a2", "8-b1"]
    assert made.notes == ("left out: 1 rows without an emotion: gold.dev: wav/b2.wav",)


def test_one_table_has_no_split_and_speakers_can_be_left_out(toy: Path) -> None:
    made = read_audformat(toy, tables=("gold.train",), speaker="")
    assert {(u.split, u.speaker) for u in made.utterances} == {(None, UNKNOWN_SPEAKER)}


def test_segments_find_the_speaker_of_their_file(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    made = database(tmp_path)
    made.drop_tables(["gold.train", "gold.dev"])
    index = audformat.segmented_index(
        [FILES[0]] * 2 + [FILES[2]], [0, "1.25s", 0], ["1.25s", "3s", None]
    )
    made["turns"] = audformat.Table(index)
    made["turns"]["feeling"] = audformat.Column(scheme_id="emotion")
    made["turns"]["feeling"].set(["anger", "joy", "joy"])
    made.save(str(tmp_path), storage_format="csv")
    utterances = read_audformat(tmp_path).utterances
    assert [(u.utterance_id, u.speaker, u.start, u.end) for u in utterances] == [
        ("3-a1-0000000-0001250", "3", None, 1.25),
        ("3-a1-0001250-0003000", "3", 1.25, 3.0),
        ("8-b1", "8", None, None),
    ]
    assert read_audformat(tmp_path, emotion="feeling").utterances == utterances


def test_labels_of_speakers_may_stand_in_a_table(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    import pandas

    made = database(tmp_path)
    names = pandas.Index(["A", "B"], name="speaker", dtype="string")
    made["people"] = audformat.MiscTable(names)
    made["people"]["gender"] = audformat.Column()
    made["people"]["gender"].set(["female", "other"])
    made.schemes["person"] = audformat.Scheme("str", labels="people")
    made["gold.train"]["who"] = audformat.Column(scheme_id="person")
    made["gold.train"]["who"].set(["A", "B"])
    made.save(str(tmp_path))
    utterances = read_audformat(tmp_path, tables=("gold.train",), speaker="who").utterances
    assert [(u.speaker, u.gender) for u in utterances] == [("A", "f"), ("B", "o")]


def test_databases_that_are_not_clear_are_refused(toy: Path) -> None:
    for options, told in (
        ({}, "several tables have emotions; given: gold.dev, gold.train; name one.*--table"),
        ({"tables": ("gold.tran",)}, "did you mean 'gold.train'"),
        ({"tables": ("files",)}, "table files has 0 columns.*speaker, transcription"),
        ({"emotion": "mood"}, "no table has emotions.*named mood"),
        (
            {"tables": ("gold.train",), "speaker": "who"},
            "the column or scheme does not exist; given: who",
        ),
    ):
        with pytest.raises(DataError, match=told):
            read_audformat(toy, **options)
    (toy / FILES[0]).unlink()
    with pytest.raises(DataError, match=r"not there.*gold.train: wav/a1.wav"):
        read_audformat(toy, tables=("gold.train",))
    with pytest.raises(DataError, match="not a database in audformat"):
        read_audformat(toy / "wav")


def test_nothing_in_a_database_is_run(toy: Path, tmp_path: Path) -> None:
    (toy / "db.gold.train.pkl").touch()
    with pytest.raises(DataError, match="pickle"):
        read_audformat(toy, tables=("gold.train",))
    (toy / "db.gold.train.pkl").unlink()
    trap = f"trap: !!python/object/apply:os.mkdir ['{tmp_path / 'sprung'}']\n"
    (toy / "db.yaml").write_text((toy / "db.yaml").read_text() + trap)
    with pytest.raises(DataError, match="database cannot be read"):
        read_audformat(toy, tables=("gold.train",))
    assert not (tmp_path / "sprung").exists()


READERS = {"audformat": read_audformat, "datasets": lambda p: read_datasets(p, p / "audio")}


@pytest.mark.parametrize("package", READERS)
def test_a_missing_package_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "db.yaml").touch()
    (tmp_path / "train.parquet").touch()
    with pytest.raises(DataError, match=rf"pip install 'ser-pcq\[{package}\]'"):
        READERS[package](tmp_path)


# Hugging Face datasets


@pytest.fixture
def wavs(tmp_path: Path, tone: Tone) -> list[Path]:
    return [
        tone(tmp_path / "wavs" / f"{name}.wav", frequency=200 + 90 * n, seconds=0.3)
        for n, name in enumerate(("a1", "a2", "b1", "b2"))
    ]


def dataset(wavs: list[Path], *, embedded: bool, named: bool = True):
    datasets = pytest.importorskip("datasets")
    kinds = {
        "audio": datasets.Audio(sampling_rate=16_000, decode=False),
        "label": datasets.ClassLabel(names=["anger", "joy"]),
        "speaker_id": datasets.Value("int64"),
    }
    audio = [
        {"bytes": p.read_bytes() if embedded else None, "path": p.name if named else None}
        if embedded
        else {"bytes": None, "path": str(p)}
        for p in wavs
    ]
    columns = {
        "audio": audio,
        "label": [n % 2 for n in range(len(wavs))],
        "speaker_id": [n // 2 for n in range(len(wavs))],
    }
    made = datasets.Dataset.from_dict(columns).cast(datasets.Features(kinds))
    return made.cast_column("audio", datasets.Audio(sampling_rate=16_000))


def prepare(command: Command, folder: Path, *options: object):
    return command("data", "prepare", "datasets", folder, folder.parent / "data", *options)


EXPECTED = [
    ("0-a1", "0", "anger"),
    ("0-a2", "0", "joy"),
    ("1-b1", "1", "anger"),
    ("1-b2", "1", "joy"),
]


# What is saved to disk is always embedded.
@pytest.mark.parametrize(
    ("kind", "embedded"), [("saved", False), ("parquet", True), ("parquet", False)]
)
def test_audio_embedded_or_not(
    kind: str, embedded: bool, wavs: list[Path], tmp_path: Path, command: Command
) -> None:
    made = dataset(wavs, embedded=embedded)
    if kind == "saved":
        made.save_to_disk(tmp_path / "set")
        embedded = True
    else:
        (tmp_path / "set" / "data").mkdir(parents=True)
        for n in range(2):
            shard = made.shard(2, n, contiguous=True)
            shard.to_parquet(tmp_path / "set" / "data" / f"train-0000{n}-of-00002.parquet")
    for _ in range(2):  # a second time over the first
        done = prepare(command, tmp_path / "set")
        assert done.returncode == 0, done.stderr
        data = datadir.read(tmp_path / "data", check_audio=True)
        assert [(u.utterance_id, u.speaker, u.emotion) for u in data.utterances] == EXPECTED
        assert {u.split for u in data.utterances} == {None}
        for u, wav in zip(data.utterances, wavs, strict=True):
            assert u.audio == (tmp_path / "data" / "audio" / wav.name if embedded else wav)
            assert u.audio.read_bytes() == wav.read_bytes()
    assert (tmp_path / "data" / "audio").exists() == embedded


def test_splits_are_joined_or_one_is_taken(wavs: list[Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = {"train": wavs[:2], "validation": wavs[2:3], "test": wavs[3:]}
    made = {name: dataset(paths, embedded=True, named=False) for name, paths in parts.items()}
    datasets.DatasetDict(made).save_to_disk(tmp_path / "set")
    source = read_datasets(tmp_path / "set", tmp_path / "audio")
    assert [(u.utterance_id, u.split) for u in source.prepared.utterances] == [
        ("0-test-0", "test"),
        ("0-train-0", "train"),
        ("0-train-1", "train"),
        ("0-validation-0", "valid"),
    ]
    with source.extracted({u.audio for u in source.prepared.utterances}):
        assert (tmp_path / "audio" / "test-0.wav").read_bytes() == wavs[3].read_bytes()
    one = read_datasets(tmp_path / "set", tmp_path / "audio", split="test").prepared
    assert [(u.utterance_id, u.split) for u in one.utterances] == [("0-test-0", None)]
    with pytest.raises(DataError, match="did you mean 'test'"):
        read_datasets(tmp_path / "set", tmp_path / "audio", split="tset")
    made["extra"] = made["test"]
    datasets.DatasetDict(made).save_to_disk(tmp_path / "more")
    joined = read_datasets(tmp_path / "more", tmp_path / "audio").prepared
    assert {u.split for u in joined.utterances} == {None}
    assert "not training, validation and test" in joined.notes[0]


@pytest.mark.parametrize("metadata", ["csv", "jsonl"])
@pytest.mark.parametrize("place", ["root", "splits"])
def test_audio_folders(metadata: str, place: str, wavs: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "set"
    rows = []
    for wav, split in zip(wavs, ("train", "train", "test", "test"), strict=True):
        (folder / split).mkdir(parents=True, exist_ok=True)
        shutil.copy(wav, folder / split)
        rows.append((split, {"file_name": wav.name, "emotion": "joy", "speaker": wav.name[0]}))
    for split in ("train", "test"):
        chosen = [row for name, row in rows if name == split]
        where = folder / split
        if place == "root":
            chosen = [{**row, "file_name": f"{name}/{row['file_name']}"} for name, row in rows]
            where = folder
        text = "".join(json.dumps(row) + "\n" for row in chosen)
        if metadata == "csv":
            text = "".join(",".join(row) + "\r\n" for row in [chosen[0], *map(dict.values, chosen)])
        (where / f"metadata.{metadata}").write_text(text)
    utterances = read_datasets(folder, tmp_path / "audio").prepared.utterances
    assert [(u.utterance_id, u.audio, u.split) for u in utterances] == [
        (f"{w.name[0]}-{s}-{w.stem}", folder / s / w.name, s)
        for w, s in zip(wavs, ("train", "train", "test", "test"), strict=True)
    ]


def test_rows_without_a_class_are_left_out(wavs: list[Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = dataset(wavs, embedded=True)
    made = datasets.Dataset.from_dict(
        {**made.with_format("arrow")[:].to_pydict(), "label": [0, -1, None, 1]}
    )
    made = made.cast(dataset(wavs, embedded=True).features)
    made.save_to_disk(tmp_path / "set")
    source = read_datasets(tmp_path / "set", tmp_path / "audio")
    assert [u.utterance_id for u in source.prepared.utterances] == ["0-a1", "1-b2"]
    assert "left out: 2 rows without an emotion: all[1], all[2]" in source.prepared.notes
    with source.extracted({u.audio for u in source.prepared.utterances}):
        assert sorted(p.name for p in (tmp_path / "audio").iterdir()) == ["a1.wav", "b2.wav"]


def test_a_command_that_fails_writes_nothing(
    wavs: list[Path], tmp_path: Path, command: Command
) -> None:
    dataset(wavs, embedded=True).save_to_disk(tmp_path / "set")
    for options in (("--map", "hapiness=joy"), ("--speaker", "who"), ("--corpus", "two words")):
        done = prepare(command, tmp_path / "set", *options)
        assert done.returncode == 1
        assert not (tmp_path / "data").exists(), options
    (tmp_path / "data" / "audio").mkdir(parents=True)
    (tmp_path / "data" / "audio" / "mine.wav").write_text("precious")
    done = prepare(command, tmp_path / "set")
    assert done.returncode == 1
    assert "mine.wav" in done.stderr
    assert [p.name for p in (tmp_path / "data").rglob("*")] == ["audio", "mine.wav"]
    shutil.rmtree(tmp_path / "data" / "audio")
    done = prepare(command, tmp_path / "set", "--drop", "joy")
    assert done.returncode == 0, done.stderr
    audio = sorted(p.name for p in (tmp_path / "data" / "audio").iterdir())
    assert audio == ["a1.wav", "b1.wav"]


def test_folders_without_datasets_are_refused(wavs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    out = tmp_path / "audio"
    with pytest.raises(DataError, match=r"the folder holds no datasets.*ser-data prepare folder"):
        read_datasets(tmp_path / "wavs", out)
    with pytest.raises(DataError, match="the folder does not exist"):
        read_datasets(tmp_path / "none", out)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "train.parquet").write_text("no table")
    with pytest.raises(DataError, match="parquet files cannot be read"):
        read_datasets(tmp_path / "bad", out)
    (tmp_path / "bad" / "metadata.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="parquet files as well as metadata"):
        read_datasets(tmp_path / "bad", out)
    (tmp_path / "bad" / "train.parquet").unlink()
    with pytest.raises(DataError, match="no file_name"):
        read_datasets(tmp_path / "bad", out)
    wavs[1].unlink()
    (tmp_path / "bad" / "metadata.jsonl").write_text(
        "".join(json.dumps({"file_name": f"../wavs/{w.name}", "label": 3}) + "\n" for w in wavs)
    )
    with pytest.raises(DataError, match=r"not there; given: 1 of 4: train\[1\] .*a2.wav"):
        read_datasets(tmp_path / "bad", out)


def test_audio_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "audio"

    def cut_off():
        yield "a.wav", b"RIFF"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"), placed(folder, cut_off()):
        pass
    assert not (tmp_path / "data").exists()
    with placed(folder, [("a.wav", b"RIFF"), ("b.wav", b"RIFF2")]):
        pass
    with (
        pytest.raises(DataError, match="stop"),
        placed(folder, [("a.wav", b"RIFF"), ("b.wav", b"RIFF2")]),
    ):
        raise DataError("stop")
    other = placed(folder, [("a.wav", b"RIFF"), ("b.wav", b"other")])
    with pytest.raises(DataError, match=r"holds other files.*b.wav \(1 in all\)"), other:
        pass
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "a.wav": b"RIFF",
        "b.wav": b"RIFF2",
    }


def test_names_of_embedded_files() -> None:
    assert file_names([("a b", "train[0]", ".wav"), ("c", "train[1]", "")]) == ["a_b.wav", "c"]
    same = [("a", "train[0]", ".wav"), ("A", "train[1]", ".wav")]
    assert file_names(same) == ["train-0.wav", "train-1.wav"]
    assert [suffix_of(h) for h in (b"RIFF..", b"fLaC", b"OggS", b"ID3", b"?")] == [
        ".wav",
        ".flac",
        ".ogg",
        ".mp3",
        "",
    ]


def test_metadata_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_bytes(b'{"file_name": "a.wav", "label": "\xc4rger"}\n')
    with pytest.raises(DataError, match=r"not UTF-8.*metadata\.jsonl"):
        read_datasets(tmp_path, tmp_path / "audio")


def test_damaged_pages_of_a_parquet_file_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("datasets")
    table = pyarrow.table({"audio": ["a.wav"] * 50, "label": [f"e{n}" for n in range(50)]})
    path = tmp_path / "train.parquet"
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    about = parquet.ParquetFile(path).metadata.row_group(0).column(1)
    content = bytearray(path.read_bytes())
    middle = about.data_page_offset + about.total_compressed_size // 2
    for place in (about.data_page_offset, middle):
        damaged = bytearray(content)
        damaged[place : place + 20] = b"\xff" * 20
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"damaged.*train\.parquet"):
            read_datasets(tmp_path, tmp_path / "audio", columns=Columns(path="audio"))
