"""IEMOCAP: labels, speakers, classes and parts are read as the release means them."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from support.paths import RECIPES
from support.trees import iemocap as tree

from ser_pcq.config import ProtocolConfig
from ser_pcq.config.toml import load_config
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import iemocap
from ser_pcq.data.corpora.iemocap_labels import LABELS, Turn, read_labels, read_transcription
from ser_pcq.data.labels import EMOTIONS
from ser_pcq.errors import DataError
from ser_pcq.protocols.folds import folds_of, make_folds

SPLITS = RECIPES / "iemocap" / "splits"
SPEAKERS = {f"Ses0{n}{letter}" for n in range(1, 6) for letter in "FM"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that no test changes."""
    return tree.make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A tree of a test's own."""
    return shutil.copytree(made, tmp_path / made.name)


def labels_of(root: Path, dialog: str) -> Path:
    return root / f"Session{dialog[4]}" / "dialog" / "EmoEvaluation" / f"{dialog}.txt"


def wav_of(root: Path, turn_id: str) -> Path:
    dialog = turn_id.rpartition("_")[0]
    return root / f"Session{dialog[4]}" / "sentences" / "wav" / dialog / f"{turn_id}.wav"


def by_id(prepared) -> dict[str, datadir.Utterance]:
    return {u.utterance_id: u for u in prepared.utterances}


def test_the_tree_has_every_speaker_with_every_class_in_both_parts(made):
    found = iemocap.prepare(made).utterances
    assert [u.utterance_id for u in found] == sorted(u.utterance_id for u in found)
    kinds = {(u.speaker, u.emotion, "impro" in u.utterance_id) for u in found}
    assert len(kinds) == 10 * 4 * 2
    assert {u.speaker for u in found} == SPEAKERS
    assert {u.emotion for u in found} == set(iemocap.CORPUS.labels)
    assert all(u.speaker[3:5] == f"0{u.session}" for u in found)


def test_the_data_directory_is_sound_and_keeps_everything(made, tmp_path):
    found = iemocap.prepare(made, classes=6).utterances
    datadir.write(tmp_path / "data", found, corpus="iemocap")
    assert datadir.validate(tmp_path / "data") == []
    data = datadir.read(tmp_path / "data")
    assert data.utterances == tuple(replace(u, corpus="iemocap") for u in found)
    assert data.speakers == tuple(sorted(SPEAKERS))
    assert all(u.text and u.vad and u.ratings for u in data.utterances)


def test_the_speaker_is_told_by_the_last_field_whoever_wears_the_markers(made):
    found = by_id(iemocap.prepare(made))
    for dialog in ("Ses01F_impro01", "Ses01M_impro02", "Ses01F_script01_1", "Ses01M_script02_2"):
        for letter in "FM":
            u = found[f"{dialog}_{letter}000"]
            assert (u.speaker, u.gender, u.session) == (f"Ses01{letter}", letter.lower(), "1")
            assert u.audio == wav_of(made, u.utterance_id)
    assert Counter(u.gender for u in found.values())["f"] >= 40


def test_dialogs_with_suffixes_are_read(made):
    found = by_id(iemocap.prepare(made))
    assert found["Ses03M_impro05a_F000"].speaker == "Ses03F"
    assert found["Ses05M_script01_1b_M000"].speaker == "Ses05M"


@pytest.mark.parametrize("name", ["leave-one-session-out", "leave-one-speaker-out"])
def test_the_frozen_lists_are_what_the_protocols_give(made, tmp_path, name):
    data = datadir.DataDir(tmp_path, tuple(iemocap.prepare(made).utterances))
    config = ProtocolConfig(name=name, valid_speakers=1)
    folds = make_folds(data, config)
    assert folds_of(data, replace(config, split=str(SPLITS / f"{name}.json"))) == folds
    assert len(folds) == {"leave-one-session-out": 5, "leave-one-speaker-out": 10}[name]
    tested = [i for fold in folds for i in fold.test]
    assert sorted(tested) == [u.utterance_id for u in data.utterances]
    for fold in folds:
        # Nothing of a tested session trains or chooses, since partners are heard on both sides.
        assert not {i[:5] for i in (*fold.train, *fold.valid)} & {i[:5] for i in fold.test}


@pytest.mark.parametrize(
    ("protocol", "leaky", "n_folds"),
    [
        ("clean", False, 5),
        ("leave-one-speaker-out", False, 10),
        ("as-published", True, 10),
        ("random", True, 10),
    ],
)
def test_the_protocols_of_the_recipe_hold_out_what_they_say(
    made, tmp_path, protocol, leaky, n_folds
):
    options = (RECIPES / "iemocap" / "protocols" / protocol).read_text().split()
    conf = min(RECIPES.glob("**/pcq-whisper.toml"))
    config = load_config(conf, [o[6:] for o in options if o.startswith("--set=")])
    assert ("--allow-leakage" in options) == leaky
    data = datadir.DataDir(tmp_path, tuple(iemocap.prepare(made).utterances))
    folds = make_folds(data, config.protocol)
    speaker = {u.utterance_id: u.speaker for u in data.utterances}
    assert len(folds) == n_folds
    for fold in folds:
        train, valid, test = ({speaker[i] for i in ids} for ids in fold.sides.values())
        if protocol == "as-published":
            assert fold.valid == fold.test
            assert train == SPEAKERS - test
        elif not leaky:
            assert (len(train), len(valid)) == (7, 1)
            assert not {s[:5] for s in train | valid} & {s[:5] for s in test}
        else:
            assert train & test


@pytest.mark.parametrize(
    ("classes", "emotions"),
    [
        (4, "anger happiness neutral sadness"),
        (5, "anger frustration happiness neutral sadness"),
        (6, "anger excitement frustration happiness neutral sadness"),
    ],
)
def test_classes(made, classes, emotions):
    prepared = iemocap.prepare(made, classes=classes)
    counts = Counter(u.emotion for u in prepared.utterances)
    assert sorted(counts) == emotions.split()
    assert counts["anger"] == counts["neutral"] == counts["sadness"] == 20
    assert counts["happiness"] + counts["excitement"] == 24
    assert counts["frustration"] == (4 if classes > 4 else 0)
    left = 12 if classes > 4 else 16
    note = next(n for n in prepared.notes if n.startswith("other labels"))
    assert note.startswith(f"other labels: {left} turns left out: ")
    assert "raters disagree (xxx) 4" in note
    assert "fear (fea) 2" in note
    assert ("frustration (fru) 4" in note) == (classes == 4)


def test_parts(made):
    everything = by_id(iemocap.prepare(made))
    improvised = by_id(iemocap.prepare(made, part="improvised"))
    scripted = by_id(iemocap.prepare(made, part="scripted"))
    assert improvised | scripted == everything
    assert all("_impro" in i for i in improvised)
    assert all("_script" in i for i in scripted)
    notes = iemocap.prepare(made, part="improvised").notes
    assert "not improvised: 50 turns left out" in notes
    assert f"four classes, improvised: {len(improvised)} turns, 2943 in the complete release" in (
        notes
    )


@pytest.mark.parametrize("options", [{"classes": 3}, {"classes": 7}, {"part": "read"}])
def test_other_sets_are_refused(made, options):
    with pytest.raises(DataError, match=r"4, 5, 6 classes; part all, improvised, scripted"):
        iemocap.prepare(made, **options)


def test_what_raters_said_is_kept_without_their_comments(made):
    found = by_id(iemocap.prepare(made))
    angry, happy = found["Ses01F_impro01_F000"], found["Ses01F_impro01_M001"]
    assert angry.vad == (2.5, 2.0, 3.0)
    assert angry.ratings == (
        "E2:anger,frustration",
        "E3:neutral",
        "F1:frustration,surprise",
        "E3:3/2/3",
        "E4:2/2/-",
        "F1:4/5/3",
    )
    assert happy.ratings[:3] == ("E2:happiness", "E3:neutral", "M1:frustration,surprise")


def one_block(path: Path, *lines: str) -> Path:
    """Write a label file with one turn and these rater lines."""
    head = "[1.0000 - 2.5000]\tSes01F_impro01_F000\tneu\t[2.5000, 3.0000, 1.6667]"
    path.write_text("\n".join([head, *lines, ""]))
    return path


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("C-E2:\tNeutral state; Excited;\t()", "E2:neutral,excitement"),
        ("C-E4:\tOther;\t(bored; a: b, c (d))", "E4:other"),
        ("C-E4:\tDeeply Moved;\t()", "E4:deeply-moved"),
        ("C-M1:\tSurprised; Disgust;Fear;\tno brackets", "M1:surprise,disgust,fear"),
        ("C-E1:  Sadness;  ()", "E1:sadness"),
        ("A-E3:\tval 3; act 2; dom  2;\t(act 5; no)", "E3:3/2/2"),
        ("A-F1:\tval ; act 4; dom  ;\t()", "F1:-/4/-"),
        ("A-E3:\tdom 1; val 2.5;\t()", "E3:2.5/-/1"),
        ("C-E2:\t;\t(nothing)", None),
        ("C-E2:\tNeutral", None),
        ("A-E3:\tval ; act ; dom ;\t()", None),
        ("and a comment that goes on)", None),
    ],
)
def test_rater_lines(tmp_path, line, word):
    content = read_labels(one_block(tmp_path / "Ses01F_impro01.txt", line))
    (turn,) = content.turns
    assert turn.ratings == (() if word is None else (word,))
    assert turn.vad == (2.5, 3.0, 1.6667)
    expected = () if word else (f"{tmp_path / 'Ses01F_impro01.txt'}, line 2",)
    assert content.unread == expected


def test_lines_without_a_rating_are_told(root):
    path = labels_of(root, "Ses01F_impro01")
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:4], "C-E9:\t;\t()", *lines[4:]]))
    prepared = iemocap.prepare(root)
    assert f"1 lines give no rating and are left out: {path}, line 5" in prepared.notes
    assert len(by_id(prepared)["Ses01F_impro01_F000"].ratings) == 6


def test_line_ends_and_a_byte_order_mark_change_nothing(root):
    before = iemocap.prepare(root)
    assert b"\r\n" in labels_of(root, tree.CRLF).read_bytes()
    for path in root.glob("Session?/dialog/*/Ses*.txt"):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        if path.name != f"{tree.LATIN}.txt":
            content = b"\xef\xbb\xbf" + content
        path.write_bytes(content.replace(b"\n", b"\r\n"))
    assert iemocap.prepare(root) == before


def test_stray_files_and_sub_folders_are_not_read(made):
    evaluation = labels_of(made, "Ses01F_impro01").parent
    assert {p.name for p in evaluation.iterdir() if p.is_dir()} == {
        "Attribute",
        "Categorical",
        "Self-evaluation",
    }
    assert any(p.name.startswith("._") for p in evaluation.iterdir())
    for path in (evaluation / "._Ses01F_impro01.txt", evaluation / "Attribute"):
        bad = path if path.is_file() else next(path.iterdir())
        with pytest.raises(DataError):
            read_labels(bad)
    assert not any("._" in str(u.audio) for u in iemocap.prepare(made).utterances)


def test_text_in_either_encoding(made):
    found = by_id(iemocap.prepare(made))
    assert found[f"{tree.LATIN}_F000"].text == "Au café, naïve, F000."
    assert found["Ses01F_impro01_F000"].text == "It's all right, F000."
    path = labels_of(made, "Ses01F_impro01").parents[1] / "transcriptions" / "Ses01F_impro01.txt"
    texts = read_transcription(path)
    assert texts["Ses01F_impro01_MXX0"] == "Hmm. [LAUGHTER]"
    assert not any(i.endswith("XX0") for i in found)
    assert len(texts) == 6


def test_what_is_not_transcribed_has_no_text(root, tmp_path):
    path = root / "Session1" / "dialog" / "transcriptions" / "Ses01F_impro01.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "_F001" not in line))
    prepared = iemocap.prepare(root)
    assert "1 utterances are not transcribed: Ses01F_impro01_F001" in prepared.notes
    assert by_id(prepared)["Ses01F_impro01_F001"].text == ""
    datadir.write(tmp_path / "data", prepared.utterances)
    assert datadir.read(tmp_path / "data").utterances == tuple(prepared.utterances)
    for session in range(1, 6):
        folder = root / f"Session{session}" / "dialog" / "transcriptions"
        folder.rename(folder.with_name("elsewhere"))
    assert {u.text for u in iemocap.prepare(root).utterances} == {None}


def test_the_parent_of_the_released_folder_is_accepted(made):
    assert iemocap.prepare(made.parent) == iemocap.prepare(made)


def test_it_says_what_layout_it_expects(root, tmp_path):
    for folder in (root / "Session1", tmp_path / "none", root / "Documentation"):
        with pytest.raises(DataError, match=r"IEMOCAP_full_release with Session1/dialog"):
            iemocap.prepare(folder)


def test_a_missing_session_is_told_and_the_others_are_read(root):
    (root / "Session4").rename(root / "elsewhere")
    prepared = iemocap.prepare(root)
    assert "session 4 is missing: there is no Session4" in prepared.notes
    assert {u.session for u in prepared.utterances} == set("1235")
    told = [n for n in prepared.notes if "in the complete release" in n]
    assert told
    assert not any(n.startswith(("session 4", "all sessions", "four classes")) for n in told)


def test_a_session_without_labels_is_refused(root):
    folder = root / "Session2" / "dialog" / "EmoEvaluation"
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(DataError, match=r"no label files.*Session2"):
        iemocap.prepare(root)


def test_recordings_without_a_label_are_told(root):
    labels_of(root, "Ses03M_impro05a").unlink()
    wav = wav_of(root, "Ses01F_impro01_F000")
    wav.with_stem("Ses01F_impro01_F077").write_bytes(wav.read_bytes())
    prepared = iemocap.prepare(root)
    assert (
        "dialog Ses03M_impro05a has no label file: its 5 recordings are left out" in prepared.notes
    )
    assert "1 recordings without a label are left out: Ses01F_impro01_F077" in prepared.notes
    assert not any(
        i.startswith(("Ses03M_impro05a", "Ses01F_impro01_F077")) for i in by_id(prepared)
    )


def test_labels_without_a_recording_are_refused(root):
    for number in range(2):
        wav_of(root, f"Ses05M_script01_1b_F00{number}").unlink()
    with pytest.raises(DataError, match=r"2 of 84, such as .*Ses05M_script01_1b_F000\.wav"):
        iemocap.prepare(root)
    # What is not used may be missing.
    iemocap.prepare(root, part="improvised")


def test_pointers_in_place_of_audio_are_refused(root):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    wav_of(root, "Ses01F_impro01_F000").write_text(pointer)
    with pytest.raises(DataError, match="git lfs pull"):
        iemocap.prepare(root)


GOOD = "[0.5000 - 2.4000]\tSes01F_impro01_F000\tang\t[2.5000, 2.0000, 3.0000]"


@pytest.mark.parametrize(
    "line",
    [
        GOOD.replace("ang", "angry"),
        GOOD.replace("ang", "ANG"),
        GOOD.replace(", 3.0000]", "]"),
        GOOD.replace("2.5000,", "high,"),
        GOOD.replace("Ses01F", "Ses06F"),
        GOOD.replace("_F000", "_X000"),
        GOOD.replace("\tang", ""),
        GOOD.removeprefix("["),
        "[0.5000 - 2.4000]",
    ],
)
def test_a_malformed_label_is_refused_by_file_and_line(root, line):
    path = labels_of(root, "Ses01F_impro01")
    text = path.read_text()
    assert text.count(GOOD) == 1
    path.write_text(text.replace(GOOD, line))
    with pytest.raises(DataError, match=r"cannot be read.*Ses01F_impro01\.txt, line 3"):
        iemocap.prepare(root)


def test_a_turn_that_is_labelled_twice_is_refused(root):
    path = labels_of(root, "Ses01F_impro01")
    path.write_text(path.read_text() + GOOD + "\n")
    with pytest.raises(DataError, match=r"twice.*F000 in .*Ses01F_impro01\.txt, line 42"):
        iemocap.prepare(root)


def test_label_files_in_a_wrong_place_are_refused(root):
    path = labels_of(root, "Ses01F_impro01")
    copy = path.with_name("Ses01F_impro03.txt")
    copy.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"another dialog.*Ses01F_impro03\.txt, line 3"):
        iemocap.prepare(root)
    copy.write_text("")
    with pytest.raises(DataError, match="no turn"):
        iemocap.prepare(root)
    copy.unlink()
    path.rename(labels_of(root, "Ses02M_impro07").with_name(path.name))
    with pytest.raises(DataError, match="another session"):
        iemocap.prepare(root)


def complete() -> list[Turn]:
    """The labels of the complete release, by number alone."""

    def turns(session: str, label: str, number: int) -> list[Turn]:
        return [
            Turn("", "", session, "F", "improvised", label, (3.0, 3.0, 3.0)) for _ in range(number)
        ]

    listed = [
        turn
        for session, labels in iemocap.RELEASED.items()
        for label, number in labels.items()
        for turn in turns(session, label, number)
    ]
    for label, number in iemocap.RELEASED_OTHERS.items():
        listed += turns("2", label, number)
    n_scripted = iemocap.RELEASED_PARTS["scripted"]
    return [replace(t, part="scripted") for t in listed[:n_scripted]] + listed[n_scripted:]


def test_the_counts_of_the_release_agree_and_differences_from_them_are_told():
    turns = complete()
    assert len(turns) == 10_039
    assert sum(iemocap.RELEASED_PARTS.values()) == sum(iemocap.EMOTION_COUNTS.values()) == 5531
    for classes, n_turns in ((4, 5531), (5, 7380), (6, 7380)):
        assert sum(t.label in iemocap.CLASSES[classes] for t in turns) == n_turns
    merged = Counter(iemocap.CLASSES[4].get(t.label) for t in turns)
    assert all(merged[emotion] == n for emotion, n in iemocap.EMOTION_COUNTS.items())
    for part in iemocap.PARTS:
        assert iemocap._difference_notes(turns, part) == []
    changed = [replace(turns[0], label="fru"), *turns[1:]]
    assert iemocap._difference_notes(changed, "all") == [
        "session 1, neu: 383 turns, 384 in the complete release",
        "all sessions, fru: 1850 turns, 1849 in the complete release",
    ]
    assert iemocap._difference_notes(changed, "scripted")[-1] == (
        "four classes, scripted: 2587 turns, 2588 in the complete release"
    )


def test_a_copy_that_is_not_complete_is_told(made):
    notes = iemocap.prepare(made).notes
    assert "session 1, neu: 4 turns, 384 in the complete release" in notes
    assert "all sessions, xxx: 4 turns, 2507 in the complete release" in notes


def test_emotions_have_the_names_of_the_package():
    names = {e for e in LABELS.values() if e}
    assert names <= set(EMOTIONS)
    assert all(set(emotions.values()) <= names for emotions in iemocap.CLASSES.values())


def test_partners_are_heard_on_each_others_recordings(made):
    """The tree has what the release has: a turn of F and one of M share more than a second."""
    for session, dialogs in tree.DIALOGS.items():
        first, second = (
            soundfile.read(wav_of(made, f"{dialogs[0]}_{letter}000"))[0] for letter in "FM"
        )
        shared = len(first) - round(0.6 * tree.RATE)
        assert shared > tree.RATE, session
        assert (first[-shared:] == second[:shared]).all()
