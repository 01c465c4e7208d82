"""Folders and tables of one's own become sound data directories, or are refused by name."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.paths import ROOT

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import UNKNOWN_SPEAKER, Utterance
from ser_pcq.data.readers.columns import Columns
from ser_pcq.data.readers.folder import read_folder
from ser_pcq.data.readers.ids import made_id, numbered
from ser_pcq.data.readers.table import read_table
from ser_pcq.errors import DataError

PAGE = ROOT / "docs" / "own-data.md"
BY_NAME = r"(?P<speaker>[^/_]+)_[^/]*$"

Command = Callable[..., subprocess.CompletedProcess[str]]
Tone = Callable[..., Path]


def files(folder: Path, *names: str) -> Path:
    """Make files that are there, which is all that reading folders and tables asks of audio."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder for each emotion, at several depths, with what lies about in such folders."""
    return files(
        tmp_path / "recordings",
        "Anger/anna_01.wav",
        "Anger/ben_01.FLAC",
        "Anger/day 2/anna_01.wav",
        "very sad/anna_01.mp3",
        "very sad/ben_01.wav",
        "Anger/._anna_01.wav",
        ".DS_Store",
        "Anger/readme.txt",
        "notes.csv",
    )


def by_id(utterances: list[Utterance]) -> dict[str, Utterance]:
    return {u.utterance_id: u for u in utterances}


def test_a_folder_for_each_emotion(recordings: Path) -> None:
    made = read_folder(recordings, pattern=BY_NAME)
    found = by_id(made.utterances)
    assert list(found) == sorted(found)
    assert {i: (u.speaker, u.emotion) for i, u in found.items()} == {
        "anna-Anger-anna_01": ("anna", "anger"),
        "anna-Anger-day_2-anna_01": ("anna", "anger"),
        "anna-very_sad-anna_01": ("anna", "very_sad"),
        "ben-Anger-ben_01": ("ben", "anger"),
        "ben-very_sad-ben_01": ("ben", "very_sad"),
    }
    assert found["anna-Anger-day_2-anna_01"].audio == recordings / "Anger/day 2/anna_01.wav"
    notes = "\n".join(made.notes)
    assert "2 hidden files: .DS_Store, Anger/._anna_01.wav" in notes
    assert "2 files that are not audio by name: notes.csv, Anger/readme.txt" in notes
    datadir.write(recordings.parent / "data", made.utterances)
    assert len(datadir.read(recordings.parent / "data").utterances) == 5


def test_without_a_pattern_nobody_is_known_to_speak(recordings: Path) -> None:
    utterances = read_folder(recordings).utterances
    assert {u.speaker for u in utterances} == {UNKNOWN_SPEAKER}
    assert "Anger-day_2-anna_01" in by_id(utterances)


def test_ids_do_not_collide(tmp_path: Path) -> None:
    files(tmp_path, "joy/a-b.wav", "joy/a/b.wav", "joy/a b.wav", "joy/a_b.wav", "joy/a-b.flac")
    ids = [u.utterance_id for u in read_folder(tmp_path).utterances]
    assert len(set(ids)) == 5
    assert not any(" " in i for i in ids)
    assert numbered(["a", "a", "a-2", "a"]) == ["a", "a-3", "a-2", "a-4"]


def test_ids_begin_with_the_speaker_once() -> None:
    assert made_id("anna_01", "anna", None, None) == "anna_01"
    assert made_id("03a01Fa", "03", None, None) == "03a01Fa"
    assert made_id("031", "03", None, None) == "03-031"
    assert made_id("anna2_01", "anna", None, None) == "anna-anna2_01"
    assert made_id("calls/x", "1", 0.5, None) == "1-calls-x-0000500-end"
    assert made_id("x", None, None, 2.25) == "x-0000000-0002250"


def test_a_pattern_can_tell_everything(tmp_path: Path) -> None:
    files(tmp_path, "s1_F/anna_Anger_a01.wav", "s1_F/anna_sad_a02.wav", "s2_M/ben_sad_a01.wav")
    pattern = (
        r"(?P<session>s\d)_(?P<gender>[FM])/"
        r"(?P<speaker>[^/_]+)_(?P<emotion>[^/_]+)_(?P<sentence>a\d+)"
    )
    told = [
        (u.speaker, u.emotion, u.session, u.gender, u.sentence)
        for u in read_folder(tmp_path, pattern=pattern).utterances
    ]
    assert told == [
        ("anna", "anger", "s1", "f", "a01"),
        ("anna", "sad", "s1", "f", "a02"),
        ("ben", "sad", "s2", "m", "a01"),
    ]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(?P<speaker>[", "not a regular expression"),
        ("(?P<spaeker>x)", "did you mean 'speaker'"),
        ("anna", "no group named speaker"),
        ("(?P<sentence>x)", "no group named speaker"),
        (r"(?P<speaker>anna)_", r"does not match.*2 of 5: Anger/ben_01.FLAC, very sad/ben_01.wav"),
        (r"(?P<speaker>z*)", "a group of it is empty.*5 of 5"),
    ],
)
def test_patterns_that_do_not_fit_are_refused(recordings: Path, pattern: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_folder(recordings, pattern=pattern)


def test_folders_that_tell_no_emotion_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder does not exist"):
        read_folder(tmp_path / "none")
    with pytest.raises(DataError, match=r"no recordings.*a folder for each emotion"):
        read_folder(files(tmp_path, "anger/notes.txt"))
    with pytest.raises(DataError, match=r"lie in no folder.*1 of 2: loose.wav"):
        read_folder(files(tmp_path, "loose.wav", "anger/a.wav"))


def test_folders_of_one_emotion_and_without_any_are_told(tmp_path: Path) -> None:
    files(tmp_path, "Joy/a.wav", "joy/b.wav", "papers/x.pdf")
    made = read_folder(tmp_path)
    assert {u.emotion for u in made.utterances} == {"joy"}
    assert "one emotion: Joy, joy" in made.notes
    assert "folders without recordings: papers" in made.notes


def test_a_speaker_of_two_genders_is_refused_and_gender_of_some_left_out(tmp_path: Path) -> None:
    files(tmp_path, "joy/anna_f.wav", "joy/anna_m.wav")
    with pytest.raises(DataError, match="two genders; given: anna"):
        read_folder(tmp_path, pattern="(?P<speaker>anna)_(?P<gender>.)")
    with pytest.raises(DataError, match=r"the gender cannot be read.*joy/anna_f.wav \('_f'\)"):
        read_folder(tmp_path, pattern="(?P<speaker>anna)(?P<gender>..)")


def table(folder: Path, text: str, **options: object):
    """Read a table; the files a.wav, b.wav, c.wav are there."""
    files(folder, "a.wav", "b.wav", "c.wav")
    path = folder / "table.csv"
    path.write_bytes(text.encode())
    return read_table(path, **options)


def test_a_table_in_full(tmp_path: Path) -> None:
    text = (
        "Filename;Emotion;Spk;ID;Session;Sentence;Transcript;Sex;start;END;split;arousal;valence;"
        "dominance;ratings;original\n"
        'a.wav;anger;A;A-1;s1;t1;"Yes; no ""so""";female;0.5;1.5;validation;2;1.5;3;r1:anger;A-1\n'
        "b.wav;joy;B;B-1;s1;t2;;M;0;-1;TRAIN;;;;;A-1\n"
    )
    one, other = table(tmp_path, text).utterances
    assert one == Utterance(
        "A-1",
        tmp_path / "a.wav",
        "A",
        "anger",
        gender="f",
        session="s1",
        sentence="t1",
        original="A-1",
        text='Yes; no "so"',
        split="valid",
        vad=(1.5, 2.0, 3.0),
        ratings=("r1:anger",),
        start=0.5,
        end=1.5,
    )
    assert (other.text, other.gender, other.split, other.vad) == ("", "m", "train", None)
    assert (other.start, other.end) == (None, None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables_as_spreadsheets_save_them(tmp_path: Path, delimiter: str) -> None:
    rows = [["file", "emotion", "speaker"], ["a.wav", " anger", "Anna B"], ["b.wav ", "joy", ""]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    for end in ("", "\r\n", f"\r\n{delimiter * 2}\r\n\r\n"):
        made = table(tmp_path, "\ufeff" + text + end)
        assert [(u.audio.name, u.emotion, u.speaker) for u in made.utterances] == [
            ("a.wav", "anger", "Anna_B"),
            ("b.wav", "joy", UNKNOWN_SPEAKER),
        ]
        assert "blanks around 2 cells were removed" in made.notes
        assert "blanks in names became _: 'Anna B'" in made.notes


def test_columns_by_name_and_what_is_not_read(tmp_path: Path) -> None:
    text = "where,label,emotion,who,id\na.wav,1,joy,x,7\nb.wav,2,anger,y,7\n"
    columns = Columns(path="WHERE", emotion="emotion", speaker="who", id="")
    made = table(tmp_path, text, columns=columns)
    assert [u.utterance_id for u in made.utterances] == ["x-a", "y-b"]
    assert "columns that were not read: label, id" in made.notes


def test_relative_paths_begin_where_they_are_said_to(tmp_path: Path) -> None:
    files(tmp_path / "audio", "x/1.wav", "y/1.wav")
    (tmp_path / "t.tsv").write_text("path\temotion\nx/1.wav\tjoy\ny/1.wav\tjoy\n")
    utterances = read_table(tmp_path / "t.tsv", audio_dir=tmp_path / "audio").utterances
    assert [u.utterance_id for u in utterances] == ["x-1", "y-1"]
    with pytest.raises(DataError, match=r"not there.*row 2 .*row 3 .*--audio-dir"):
        read_table(tmp_path / "t.tsv")


HEAD = "path,emotion,speaker\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no header"),
        (HEAD, "no rows"),
        ("path\na.wav\n", "delimiter"),
        ("path,emotion;speaker\na.wav,joy;A\n", "delimiter"),
        ("path,speaker\na.wav,A\n", "no column says the emotion.*--emotion"),
        ("path,file,emotion\na.wav,b.wav,joy\n", "several columns could say the path.*path, file"),
        ("path,emotion,emotion\na.wav,joy,joy\n", "same name; given: emotion"),
        (HEAD + "a.wav,,A\nb.wav,joy,B\nc.wav,,C\n", "no emotion; given: 2 of 3: row 2, row 4"),
        (HEAD + "a.wav,joy,A\n,joy,B\n", "no path; given: 1 of 2: row 3"),
        (HEAD + "a.wav,joy,A\n\nno.wav,joy,B\n", r"not there; given: 1 of 2: row 4 \(.*no.wav\)"),
        (HEAD + "a.wav,joy,A,\nb.wav,joy\n", r"1 of 2: row 3 \(2 cells\)"),
        (HEAD + "a.wav,joy,A,x\n", r"row 2 \(4 cells\)"),
        (HEAD + 'a.wav,"joy"x,A\n', "near line 2"),
        (HEAD + "a.wav,joy,A\na.wav,anger,A\n", r"listed twice.*row 3 \(as row 2\)"),
        ("id," + HEAD + "1,a.wav,joy,A\n1,b.wav,joy,A\n", r"listed twice.*row 3 \(as row 2\)"),
        ("id," + HEAD + "x y,a.wav,joy,A\nx_y,b.wav,joy,A\n", "x_y: row 2, row 3"),
        ("id," + HEAD + "1,a.wav,joy,A\n,b.wav,joy,A\n", "id of some.*row 3.*all or none"),
        ("session," + HEAD + "1,a.wav,joy,A\n,b.wav,joy,A\n", "session of some.*1 of 2: row 3"),
        ("start,end," + HEAD + "1.5,0.5,a.wav,joy,A\n", "does not follow.*1.5 to 0.5 s in row 2"),
        ("start," + HEAD + "-3,a.wav,joy,A\n", r"start cannot be read.*row 2 \('-3'\)"),
        ("end;" + HEAD.replace(",", ";") + "1,5;a.wav;joy;A\n", "with a point"),
        ("gender," + HEAD + "w,a.wav,joy,A\n", r"gender.*row 2 \('w'\); accepted: m, male, f"),
        ("split," + HEAD + "fold1,a.wav,joy,A\n", "split cannot be read.*train"),
        ("valence," + HEAD + "1,a.wav,joy,A\n", "only some of valence.*row 2"),
        ("valence," + HEAD + "nan,a.wav,joy,A\n", "valence cannot be read"),
        ("ratings," + HEAD + "joy,a.wav,joy,A\n", "ratings cannot be read"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=re.compile(told, re.DOTALL)):
        table(tmp_path, text)


def test_tables_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes((HEAD + "a.wav,joy,Jörg\n").encode("latin1"))
    with pytest.raises(DataError, match="line 2 of the table is not UTF-8"):
        read_table(tmp_path / "latin.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="did you mean 'emotion'"):
        table(tmp_path, HEAD + "a.wav,joy,A\n", columns=Columns(emotion="emotoin"))
    with pytest.raises(DataError, match="not a delimiter"):
        table(tmp_path, HEAD + "a.wav,joy,A\n", delimiter="::")


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    made = table(tmp_path, HEAD + "a.wav,joy,A\nb.wav,joy,A\na.wav,joy,A\n")
    assert len(made.utterances) == 2
    assert made.notes == ("left out, since they are listed twice: row 4 (as row 2)",)


def test_segments_of_a_recording_are_several_utterances(tmp_path: Path) -> None:
    text = "start,end," + HEAD + "0,1.25,a.wav,joy,A\n1.25,,a.wav,joy,A\n"
    utterances = table(tmp_path, text).utterances
    assert [(u.utterance_id, u.start, u.end) for u in utterances] == [
        ("A-a-0000000-0001250", None, 1.25),
        ("A-a-0001250-end", 1.25, None),
    ]


def test_gender_of_some_speakers_is_left_out_and_of_some_rows_completed(tmp_path: Path) -> None:
    head = "gender," + HEAD
    made = table(tmp_path, head + "f,a.wav,joy,A\n,b.wav,joy,A\nm,c.wav,joy,B\n")
    assert [u.gender for u in made.utterances] == ["f", "f", "m"]
    made = table(tmp_path, head + "f,a.wav,joy,A\n,b.wav,joy,B\n")
    assert [u.gender for u in made.utterances] == [None, None]
    assert made.notes == ("gender left out: it is not known of every speaker (B)",)
    made = table(tmp_path, head + "f,a.wav,joy,\nm,b.wav,joy,\n")
    assert [u.gender for u in made.utterances] == [None, None]


def test_emotions_that_differ_in_case_are_told(tmp_path: Path) -> None:
    made = table(tmp_path, HEAD + "a.wav,Joy,A\nb.wav,joy,A\n")
    assert "--map Joy=joy makes them one" in made.notes[0]


def test_git_lfs_pointers_are_refused(tmp_path: Path) -> None:
    files(tmp_path, "joy/a.wav")
    (tmp_path / "joy/a.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="Git LFS pointers"):
        read_folder(tmp_path)


def test_commands_write_data_directories(tmp_path: Path, tone: Tone, command: Command) -> None:
    for n, name in enumerate(("anger/a_1", "anger/b_1", "hm/a_2", "joy/b_2")):
        tone(tmp_path / "in" / f"{name}.wav", frequency=200 + 50 * n, seconds=0.5)
    args = (
        "data",
        "prepare",
        "folder",
        "in",
        "out",
        "--speaker",
        BY_NAME,
        "--map",
        "joy=happiness",
    )
    done = command(*args, "--drop", "hm", "--corpus", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "3 utterances, 2 speakers, 2 emotions" in done.stderr
    data = datadir.read(tmp_path / "out", check_audio=True)
    assert (data.labels, data.corpus) == (("anger", "happiness"), "mine")

    nobody = command("data", "prepare", "folder", "in", "nobody", cwd=tmp_path)
    assert nobody.returncode == 0
    assert "warning" in nobody.stderr
    assert "protocol.name=random" in nobody.stderr

    (tmp_path / "t.csv").write_text("file,feeling\nin/joy/b_2.wav,joy\n")
    wrong = command(
        "data", "prepare", "csv", "t.csv", "table", "--emotion", "felling", cwd=tmp_path
    )
    assert wrong.returncode == 1
    assert "did you mean 'feeling'" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    assert not (tmp_path / "table").exists()
    right = command(
        "data", "prepare", "csv", "t.csv", "table", "--emotion", "feeling", cwd=tmp_path
    )
    assert right.returncode == 0, right.stderr


def test_the_page_does_what_it_says(commands_on_path: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("audformat")
    conf = "recipes/synthetic/conf/pcq-tiny.toml"
    (tmp_path / conf).parent.mkdir(parents=True)
    # What is learnt does not matter here.
    (tmp_path / conf).write_text((ROOT / conf).read_text().replace("epochs = 8", "epochs = 2"))
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 9
    outputs = []
    for block in blocks:
        done = subprocess.run(
            ["bash", "-eu", "-c", block],
            cwd=tmp_path,
            env=commands_on_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        outputs.append(done.stdout + done.stderr)
    said = "\n".join(outputs)
    assert "36 utterances, 4 speakers, 3 emotions" in said
    assert "checked for leaks: speakers" in said
    assert "LEAKY" in said
    assert re.search(r"recordings/anger/\S+ +\d\.\d s +\w+ +\d+ %", said)
    (table_dir, again, own) = (
        datadir.read(tmp_path / "data" / n) for n in ("table", "again", "own")
    )
    assert table_dir.labels == ("anger", "sadness")
    assert [u.utterance_id for u in again.utterances] == [u.utterance_id for u in own.utterances]
    turns = datadir.read(tmp_path / "data" / "turns").utterances
    assert [(u.start, u.end) for u in turns] == [(None, 0.6), (0.6, None), (0.25, 0.9)]


def notes_of_speakers(folder: Path, *speakers: str) -> tuple[list[str], str]:
    """Return the speakers that a table with these makes, and what is said of it."""
    names = [f"{n}.wav" for n in range(len(speakers))]
    files(folder, *names)
    rows = [f"{name},anger,{speaker}" for name, speaker in zip(names, speakers, strict=True)]
    table = folder / "t.csv"
    table.write_text("\n".join(["path,emotion,speaker", *rows]), encoding="utf-8")
    made = read_table(table)
    return sorted({u.speaker for u in made.utterances}), "; ".join(made.notes)


@pytest.mark.parametrize("two", [("Anna", "anna"), ("3", "03"), ("7", "7.0")])
def test_speakers_that_are_perhaps_one_person_are_told(tmp_path: Path, two: tuple[str]) -> None:
    speakers, said = notes_of_speakers(tmp_path, *two, "30", "Annabel")
    assert len(speakers) == 4
    assert f"perhaps one person, and are taken for several: {', '.join(sorted(two))};" in said


def test_speakers_who_are_nobody_are_told(tmp_path: Path) -> None:
    _, said = notes_of_speakers(tmp_path, "NaN", "Unknown", "Nana")
    assert "perhaps not names: NaN, Unknown;" in said
    assert notes_of_speakers(tmp_path, "Nana", "Ben", "") == (["Ben", "Nana", "unknown"], "")


def test_an_accent_does_not_make_two_people_of_one(tmp_path: Path) -> None:
    assert notes_of_speakers(tmp_path, "J\u00f6rg", "Jo\u0308rg") == (["J\u00f6rg"], "")


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", "in UTF-16.*iconv -f UTF-16 "), ("cp1252", "-f CP1252 ")]
)
def test_a_table_in_another_encoding_is_told_how_to_mend(
    tmp_path: Path, encoding: str, said: str
) -> None:
    table = tmp_path / "my table.csv"
    table.write_text("path,emotion\na.wav,\u00c4rger\n", encoding=encoding)
    with pytest.raises(DataError, match=said) as error:
        read_table(table)
    command = re.search("iconv .*", str(error.value))
    assert command
    subprocess.run(["bash", "-c", command[0]], cwd=tmp_path, check=True)
    files(tmp_path, "a.wav")
    assert read_table(tmp_path / "utf8.csv").utterances[0].emotion == "\u00c4rger"


def test_paths_of_windows_are_told(tmp_path: Path) -> None:
    table = files(tmp_path, "wav/a.wav") / "t.csv"
    table.write_text("path,emotion\nwav\\a.wav,anger\n")
    with pytest.raises(DataError, match="paths of Windows"):
        read_table(table)


@pytest.mark.usefixtures("no_media")
def test_recordings_that_cannot_be_read_are_no_stray_files(tmp_path: Path) -> None:
    folder = files(tmp_path / "r", "anger/memo.m4a", "anger/notes.txt")
    with pytest.raises(DataError, match=r"can be read.*anger/memo\.m4a.*ser-pcq\[media\].*ffmpeg"):
        read_folder(folder)
    files(folder, "anger/a.wav")
    notes = read_folder(folder).notes
    assert sum("1 recordings in formats that cannot be read" in note for note in notes) == 1
    assert sum("memo" in note for note in notes) == 1


def test_the_patterns_of_the_page_find_what_it_says() -> None:
    rows = re.findall(r"^\| `([^`]+\.wav)` \| `'([^`]+)'` \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 3
    for path, pattern in rows:
        match = re.search(pattern, path)
        assert match, path
        assert match["speaker"] == "anna"


def test_the_page_names_only_options_that_exist(command: Command) -> None:
    helps = "".join(
        command("data", *names, "--help").stdout
        for names in (
            *(("prepare", kind) for kind in ("folder", "csv", "audformat", "datasets")),
            *(("export", kind) for kind in ("csv", "audformat")),
        )
    )
    helps += command("train", "--help").stdout + command("predict", "--help").stdout
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE.read_text()))
    assert named - set(re.findall(r"--[a-z][a-z-]*", helps)) == set()
