"""Corpora: names are read as the corpus means them, and nothing else is taken for part of it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import CORPORA, GENERATORS, emodb, synthetic
from ser_pcq.data.summary import summary, utterance_duration
from ser_pcq.errors import DataError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with some of the names of EMO-DB, and what unpacking leaves beside them."""
    folder = tmp_path / "emodb" / "wav"
    folder.mkdir(parents=True)
    names = ("16b10Wb", "03a01Fa", "08b03Tc", "09a05Ea", "10a04Ad", "11a02Lf", "12b09Na", "13a07We")
    for name in names:
        (folder / f"{name}.wav").touch()
    (folder / "._03a01Fa.wav").touch()
    (folder / "readme.txt").touch()
    (folder.parent / "erkennung.txt").touch()
    return folder.parent


def test_emodb_names(tree: Path) -> None:
    found = emodb.prepare(tree).utterances
    assert [u.utterance_id for u in found] == sorted(p.stem for p in tree.glob("wav/[01]*.wav"))
    assert Counter(u.emotion for u in found) == {
        **dict.fromkeys(emodb.EMOTION_COUNTS, 1),
        "anger": 2,
    }
    first = found[0]
    assert first == datadir.Utterance(
        "03a01Fa",
        tree / "wav" / "03a01Fa.wav",
        "03",
        "happiness",
        gender="m",
        sentence="a01",
        text="Der Lappen liegt auf dem Eisschrank.",
    )
    assert all(u.utterance_id.startswith(u.speaker) for u in found)


def test_emodb_takes_the_folder_of_the_recordings_too(tree: Path) -> None:
    assert emodb.prepare(tree / "wav").utterances == emodb.prepare(tree).utterances


@pytest.mark.parametrize("name", ["03a01F", "03a01Fg", "04a01Fa", "03a03Fa", "03a01Xa", "03a01Fa2"])
def test_emodb_refuses_foreign_names(tree: Path, name: str) -> None:
    (tree / "wav" / f"{name}.wav").touch()
    with pytest.raises(DataError, match=f"{name}.wav"):
        emodb.prepare(tree)


def test_emodb_says_what_layout_it_expects(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"wav/03a01Fa\.wav"):
            emodb.prepare(folder)


def test_emodb_tells_what_is_not_there(tree: Path) -> None:
    told = emodb.prepare(tree).notes
    assert told[0] == "8 utterances, 535 in the complete release"
    assert "emotion anger: 2 utterances, 127 in the complete release" in told
    assert "speaker 16: 1 utterances, 71 in the complete release" in told


def test_emodb_tables_agree() -> None:
    assert sum(emodb.EMOTION_COUNTS.values()) == sum(emodb.SPEAKER_COUNTS.values()) == 535
    assert set(emodb.EMOTIONS.values()) == set(emodb.EMOTION_COUNTS)
    assert set(emodb.GENDERS) == set(emodb.SPEAKER_COUNTS)
    assert Counter(emodb.GENDERS.values()) == {"m": 5, "f": 5}
    assert len(emodb.SENTENCES) == 10


def test_emodb_as_released(emodb_dir: Path, tmp_path: Path) -> None:
    prepared = emodb.prepare(emodb_dir)
    found = prepared.utterances
    assert prepared.notes == ()
    datadir.write(tmp_path / "data", found)
    assert datadir.validate(tmp_path / "data") == []
    data = datadir.read(tmp_path / "data")
    assert data.utterances == tuple(found)
    result = summary(data, {u.utterance_id: utterance_duration(u) for u in data.utterances})
    assert result.total.n_utterances == 535
    assert result.total.total == pytest.approx(1487.1, abs=0.05)
    assert result.total.shortest == pytest.approx(1.226, abs=1e-3)
    assert result.total.longest == pytest.approx(8.978, abs=1e-3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic corpus as it is by default."""
    return synthetic.generate(tmp_path_factory.mktemp("made") / "corpus")


def test_synthetic_is_a_sound_corpus(made: Path, tmp_path: Path) -> None:
    found = synthetic.prepare(made).utterances
    assert len(found) == 4 * 3 * 3
    assert set(Counter((u.speaker, u.emotion) for u in found).values()) == {3}
    assert {u.speaker: u.gender for u in found} == {"m01": "m", "f02": "f", "m03": "m", "f04": "f"}
    datadir.write(tmp_path / "data", found)
    assert datadir.validate(tmp_path / "data") == []
    for u in found:
        info = soundfile.info(u.audio)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert 0.99 <= info.duration <= 2.5


def contents(corpus: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in corpus.glob("wav/*.wav")}


def test_synthetic_depends_on_the_seed_alone(made: Path, tmp_path: Path) -> None:
    again = contents(synthetic.generate(tmp_path / "again", speakers=2, per_class=1))
    assert len(again) == 6
    assert again.items() <= contents(made).items()
    other = contents(synthetic.generate(tmp_path / "other", seed=1, speakers=2, per_class=1))
    assert all(other[name] != again[name] for name in again)


def test_synthetic_does_not_mix_with_other_recordings(tmp_path: Path) -> None:
    synthetic.generate(tmp_path, speakers=2, per_class=1)
    before = contents(tmp_path)
    synthetic.generate(tmp_path, speakers=2, per_class=1)
    assert contents(tmp_path) == before
    with pytest.raises(DataError, match="empty folder"):
        synthetic.generate(tmp_path, speakers=1, per_class=1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"speakers": 0}, "speakers 0"),
        ({"per_class": 0}, "per_class 0"),
        ({"seed": -1}, "seed -1"),
        ({"labels": ()}, "0 labels"),
        ({"labels": ("angr",)}, "did you mean 'anger'"),
    ],
)
def test_synthetic_refuses(tmp_path: Path, options: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        synthetic.generate(tmp_path / "corpus", **options)
    assert not (tmp_path / "corpus").exists()


def test_synthetic_prepare_refuses_what_it_did_not_make(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ser-data generate synthetic"):
        synthetic.prepare(tmp_path)
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "03a01Fa.wav").touch()
    with pytest.raises(DataError, match=r"03a01Fa\.wav"):
        synthetic.prepare(tmp_path)


def features(path: Path) -> np.ndarray:
    """Sound that does not depend on level: slope of the spectrum, and pitch movement and pace."""
    wave, rate = soundfile.read(path)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 512)[::160] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames)) ** 2 + 1e-12
    hz = np.fft.rfftfreq(512, 1 / rate)
    energy = np.log(power.sum(axis=1))
    loud = energy > np.median(energy)
    share = power[loud].sum(axis=0) / power[loud].sum()
    centroid = np.log((share * hz).sum())
    return np.array([centroid, np.log(share[hz > 1000].sum()), np.abs(np.diff(energy)).mean()])


def test_synthetic_emotions_of_a_new_speaker_can_be_told(made: Path) -> None:
    found = synthetic.prepare(made).utterances
    values = np.stack([features(u.audio) for u in found])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    emotions = np.array([u.emotion for u in found])
    speakers = np.array([u.speaker for u in found])
    right = 0
    for i in range(len(found)):
        others = speakers != speakers[i]
        centres = {e: values[others & (emotions == e)].mean(axis=0) for e in set(emotions)}
        nearest = min(centres, key=lambda e: float(np.linalg.norm(values[i] - centres[e])))
        right += nearest == emotions[i]
    assert right / len(found) > 0.8


def test_registries_name_each_corpus() -> None:
    assert {"emodb", "synthetic"} <= CORPORA.keys()
    assert all(corpus.name == name for name, corpus in CORPORA.items())
    assert GENERATORS.keys() <= CORPORA.keys()
