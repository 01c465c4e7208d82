"""nEMO, EMOVO, MELD and MSP-Podcast: read as released, quirks included, and nothing guessed."""

import csv
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support.paths import ROOT
from support.trees import emovo as emovo_tree
from support.trees import meld as meld_tree
from support.trees import msp_podcast as msp_tree
from support.trees import nemo as nemo_tree

from ser_pcq.config import ProtocolConfig
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import emovo, meld, msp_podcast, nemo
from ser_pcq.data.directory import DataDir, Utterance
from ser_pcq.data.labels import EMOTIONS
from ser_pcq.errors import DataError
from ser_pcq.protocols.folds import folds_of

TREES = {"nemo": nemo_tree, "emovo": emovo_tree, "meld": meld_tree, "msp-podcast": msp_tree}
MODULES = {"nemo": nemo, "emovo": emovo, "meld": meld, "msp-podcast": msp_podcast}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
SPLIT = ROOT / "recipes/meld/splits/leave-one-main-speaker-out.json"


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The small tree of the corpus that the test's name begins with."""
    name = request.node.name.removeprefix("test_").split("_")[0].replace("msp", "msp-podcast")
    (tmp_path / name).mkdir()
    return TREES[name].make(tmp_path / name)


def change(path: Path, old: str, new: str, encoding: str = "utf-8") -> None:
    text = path.read_text(encoding)
    assert old in text
    path.write_bytes(text.replace(old, new).encode(encoding))


def by_id(utterances: list[Utterance]) -> dict[str, Utterance]:
    return {u.utterance_id: u for u in utterances}


@pytest.mark.parametrize("name", TREES)
def test_every_corpus_makes_a_sound_data_directory(name: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    tree = TREES[name].make(tmp_path / "tree")
    prepared = MODULES[name].prepare(tree)
    found = prepared.utterances
    assert [u.utterance_id for u in found] == sorted(u.utterance_id for u in found)
    assert all(u.utterance_id.startswith(u.speaker) for u in found)
    assert {u.emotion for u in found} <= set(EMOTIONS)
    assert tuple(sorted({u.emotion for u in found})) == MODULES[name].CORPUS.labels
    told = {(u.speaker, u.emotion) for u in found}
    assert min(Counter(speaker for speaker, _ in told).values()) >= 2
    assert all(not u.audio.name.startswith(".") for u in found)
    datadir.write(tmp_path / "data", found, corpus=name)
    of_corpus = tuple(replace(u, corpus=name) for u in found)
    assert datadir.validate(tmp_path / "data") == []
    assert datadir.read(tmp_path / "data").utterances == of_corpus
    assert MODULES[name].CORPUS.name == name
    if counts := MODULES[name].CORPUS.counts:
        assert f"{len(found)} utterances, {sum(counts.values())} in the complete release" in (
            prepared.notes
        )


@pytest.mark.parametrize("name", TREES)
def test_every_corpus_says_what_layout_it_expects(name: str, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"accepted: .*(wav|csv)"):
            MODULES[name].prepare(folder)


def test_tables_agree_with_what_is_published() -> None:
    assert sum(nemo.EMOTION_COUNTS.values()) == 4481
    assert sum(emovo.EMOTION_COUNTS.values()) == sum(emovo.SPEAKER_COUNTS.values()) == 588
    # Two neutral clips of 9,989 + 1,109 + 2,610 cannot be used.
    assert sum(meld.EMOTION_COUNTS.values()) == 9989 + 1109 + 2610 - 2
    assert len(nemo.EMOTIONS) == 6
    assert len(msp_podcast.EMOTIONS) == 8


def test_nemo_reads_rows_and_names(made: Path) -> None:
    prepared = nemo.prepare(made)
    assert by_id(prepared.utterances)["WR0_sadness_64"] == Utterance(
        "WR0_sadness_64",
        made / "samples" / "WR0_sadness_64.wav",
        "WR0",
        "sadness",
        gender="m",
        sentence="64",
        text="Ucho wykrywa dźwięki o różnej częstotliwości.",
    )
    assert len({u.speaker for u in prepared.utterances}) == 9
    assert "blanks around speaker_id stripped in 36 rows" in prepared.notes
    assert nemo.prepare(made / "samples").utterances == prepared.utterances


def test_nemo_reads_windows_line_ends_and_a_byte_order_mark(made: Path) -> None:
    before = nemo.prepare(made)
    table = made / "data.tsv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert nemo.prepare(made) == before


def test_nemo_names_rows_without_files_and_files_without_rows(made: Path) -> None:
    (made / "samples" / "EB0_anger_1.wav").unlink()
    nemo_tree.sound(made / "samples" / "EB0_fear_2.wav", 24_000)
    prepared = nemo.prepare(made)
    assert len(prepared.utterances) == 35
    assert "1 rows without a file, left out: EB0_anger_1.wav" in prepared.notes
    assert "1 files without a row, left out: EB0_fear_2.wav" in prepared.notes


def test_nemo_refuses_lfs_pointers(made: Path) -> None:
    (made / "samples" / "WR0_sadness_64.wav").write_text(POINTER)
    with pytest.raises(DataError, match=r"1 of 37 files.*git lfs pull"):
        nemo.prepare(made)
    (made / "data.tsv").write_text(POINTER)
    with pytest.raises(DataError, match="2 of 37 files"):
        nemo.prepare(made)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\tneutral\tUcho", "\tfear\tUcho", "not what its row says"),
        ("        WR0\tmale", "        TP0\tmale", "not what its row says"),
        ("\tmale\t26", "\tman\t26", "unknown gender"),
        ("speaker_id", "speaker", "no speaker_id"),
        ("EB0_anger_1.wav", "WR0_sadness_64.wav", "two rows"),
    ],
)
def test_nemo_refuses_what_it_does_not_understand(
    made: Path, old: str, new: str, told: str
) -> None:
    change(made / "data.tsv", old, new)
    with pytest.raises(DataError, match=told):
        nemo.prepare(made)


def test_emovo_reads_names(made: Path) -> None:
    prepared = emovo.prepare(made)
    assert prepared.utterances[0] == Utterance(
        "f1-dis-b1",
        made / "f1" / "dis-f1-b1.wav",
        "f1",
        "disgust",
        gender="f",
        sentence="b1",
        text="Gli operai si alzano presto.",
    )
    assert len({u.sentence for u in prepared.utterances}) == 14
    assert Counter(u.gender for u in prepared.utterances) == {"f": 21, "m": 21}
    assert not [note for note in prepared.notes if "irregular" in note]
    assert "speaker m3: 7 utterances, 98 in the complete release" in prepared.notes


@pytest.mark.parametrize("inside", ["EMOVO", "Dataset"])
def test_emovo_takes_the_folders_around_and_below(made: Path, inside: str) -> None:
    names = [u.utterance_id for u in emovo.prepare(made).utterances]
    made.rename(made.parent / inside)
    assert [u.utterance_id for u in emovo.prepare(made.parent).utterances] == names
    flat = made.parent / "flat"
    flat.mkdir()
    for path in (made.parent / inside).glob("??/*.wav"):
        path.rename(flat / path.name)
    assert [u.utterance_id for u in emovo.prepare(flat).utterances] == names


@pytest.mark.parametrize("name", ["dis-f1b1", "dis--f1-b1", "dis_f1_b1", "DIS-F1-B1", "dis f1 b1"])
def test_emovo_reads_irregular_names_and_says_so(made: Path, name: str) -> None:
    before = [u.utterance_id for u in emovo.prepare(made).utterances]
    (made / "f1" / "dis-f1-b1.wav").rename(made / "f1" / f"{name}.wav")
    prepared = emovo.prepare(made)
    assert [u.utterance_id for u in prepared.utterances] == before
    assert f"1 irregular file names, read nevertheless: {name}.wav" in prepared.notes


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("f1/foo-f1-b1", "not one of EMOVO"),
        ("f1/dis-f4-b1", "not one of EMOVO"),
        ("f1/dis-f1-b4", "not one of EMOVO"),
        ("f1/dis-f1-b1-2", "not one of EMOVO"),
        ("f1/dis-f2-b1", "another speaker"),
        ("f1/dis_f1_b1", "two files"),
    ],
)
def test_emovo_refuses_what_it_would_have_to_guess(made: Path, name: str, told: str) -> None:
    emovo_tree.sound(made / f"{name}.wav", 48_000)
    with pytest.raises(DataError, match=told):
        emovo.prepare(made)


def test_emovo_refuses_lfs_pointers(made: Path) -> None:
    (made / "f1" / "dis-f1-b1.wav").write_text(POINTER)
    with pytest.raises(DataError, match="git lfs pull"):
        emovo.prepare(made)


def test_meld_reads_the_official_partition(made: Path) -> None:
    prepared = meld.prepare(made)
    found = by_id(prepared.utterances)
    assert found["Chandler-train-dia0_utt0"] == Utterance(
        "Chandler-train-dia0_utt0",
        made / "train_splits" / "dia0_utt0.wav",
        "Chandler",
        "anger",
        text="also I was the point person on my company’s transition from the KL-5 to GR-6 system.",
        split="train",
    )
    # Dialogue 0 is another one in each partition.
    for part, split in (("dev", "valid"), ("test", "test")):
        other = found[f"Chandler-{part}-dia0_utt0"]
        assert (other.split, other.audio.parent.name) == (split, meld_tree.FOLDERS[part])
    assert found["Chandler-train-dia0_utt1"].text == "Uhh…. “What?”"
    assert found["Joey-train-dia1_utt0"].text == 'I don\'t want to raise the question of "Us."'
    assert {u.speaker for u in prepared.utterances} == {
        *meld.MAIN_SPEAKERS,
        *("All", "Joey_and_Ross", "Dr._Ledbetter", "The_Interviewer", "Mrs._Green"),
        "Doctor_Connelly",
    }
    told = "\n".join(prepared.notes)
    assert "train: dia125_utt3 left out" in told
    assert "dev: dia110_utt7 left out" in told
    assert "dev: 1 clips without a row, left out: dia66_utt9" in told
    assert "4 utterances of several roles at once" in told
    assert "final_videos" not in told


def test_meld_speakers_have_one_name() -> None:
    assert meld.speaker_of("Ross and Joey") == meld.speaker_of(" Joey  and Ross ")
    assert meld.speaker_of("Joey, Ross and Monica") == "Joey_and_Monica_and_Ross"
    assert meld.speaker_of("Monica/Rachel") == "Monica_and_Rachel"
    assert meld.speaker_of("Phoebe Sr") == meld.speaker_of("Phoebe Sr.") == "Phoebe_Sr."
    assert meld.speaker_of("Sandy") == "Sandy"


def test_meld_reads_other_layouts_and_flac(made: Path) -> None:
    names = [u.utterance_id for u in meld.prepare(made).utterances]
    raw = made.parent / "release" / "MELD.Raw"
    (raw / "train").mkdir(parents=True)
    for path in made.iterdir():
        path.rename((raw / "train" if "train" in path.name else raw) / path.name)
    for path in (raw / "output_repeated_splits_test").glob("dia*.wav"):
        path.rename(path.with_suffix(".flac"))
    assert [u.utterance_id for u in meld.prepare(raw.parent).utterances] == names
    # Audio in folders of its own, the clips where they were.
    for part, name in (("train", "train/train_splits"), ("dev", "dev_splits_complete")):
        for path in (raw / name).glob("*.wav"):
            (raw / part / f"{part}_splits_wav").mkdir(exist_ok=True, parents=True)
            path.rename(raw / part / f"{part}_splits_wav" / path.name)
    assert [u.utterance_id for u in meld.prepare(raw).utterances] == names


def test_meld_tells_how_to_extract_audio(made: Path) -> None:
    folder = made / "dev_splits_complete"
    (folder / "dia3_utt0.wav").unlink()
    with pytest.raises(DataError, match="1 clips without a wav or flac") as refusal:
        meld.prepare(made)
    for wav in folder.glob("*.wav"):
        wav.unlink()
    with pytest.raises(DataError, match="18 clips without a wav or flac") as refusal:
        meld.prepare(made)
    command = re.search(r"for mp4 in .*done", str(refusal.value))
    assert command
    assert f'"{folder}"/dia*.mp4' in command[0]
    assert "-ac 1 -ar 16000" in command[0]
    assert '"${mp4%.mp4}.wav"' in command[0]


def test_meld_reads_tables_in_windows_1252(made: Path) -> None:
    before = meld.prepare(made)
    table = made / "test_sent_emo.csv"
    table.write_bytes(table.read_text("utf-8").encode("latin-1"))
    prepared = meld.prepare(made)
    assert prepared.utterances == before.utterances
    assert "test_sent_emo.csv: not UTF-8, read as Windows-1252" in prepared.notes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (",joy,", ",happy,", "unknown emotion"),
        (",Ross,", ",,", "no speaker"),
        ("neutral,5,0,8", "neutral,5,1,8", "two rows"),
        ("neutral,5,0,8", "neutral,five,0,8", "does not name its clip"),
        ("Dialogue_ID", "Dialogue", "no Dialogue_ID"),
    ],
)
def test_meld_refuses_what_it_does_not_understand(
    made: Path, old: str, new: str, told: str
) -> None:
    # Read as bytes are, so that line ends stay.
    change(made / "train_sent_emo.csv", old, new)
    with pytest.raises(DataError, match=told):
        meld.prepare(made)


def test_meld_names_rows_without_a_clip(made: Path) -> None:
    for ending in ("wav", "mp4"):
        (made / "train_splits" / f"dia0_utt0.{ending}").unlink()
    assert "train: 1 rows without a clip, left out: dia0_utt0" in meld.prepare(made).notes
    (made / "train_splits" / "dia0_utt1.wav").write_text(POINTER)
    with pytest.raises(DataError, match="git lfs pull"):
        meld.prepare(made)


def test_meld_frozen_lists_keep_the_main_voices_apart(made: Path, tmp_path: Path) -> None:
    data = DataDir(tmp_path, tuple(meld.prepare(made).utterances))
    speaker = {u.utterance_id: u.speaker for u in data.utterances}
    folds = folds_of(data, ProtocolConfig(split=str(SPLIT)))
    tested, validated = [], []
    for fold in folds:
        train, valid, test = ({speaker[i] for i in side} for side in fold.sides.values())
        assert (len(train), len(valid), len(test)) == (4, 1, 1)
        # No crowd, and no group with the voice of somebody else.
        assert train | valid | test == set(meld.MAIN_SPEAKERS)
        assert test == {fold.held_out}
        tested += test
        validated += valid
    assert sorted(tested) == sorted(validated) == sorted(meld.MAIN_SPEAKERS)


def test_msp_reads_rows(made: Path) -> None:
    prepared = msp_podcast.prepare(made)
    assert by_id(prepared.utterances)["39-MSP-PODCAST_0021_0010"] == Utterance(
        "39-MSP-PODCAST_0021_0010",
        made / "Audios" / "MSP-PODCAST_0021_0010.wav",
        "39",
        "anger",
        gender="f",
        text="And that was number 2.",
        split="test",
        # Valence, activation, dominance; the table has activation first.
        vad=(3.6, 2.5, 2.933333),
    )
    assert Counter(u.split for u in prepared.utterances) == {"train": 32, "valid": 16, "test": 24}
    assert set(prepared.notes) == {
        "20 utterances left out: of Test2, whose speakers may be those of Test1",
        "11 utterances left out: another emotion (O)",
        "11 utterances left out: no agreement of the raters (X)",
        "16 utterances left out: the speaker is not known, perhaps one of the test set",
        "3 files without a row, left out (Test3 has no labels)",
    }


def test_msp_tests_on_one_set_of_speakers(made: Path) -> None:
    first = msp_podcast.prepare(made).utterances
    second = msp_podcast.prepare(made, test_set=2).utterances
    tested = [{u.speaker for u in found if u.split == "test"} for found in (first, second)]
    assert tested == [{"30", "39", "1187"}, {"30", "1502"}]
    for found in (first, second):
        sides = [{u.speaker for u in found if u.split == s} for s in ("train", "valid", "test")]
        assert sum(map(len, sides)) == len(set().union(*sides))
    for number in (0, 3, 4):
        with pytest.raises(DataError, match=f"test set {number}; accepted: 1, 2"):
            msp_podcast.prepare(made, test_set=number)


def test_msp_keeps_unknown_speakers_only_when_asked(made: Path) -> None:
    found = msp_podcast.prepare(made, unknown_speakers="keep")
    unknown = [u for u in found.utterances if u.speaker == datadir.UNKNOWN_SPEAKER]
    assert Counter(u.split for u in unknown) == {"train": 8, "test": 8}
    # Several people, so of no gender; the others keep theirs.
    assert all((u.gender is None) == (u in unknown) for u in found.utterances)
    assert not any(note.startswith("no genders") for note in found.notes)
    with pytest.raises(DataError, match="leave-out or keep"):
        msp_podcast.prepare(made, unknown_speakers="drop")  # type: ignore[arg-type]


def test_msp_reads_older_releases(made: Path) -> None:
    before = msp_podcast.prepare(made).utterances
    table = made / "Labels" / "labels_consensus.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Other order of columns, the older word and spelling, blanks, and the other folder.
    with (made / "Labels" / "labels_concensus.csv").open(
        "w", newline="", encoding="utf-8-sig"
    ) as f:
        writer = csv.DictWriter(f, ["SpkrID", *(n for n in rows[0] if n != "SpkrID")])
        writer.writeheader()
        for row in rows:
            part = row["Split_Set"].replace("Development", "Validation")
            writer.writerow({**row, "Split_Set": part, "SpkrID": f" {row['SpkrID']} "})
    with pytest.raises(DataError, match="several tables"):
        msp_podcast.prepare(made)
    table.unlink()
    (made / "Audios").rename(made / "Audio")
    found = msp_podcast.prepare(made.parent).utterances
    assert [(u.utterance_id, u.split, u.vad, u.gender) for u in found] == [
        (u.utterance_id, u.split, u.vad, u.gender) for u in before
    ]


def test_msp_gives_texts_only_if_all_are_known(made: Path) -> None:
    (made / "Transcripts" / "MSP-PODCAST_0021_0010.txt").unlink()
    prepared = msp_podcast.prepare(made)
    assert {u.text for u in prepared.utterances} == {None}
    told = "no texts: 1 utterances have no transcript: MSP-PODCAST_0021_0010"
    assert told in prepared.notes


def test_msp_counts_rows_without_audio(made: Path) -> None:
    (made / "Audios" / "MSP-PODCAST_0021_0010.wav").unlink()
    assert "1 utterances left out: without an audio file" in msp_podcast.prepare(made).notes
    for path in (made / "Audios").glob("*.wav"):
        path.unlink()
    with pytest.raises(DataError, match="no wav files"):
        msp_podcast.prepare(made)


def test_msp_ratings_may_be_missing(made: Path) -> None:
    change(made / "Labels" / "labels_consensus.csv", "0010.wav,A,2.5,", "0010.wav,A,,")
    unrated = [u for u in msp_podcast.prepare(made).utterances if u.vad is None]
    assert {u.audio.stem[-4:] for u in unrated} == {"0010"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0008.wav,N,", "0008.wav,Q,", "cannot be understood"),
        ("0008.wav,N,2.0", "0008.wav,N,9.0", "cannot be understood"),
        ("0008.wav,N,2.0", "0008.wav,N,low", "cannot be understood"),
        ("Development", "Dev", "cannot be understood"),
        ("Split_Set", "Split", "no Split_Set"),
        ("0000_0008.wav", "0000_0009.wav", "two rows for a file"),
        ("MSP-PODCAST_0000_0008.wav", "../0008.wav", "an invalid name"),
        (",7,Female,Train", ",7,Female,Train,more", "other columns"),
    ],
)
def test_msp_refuses_what_it_does_not_understand(made: Path, old: str, new: str, told: str) -> None:
    change(made / "Labels" / "labels_consensus.csv", old, new)
    with pytest.raises(DataError, match=told):
        msp_podcast.prepare(made)


def test_msp_refuses_a_table_that_is_not_utf8(made: Path) -> None:
    (made / "Labels" / "labels_consensus.csv").write_bytes(b"FileName\xff\n")
    with pytest.raises(DataError, match="cannot be read"):
        msp_podcast.prepare(made)


def test_msp_does_not_look_at_every_file(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda p, **how: looks.append(p) or stat(p, **how))
    assert len(msp_podcast.prepare(made).utterances) == 72
    assert len(looks) < 20
