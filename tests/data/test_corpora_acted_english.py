"""RAVDESS, CREMA-D, TESS and SAVEE: trees as released, their odd files, and their protocols."""

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from support.paths import RECIPES
from support.trees import crema_d as crema_d_tree
from support.trees import ravdess as ravdess_tree
from support.trees import savee as savee_tree
from support.trees import tess as tess_tree

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.config.toml import load_config
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import corpus, crema_d, ravdess, savee, tess
from ser_pcq.data.directory import Utterance
from ser_pcq.data.labels import EMOTIONS
from ser_pcq.errors import DataError
from ser_pcq.protocols.folds import folds_of
from ser_pcq.protocols.split_file import read_split

CORPORA = {
    "ravdess": (ravdess, ravdess_tree, 24, 145),
    "crema-d": (crema_d, crema_d_tree, 20, 60),
    "tess": (tess, tess_tree, 2, 31),
    "savee": (savee, savee_tree, 4, 32),
}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 82260\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The trees as released, by corpus; not to be changed."""
    root = tmp_path_factory.mktemp("made")
    return {name: parts[1].make(root / name) for name, parts in CORPORA.items()}


@pytest.fixture
def tree(made, tmp_path):
    """A copy of a tree, to be changed."""
    return lambda name: Path(shutil.copytree(made[name], tmp_path / name))


def prepared(name: str, folder: Path) -> list[Utterance]:
    return CORPORA[name][0].prepare(folder).utterances


def notes(name: str, folder: Path) -> str:
    return "\n".join(CORPORA[name][0].prepare(folder).notes)


def by_id(name: str, folder: Path) -> dict[str, Utterance]:
    return {u.utterance_id: u for u in prepared(name, folder)}


@pytest.mark.parametrize("name", CORPORA)
def test_a_released_tree_becomes_a_sound_data_directory(name, made, tmp_path, command):
    module, _, n_speakers, n_utterances = CORPORA[name]
    found = prepared(name, made[name])
    assert len(found) == n_utterances
    assert [u.utterance_id for u in found] == sorted(u.utterance_id for u in found)
    assert all(u.utterance_id.startswith(f"{u.speaker}_") for u in found)
    assert len({u.speaker for u in found}) == n_speakers
    assert {u.emotion for u in found} == set(module.CORPUS.labels) <= set(EMOTIONS)
    assert all(u.gender in ("m", "f") for u in found)
    datadir.write(tmp_path / "data", found, corpus=name)
    of_corpus = tuple(replace(u, corpus=name) for u in found)
    assert datadir.read(tmp_path / "data").utterances == of_corpus
    checked = command("data", "validate", tmp_path / "data")
    assert checked.returncode == 0, checked.stderr
    for u in found:
        assert read_waveform(u.audio).ndim == 1
    emotions = Counter((u.speaker, u.emotion) for u in found)
    assert min(Counter(speaker for speaker, _ in emotions).values()) >= 2


@pytest.mark.parametrize("name", CORPORA)
def test_the_tables_are_those_of_the_complete_release(name):
    module = CORPORA[name][0]
    entry = module.CORPUS
    assert entry.name == name
    assert set(entry.labels) == set(entry.counts) == set(module.EMOTIONS.values())
    assert f"{sum(entry.counts.values()):,} utterances" in entry.size
    assert f"{len(module.SPEAKERS)} speakers" in entry.size


@pytest.mark.parametrize("name", CORPORA)
def test_a_part_of_a_corpus_is_told(name, made):
    total = sum(CORPORA[name][0].CORPUS.counts.values())
    assert f"utterances, {total} in the complete release" in notes(name, made[name])


@pytest.mark.parametrize("name", CORPORA)
def test_nothing_foreign_is_taken_for_a_recording(name, tree, tmp_path):
    folder = tree(name)
    some = prepared(name, folder)[0].audio
    foreign = some.with_name("03a01Fa.wav")
    shutil.copyfile(some, foreign)
    with pytest.raises(DataError, match=r"03a01Fa\.wav"):
        prepared(name, folder)
    for nothing in (tmp_path / "none", tmp_path):
        shutil.rmtree(folder, ignore_errors=True)
        with pytest.raises(DataError, match="check the path"):
            prepared(name, nothing)


@pytest.mark.parametrize("name", CORPORA)
def test_pointers_are_no_audio(name, tree):
    folder = tree(name)
    for u in prepared(name, folder)[:3]:
        u.audio.write_bytes(POINTER)
    with pytest.raises(DataError, match=r"3 of \d+ files.*git lfs pull"):
        prepared(name, folder)


def test_ravdess_names(made):
    found = by_id("ravdess", made["ravdess"])
    path = made["ravdess"] / "Actor_12" / "03-01-04-01-01-01-12.wav"
    assert found["Actor_12_03-01-04-01-01-01-12"] == Utterance(
        "Actor_12_03-01-04-01-01-01-12",
        path,
        "Actor_12",
        "sadness",
        gender="f",
        sentence="01",
        text="Kids are talking by the door.",
    )
    assert found["Actor_11_03-01-07-01-02-02-11"].text == "Dogs are sitting by the door."
    assert found["Actor_11_03-01-07-01-02-02-11"].gender == "m"
    by_code = {(i.split("-")[2], u.emotion) for i, u in found.items()}
    assert by_code == set(ravdess.EMOTIONS.items())


def test_ravdess_stereo_and_quiet_files_are_read(made):
    folder = made["ravdess"]
    audio = {u.audio.relative_to(folder).as_posix() for u in prepared("ravdess", folder)}
    assert {*ravdess_tree.STEREO, ravdess_tree.QUIET} <= audio
    assert {soundfile.info(folder / f).channels for f in ravdess_tree.STEREO} == {2}
    assert 0 < abs(read_waveform(folder / ravdess_tree.QUIET)).max() < 0.01


def test_ravdess_tells_of_the_same_audio_twice(made, tree):
    told = [n for n in ravdess.prepare(made["ravdess"]).notes if "same audio" in n]
    ids = [f"Actor_07_{Path(place).stem}" for place in ravdess_tree.TWICE]
    assert told == [f"{ids[0]} and {ids[1]} are the same audio; both are kept, as in the release"]
    assert ids[1] in by_id("ravdess", made["ravdess"])
    folder = tree("ravdess")
    last = folder / ravdess_tree.TWICE[1]
    last.write_bytes(last.read_bytes()[:-1] + b"\1")
    # The same size, time and middle: only the whole files tell.
    for place in ravdess_tree.TWICE:
        os.utime(folder / place, (1e9, 1e9))
    assert "same audio" not in notes("ravdess", folder)


def test_ravdess_takes_a_second_copy_in_the_tree_once(made, tree):
    folder = tree("ravdess")
    inside = folder / "audio_speech_actors_01-24"
    shutil.copytree(made["ravdess"], inside)
    found = prepared("ravdess", folder)
    assert [u.utterance_id for u in found] == list(by_id("ravdess", made["ravdess"]))
    assert not any(u.audio.is_relative_to(inside) for u in found)
    assert "145 recordings are there more than once" in notes("ravdess", folder)
    other = inside / "Actor_01" / "03-01-01-01-01-01-01.wav"
    shutil.copyfile(inside / ravdess_tree.QUIET, other)
    with pytest.raises(DataError, match="two files are Actor_01_03-01-01-01-01-01-01"):
        prepared("ravdess", folder)


def test_ravdess_leaves_out_song_and_videos(made, tree):
    folder = tree("ravdess")
    speech = folder / "Audio_Speech_Actors_01-24"
    speech.mkdir()
    for actor in folder.glob("Actor_*"):
        actor.rename(speech / actor.name)
    song = folder / "Audio_Song_Actors_01-24" / "Actor_01"
    ravdess_tree.sound(song / "03-02-01-01-01-01-01.wav", rate=48_000)
    film = folder / "Video_Speech_Actor_01" / "Actor_01"
    ravdess_tree.sound(film / "01-01-01-01-01-01-01.wav", rate=48_000)
    (film / "02-01-01-01-01-01-01.mp4").write_bytes(b"\0\0\0\x20ftyp")
    assert list(by_id("ravdess", folder)) == list(by_id("ravdess", made["ravdess"]))
    told = notes("ravdess", folder)
    for what in ("1 song recordings", "1 soundtracks", "1 videos"):
        assert f"{what} " in told
    assert "left out" not in notes("ravdess", made["ravdess"])
    with pytest.raises(DataError, match="1 wav files"):
        prepared("ravdess", song.parent)


@pytest.mark.parametrize("bad", ["03-01-09-01-01-01-01", "03-01-01-01-03-01-01", "3-1-1-1-1-1-1"])
def test_ravdess_refuses_other_codes(bad, tree):
    folder = tree("ravdess")
    ravdess_tree.sound(folder / "Actor_01" / f"{bad}.wav", rate=48_000)
    with pytest.raises(DataError, match=bad):
        prepared("ravdess", folder)


def test_crema_d_names(made):
    found = by_id("crema-d", made["crema-d"])
    assert found["1001_DFA_ANG_XX"] == Utterance(
        "1001_DFA_ANG_XX",
        made["crema-d"] / "AudioWAV" / "1001_DFA_ANG_XX.wav",
        "1001",
        "anger",
        gender="m",
        sentence="DFA",
        text="Don't forget a jacket.",
    )
    assert any(i.endswith("_LO") for i in found)
    assert {u.speaker for u in found.values() if u.gender == "f"} == set(
        map(str, crema_d_tree.WOMEN)
    )
    assert len(crema_d.SENTENCES) == 12


def test_crema_d_takes_the_folder_of_the_recordings_too(made):
    assert prepared("crema-d", made["crema-d"] / "AudioWAV") == prepared("crema-d", made["crema-d"])


def test_crema_d_leaves_out_the_clip_without_audio_and_says_so(made, tree):
    told = crema_d.prepare(made["crema-d"]).notes
    assert told[0] == "1076_MTI_SAD_XX left out: the audio is silent, as in the release"
    assert "emotion sadness: 11 utterances, 1271 in the complete release" in told
    assert crema_d_tree.SILENT not in by_id("crema-d", made["crema-d"])
    folder = tree("crema-d")
    ravdess_tree.sound(folder / "AudioWAV" / f"{crema_d_tree.SILENT}.wav", rate=16_000)
    assert crema_d_tree.SILENT in by_id("crema-d", folder)
    assert "left out" not in notes("crema-d", folder)


def test_crema_d_reads_its_table_however_it_was_saved(made, tree):
    folder = tree("crema-d")
    table = folder / "VideoDemographics.csv"
    released = table.read_text()
    table.write_bytes(b"\xef\xbb\xbf" + released.replace("\n", "\r\n").encode())
    genders = {u.speaker: u.gender for u in prepared("crema-d", made["crema-d"])}
    assert {u.speaker: u.gender for u in prepared("crema-d", folder)} == genders
    assert "blanks" not in notes("crema-d", folder)
    table.write_text(released.replace('"Male"', ' "Male" ').replace("1001", " 1001"))
    assert {u.speaker: u.gender for u in prepared("crema-d", folder)} == genders
    assert "blanks around 1 actor ids" in notes("crema-d", folder)


def test_crema_d_does_without_its_table(tree):
    folder = tree("crema-d")
    table = folder / "VideoDemographics.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if not line.startswith("1003")))
    assert {u.gender for u in prepared("crema-d", folder)} == {None}
    assert "VideoDemographics.csv lacks 1003:" in notes("crema-d", folder)
    table.unlink()
    assert {u.gender for u in prepared("crema-d", folder)} == {None}
    assert "no VideoDemographics.csv" in notes("crema-d", folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.replace("Sex", "Gender"), "ActorID and Sex"),
        (lambda t: t.replace("Female", "W", 1), "'W' of actor 1002"),
        (lambda t: "", "no rows"),
        (lambda t: t + "é", "UTF-8"),
    ],
)
def test_crema_d_refuses_another_table(change, told, tree):
    folder = tree("crema-d")
    table = folder / "VideoDemographics.csv"
    table.write_text(change(table.read_text()), encoding="latin-1")
    with pytest.raises(DataError, match=told):
        prepared("crema-d", folder)


@pytest.mark.parametrize(
    "bad", ["1092_DFA_ANG_XX", "1001_DFG_ANG_XX", "1001_DFA_SUR_XX", "1001_DFA_ANG_X", "1000_DFA"]
)
def test_crema_d_refuses_other_codes(bad, tree):
    folder = tree("crema-d")
    ravdess_tree.sound(folder / "AudioWAV" / f"{bad}.wav", rate=16_000)
    with pytest.raises(DataError, match=bad):
        prepared("crema-d", folder)


def test_tess_names(made):
    found = by_id("tess", made["tess"])
    assert found["OAF_back_ps"] == Utterance(
        "OAF_back_ps",
        made["tess"] / "OAF_Pleasant_surprise" / "OAF_back_ps.wav",
        "OAF",
        "surprise",
        gender="f",
        sentence="back",
        text="Say the word back.",
    )
    assert found["YAF_youth_ps"].emotion == "surprise"
    assert found["OAF_youth_fear"].emotion == "fear"


def test_tess_files_that_are_aiff_are_as_good_as_others(made, tmp_path):
    found = [u for u in prepared("tess", made["tess"]) if u.sentence in ("germ", "neat")]
    assert {soundfile.info(u.audio).format for u in found} == {"AIFF"}
    assert {u.audio.suffix for u in found} == {".wav"}
    datadir.write(tmp_path / "data", found)
    assert datadir.validate(tmp_path / "data") == []


def test_tess_mends_the_misspelt_speaker(made, tree):
    found = by_id("tess", made["tess"])["OAF_bite_neutral"]
    assert (found.speaker, found.audio.name) == ("OAF", "OA_bite_neutral.wav")
    assert "OA_bite_neutral.wav is taken for OAF_bite_neutral" in notes("tess", made["tess"])
    folder = tree("tess")
    wrong = folder / tess_tree.MISSPELT
    wrong.rename(wrong.with_name("OAF_bite_neutral.wav"))
    assert "OAF_bite_neutral" in by_id("tess", folder)
    assert "is misspelt" not in notes("tess", folder)


def test_tess_tells_a_wrong_header_by_the_duration(made, tree):
    assert "OAF_food_sad" not in by_id("tess", made["tess"])
    told = notes("tess", made["tess"])
    assert "OAF_food_sad left out: its header says 96000 Hz, at which it would last 0.51 s" in told
    path = made["tess"] / tess_tree.FAST
    assert f"sox -r 24414 {path} mended.wav && mv mended.wav {path}" in told
    folder = tree("tess")
    # What that command does: the same samples under another rate.
    samples, _ = soundfile.read(folder / tess_tree.FAST, dtype="int16")
    soundfile.write(folder / tess_tree.FAST, samples, tess_tree.RATE, subtype="PCM_16")
    assert "OAF_food_sad" in by_id("tess", folder)
    assert "Hz" not in notes("tess", folder)


@pytest.mark.parametrize("rate", [16_000, 96_000])
def test_tess_keeps_other_rates_whose_durations_are_plausible(rate, tree):
    folder = tree("tess")
    ravdess_tree.sound(folder / tess_tree.FAST, rate=rate, seconds=2)
    assert "OAF_food_sad" in by_id("tess", folder)
    assert "1 files are not of 24414 Hz as released" in notes("tess", folder)


def test_tess_takes_a_second_copy_in_the_tree_once(made, tree):
    folder = tree("tess")
    shutil.copytree(made["tess"], folder / "TESS Toronto emotional speech set data")
    assert list(by_id("tess", folder)) == list(by_id("tess", made["tess"]))
    assert "32 recordings are there more than once" in notes("tess", folder)
    assert "OAF_food_sad left out" in notes("tess", folder)


def test_tess_needs_no_folders(made, tmp_path):
    for path in corpus.visible_files(made["tess"], "*/*.wav"):
        shutil.copyfile(path, tmp_path / path.name)
    assert list(by_id("tess", tmp_path)) == list(by_id("tess", made["tess"]))


@pytest.mark.parametrize("bad", ["OAF_back_surprise", "MAF_back_sad", "OAF_back", "OAF_back_sad_2"])
def test_tess_refuses_other_names(bad, tree):
    folder = tree("tess")
    ravdess_tree.sound(folder / "OAF_angry" / f"{bad}.wav", rate=24_414)
    with pytest.raises(DataError, match=bad):
        prepared("tess", folder)


def test_savee_names(made):
    found = by_id("savee", made["savee"])
    assert found["JK_sa04"] == Utterance(
        "JK_sa04", made["savee"] / "AudioData" / "JK" / "sa04.wav", "JK", "sadness", gender="m"
    )
    assert found["KL_su05"].emotion == "surprise"
    assert found["DC_n30"].emotion == "neutral"


def test_savee_both_layouts_give_the_same(made, tmp_path, monkeypatch):
    flat = tmp_path / "ALL"
    flat.mkdir()
    for u in prepared("savee", made["savee"]):
        shutil.copyfile(u.audio, flat / f"{u.utterance_id}.wav")
    facts = [(u.utterance_id, u.speaker, u.emotion) for u in prepared("savee", made["savee"])]
    for folder in (tmp_path, flat, made["savee"] / "AudioData"):
        assert [(u.utterance_id, u.speaker, u.emotion) for u in prepared("savee", folder)] == facts
    shutil.copytree(made["savee"] / "AudioData", tmp_path / "AudioData")
    both = savee.prepare(tmp_path)
    assert [u.utterance_id for u in both.utterances] == [i for i, _, _ in facts]
    assert "32 recordings are there more than once" in both.notes[0]
    monkeypatch.chdir(made["savee"] / "AudioData" / "JE")
    assert {u.speaker for u in prepared("savee", Path())} == {"JE"}


@pytest.mark.parametrize(
    "place", ["a16", "n31", "a00", "s01", "sa1", "JK_a01", "../XX/a01", "../a01", "XX_a01"]
)
def test_savee_refuses_other_names(place, tree):
    folder = tree("savee")
    ravdess_tree.sound((folder / "AudioData" / "DC" / f"{place}.wav").resolve(), rate=44_100)
    with pytest.raises(DataError, match="not one of SAVEE"):
        prepared("savee", folder)


@pytest.mark.parametrize("name", CORPORA)
def test_the_clean_protocol_keeps_speakers_apart_and_tests_everybody_once(name, made, tmp_path):
    options = (RECIPES / name / "protocols" / "clean").read_text().splitlines()
    assert all(option.startswith("--set=") for option in options)  # nothing leaks on purpose
    changes = [o.removeprefix("--set=").replace("@RECIPE@", f"{RECIPES / name}") for o in options]
    conf = min(RECIPES.rglob("pcq-whisper.toml"), key=lambda path: len(path.parts))
    protocol = load_config(conf, changes).protocol
    assert protocol.valid_from == "train"
    data = datadir.DataDir(tmp_path, tuple(prepared(name, made[name])))
    folds = folds_of(data, protocol)
    assert len(folds) == {"ravdess": 5, "crema-d": 5, "tess": 2, "savee": 4}[name]
    assert Counter(i for f in folds for i in f.test) == Counter(
        u.utterance_id for u in data.utterances
    )
    speaker = {u.utterance_id: u.speaker for u in data.utterances}
    emotion = {u.utterance_id: u.emotion for u in data.utterances}
    for fold in folds:
        train, valid, test = ({speaker[i] for i in ids} for ids in fold.sides.values())
        assert len(train) + len(valid) + len(test) == len(data.speakers)
        assert train | valid | test == set(data.speakers)
        assert bool(valid) == (name != "tess")
        assert {emotion[i] for i in fold.train} == set(data.labels)


def test_the_folds_of_ravdess_are_those_of_its_literature():
    split = read_split(RECIPES / "ravdess" / "splits" / "five-fold.json")
    assert (split.protocol, split.by) == ("fixed", "speaker")
    tested = [sorted(int(s[-2:]) for s in fold.test) for fold in split.folds]
    assert tested == [
        [2, 5, 14, 15, 16],
        [3, 6, 7, 13, 18],
        [10, 11, 12, 19, 20],
        [8, 17, 21, 23, 24],
        [1, 4, 9, 22],
    ]
    for fold in split.folds:
        assert sorted((*fold.train, *fold.valid, *fold.test)) == list(ravdess.SPEAKERS)
        assert sorted(int(s[-2:]) % 2 for s in fold.valid) == [0, 1]  # a woman and a man
    validated = Counter(s for fold in split.folds for s in fold.valid)
    assert max(validated.values()) == 1


@pytest.mark.parametrize("name", CORPORA)
def test_the_recipe_is_the_common_one(name):
    script = RECIPES / name / "run.sh"
    assert script.stat().st_mode & 0o111
    assert f"\ncorpus={name}\n" in script.read_text()
    page = (RECIPES / name / "README.md").read_text()
    assert f"ser-data prepare {name} " in page
    assert f"recipes/{name}/run.sh --corpus-dir " in page
    assert CORPORA[name][0].CORPUS.licence.split(",")[0].lower() in page.lower()
