"""A data directory says what the utterances say, and every fault in one is found and named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import DataDir, Utterance
from ser_pcq.data.summary import summary, utterance_duration
from ser_pcq.errors import AudioError, DataError

Tone = Callable[..., Path]


def utterances(folder: Path) -> list[Utterance]:
    """Four utterances of two speakers, in order."""
    return [
        Utterance(
            f"{speaker}-{emotion}",
            folder / "wav" / f"{speaker}-{emotion}.wav",
            speaker,
            emotion,
            gender=gender,
            session="1",
            sentence="a01",
            text="Grüß Gott zusammen.",
        )
        for speaker, gender in (("A", "f"), ("B", "m"))
        for emotion in ("anger", "sadness")
    ]


@pytest.fixture
def sound(tmp_path: Path, tone: Tone) -> Path:
    """A data directory with nothing wrong, and its audio."""
    for u in utterances(tmp_path):
        tone(u.audio)
    datadir.write(tmp_path / "data", utterances(tmp_path))
    return tmp_path / "data"


def kinds(path: Path, **options: object) -> list[str]:
    return sorted(problem.kind for problem in datadir.validate(path, **options))


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_read_gives_back_what_was_written(sound: Path, tmp_path: Path) -> None:
    data = datadir.read(sound, check_audio=True)
    assert data == DataDir(sound, tuple(utterances(tmp_path)))
    assert data.labels == ("anger", "sadness")
    assert data.speakers == ("A", "B")
    assert datadir.validate(sound) == []


def test_files_are_those_of_kaldi(sound: Path, tmp_path: Path) -> None:
    assert names(sound) == [
        "labels", "spk2gender", "text", "utt2emo", "utt2sentence", "utt2session", "utt2spk",
        "wav.scp",
    ]  # fmt: skip
    assert (sound / "utt2spk").read_text() == "A-anger A\nA-sadness A\nB-anger B\nB-sadness B\n"
    assert (sound / "spk2gender").read_text() == "A f\nB m\n"
    assert (sound / "labels").read_text() == "anger\nsadness\n"
    first = (sound / "wav.scp").read_text().splitlines()[0]
    assert first == f"A-anger {tmp_path}/wav/A-anger.wav"


def test_order_is_that_of_bytes(tmp_path: Path) -> None:
    ids = ["a", "Z", "é", "a-b", "_", "10", "9", "\U0001f600", "～"]
    given = [Utterance(i, tmp_path / "x.wav", "s", "joy") for i in ids]
    datadir.write(tmp_path / "data", given)
    written = [line.split(" ")[0] for line in (tmp_path / "data" / "utt2spk").open()]
    assert written == sorted(ids, key=str.encode)
    assert datadir.validate(tmp_path / "data", check_audio=False) == []


WORDS = st.text(min_size=1, max_size=6).filter(lambda w: w.isprintable() and " " not in w)
PATHS = st.text("ab é.|-_", min_size=1, max_size=8).map(str.strip).filter(lambda p: p.strip("./|"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def corpora(draw: st.DrawFn) -> list[Utterance]:
    """Utterances with any names, where optional facts are known of all or of none."""
    has = {name: draw(st.booleans()) for name in ("gender", "session", "sentence", "text", "times")}
    genders = draw(st.dictionaries(WORDS, st.sampled_from("mfo"), min_size=1, max_size=3))
    result = []
    for utterance_id in draw(st.lists(WORDS, min_size=1, max_size=5, unique=True)):
        speaker = draw(st.sampled_from(sorted(genders)))
        start = draw(st.none() | st.floats(1e-6, 1e6)) if has["times"] else None
        length = draw(st.none() | st.floats(0.01, 1e6)) if has["times"] else None
        result.append(
            Utterance(
                utterance_id,
                Path("/no/such/folder", draw(PATHS)),
                speaker,
                draw(WORDS),
                gender=genders[speaker] if has["gender"] else None,
                session=draw(WORDS) if has["session"] else None,
                sentence=draw(WORDS) if has["sentence"] else None,
                text=" ".join(draw(TEXTS).split()) if has["text"] else None,
                start=start,
                end=None if length is None else (start or 0.0) + length,
            )
        )
    return result


@settings(deadline=None, max_examples=60)
@given(given=corpora())
def test_any_utterances_survive_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, given: list[Utterance]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any" / "data"
    if any(str(u.audio).endswith("|") for u in given):
        with pytest.raises(DataError, match="pipe"):
            datadir.write(path, given)
        return
    datadir.write(path, given)
    ordered = sorted(given, key=lambda u: u.utterance_id.encode())
    assert datadir.read(path).utterances == tuple(ordered)
    assert names(path.parent) == ["data"]


def test_segments_name_recordings(sound: Path, tmp_path: Path, tone: Tone) -> None:
    one = tone(tmp_path / "x" / "talk.wav", seconds=3)
    other = tone(tmp_path / "y" / "talk.wav", seconds=3)
    given = [
        Utterance("u1", one, "A", "anger", end=1.25),
        Utterance("u2", one, "A", "anger", start=1.25),
        Utterance("u3", other, "A", "anger", start=0.1, end=3.2),
        Utterance("u4", other, "A", "anger"),
    ]
    datadir.write(sound, given)
    assert (sound / "segments").read_text().splitlines() == [
        "u1 talk 0.0 1.25", "u2 talk 1.25 -1", "u3 talk-2 0.1 3.2", "u4 talk-2 0.0 -1"
    ]  # fmt: skip
    data = datadir.read(sound, check_audio=True)
    assert data.utterances == tuple(given)
    lengths = [utterance_duration(u) for u in data.utterances]
    assert lengths == pytest.approx([1.25, 1.75, 2.9, 3.0])


def test_rewriting_removes_what_no_longer_holds(sound: Path, tmp_path: Path) -> None:
    (sound / "notes").write_text("mine")
    plain = [Utterance(u.utterance_id, u.audio, "A", "joy") for u in utterances(tmp_path)]
    datadir.write(sound, plain)
    assert names(sound) == ["labels", "notes", "utt2emo", "utt2spk", "wav.scp"]
    assert datadir.read(sound).utterances == tuple(plain)


def test_relative_paths_move_with_the_directory(sound: Path, tmp_path: Path) -> None:
    datadir.write(sound, utterances(tmp_path), relative_to_dir=True)
    assert (sound / "wav.scp").read_text().startswith("A-anger ../wav/A-anger.wav\n")
    (tmp_path / "moved").mkdir()
    for name in ("data", "wav"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert datadir.validate(tmp_path / "moved" / "data") == []


def test_relative_paths_are_right_through_links(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    datadir.write(tmp_path / "link" / "data", utterances(tmp_path), relative_to_dir=True)
    assert datadir.validate(tmp_path / "link" / "data") == []
    (tmp_path / "linked").symlink_to(sound)
    datadir.write(tmp_path / "linked", utterances(tmp_path)[:1])
    assert (tmp_path / "linked").is_symlink()
    assert len(datadir.read(sound).utterances) == 1


def test_paths_relative_to_the_current_directory(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound / "wav.scp").write_text(
        "".join(f"{u.utterance_id} wav/{u.audio.name}\n" for u in utterances(tmp_path))
    )
    assert kinds(sound) == ["missing-audio"]
    monkeypatch.chdir(tmp_path)
    assert kinds(sound) == []
    datadir.write("again", [replace(u, audio=Path("wav", u.audio.name)) for u in utterances(sound)])
    monkeypatch.chdir("/")
    assert kinds(tmp_path / "again") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"utterance_id": "a b"}, "utterance id"),
        ({"utterance_id": ""}, "utterance id"),
        ({"utterance_id": "a\u00a0b"}, "utterance id"),
        ({"utterance_id": "\ufeffa"}, "utterance id"),
        ({"speaker": "A\n"}, "speaker"),
        ({"emotion": ""}, "emotion"),
        ({"session": "\udcff"}, "session"),
        ({"text": "\udcff"}, "cannot be written"),
        ({"session": None}, "id-mismatch"),
        ({"text": None}, "id-mismatch"),
        ({"gender": "x", "speaker": "C"}, "inconsistent-speaker"),
        ({"gender": "m"}, "duplicate-id"),
        ({"utterance_id": "B-anger"}, "duplicate-id"),
        ({"start": -1.0}, "bad-segment"),
        ({"start": float("nan")}, "bad-segment"),
        ({"start": 2.0, "end": 2.0}, "does not follow"),
        ({"end": -1.0}, "does not follow"),
        ({"end": float("nan")}, "does not follow"),
        ({"audio": Path("/x/a\nb.wav")}, "name of an audio file"),
        ({"audio": Path("/x/a.wav ")}, "name of an audio file"),
        ({"audio": Path("/x/touch pwned |")}, "pipe"),
    ],
)
def test_what_cannot_be_written_leaves_no_trace(
    sound: Path, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    before = {p.name: p.read_bytes() for p in sound.iterdir()}
    first, *others = utterances(tmp_path)
    with pytest.raises(DataError, match=told):
        datadir.write(sound, [replace(first, **change), *others])
    assert {p.name: p.read_bytes() for p in sound.iterdir()} == before
    assert names(tmp_path) == ["data", "wav"]
    with pytest.raises(DataError, match=told):
        datadir.write(tmp_path / "new", [replace(first, **change), *others])
    assert not (tmp_path / "new").exists()


def test_no_utterances_and_no_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no utterances"):
        datadir.write(tmp_path / "data", [])
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(DataError, match="cannot be written"):
            datadir.write(path, utterances(tmp_path))
    assert names(tmp_path) == ["file"]


def test_tabs_and_blanks_separate_fields(sound: Path, tmp_path: Path) -> None:
    before = datadir.read(sound)
    for name in ("wav.scp", "utt2emo", "text"):
        lines = (sound / name).read_text().splitlines()
        spaced = [" \t ".join(line.split(" ", 1)) + " \n" for line in lines]
        (sound / name).write_text("".join(spaced))
    (sound / "utt2spk").write_text((sound / "utt2spk").read_text().rstrip("\n"))
    assert datadir.read(sound) == before


def test_read_looks_at_audio_only_when_asked(sound: Path, tmp_path: Path) -> None:
    utterances(tmp_path)[0].audio.unlink()
    assert len(datadir.read(sound).utterances) == 4
    with pytest.raises(DataError, match="missing-audio"):
        datadir.read(sound, check_audio=True)
    with pytest.raises(AudioError):
        utterance_duration(utterances(tmp_path)[0])


def test_summary_counts_and_adds_up(sound: Path) -> None:
    data = datadir.read(sound)
    result = summary(data, {u.utterance_id: n for n, u in enumerate(data.utterances, start=1)})
    assert result.counts == {"anger": {"A": 1, "B": 1}, "sadness": {"A": 1, "B": 1}}
    assert result.durations["sadness"].total == 6
    assert (result.total.shortest, result.total.mean, result.total.longest) == (1, 2.5, 4)
    assert result.total.n_utterances == sum(d.n_utterances for d in result.durations.values()) == 4


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_folder_in_use_for_something_else_is_left_alone(
    sound: Path, tmp_path: Path, is_folder: bool
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    if is_folder:
        (project / "text").mkdir()
    else:
        (project / "text").write_text("my thesis")
    before = sorted(project.iterdir())
    with pytest.raises(DataError, match=r"not a data directory.*project with text.*another folder"):
        datadir.write(project, datadir.read(sound).utterances)
    assert sorted(project.iterdir()) == before
