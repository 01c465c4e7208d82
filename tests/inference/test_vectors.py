"""Recordings as vectors: what they are, and the files and examples that hold and use them."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from support.paths import ROOT
from support.zoo import RATE, speech

from ser_pcq import Predictor, load
from ser_pcq.audio.waveform import read_waveform
from ser_pcq.errors import SerError
from ser_pcq.inference.vectors.embedding import PIECE

SMALL = ("--model", "emodb-small", "--speech", "energy")
EXAMPLE = min((ROOT / "examples").glob("*.wav"))


@pytest.fixture(scope="module")
def predictor():
    return load("emodb-small", speech="energy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two short recordings, a long one with pauses, and a file that is no audio."""
    folder = tmp_path_factory.mktemp("recordings")
    for k in (1, 2):
        soundfile.write(folder / f"{k}.wav", speech(k), RATE)
    pauses = np.concatenate([speech(3), np.zeros(2 * RATE)])
    soundfile.write(folder / "long.wav", np.tile(pauses, 8), RATE)
    (folder / "text.wav").write_text("no audio at all\n" * 9)
    return folder


def test_a_vector_is_that_of_the_model_for_the_whole_recording(predictor, folder):
    files = [folder / "1.wav", folder / "text.wav", folder / "2.wav"]
    vectors = predictor.embed(files)
    assert (vectors.shape, vectors.dtype) == ((3, predictor.classifier.width), np.float32)
    assert np.isnan(vectors[1]).all()
    for row, file in ((vectors[0], files[0]), (vectors[2], files[2])):
        np.testing.assert_array_equal(
            row, predictor.classifier.embeddings([read_waveform(file)])[0]
        )
    samples, rate = soundfile.read(files[0])
    np.testing.assert_allclose(predictor.embed([samples, samples], rate)[1], vectors[0], atol=1e-3)
    assert predictor.embed([]).shape == (0, predictor.classifier.width)


def test_predictions_beside_vectors_are_those_without(folder):
    predictor = load("emodb-small", speech="energy", segments=True)
    files = sorted(folder.iterdir())
    told = [one.prediction for one in predictor.embed_each(files)]
    assert told == list(predictor.predict_all(files))


def test_a_long_recording_is_the_mean_of_its_windows(predictor, folder):
    class Counting:
        def __init__(self, classifier):
            self.seen = []
            self._classifier = classifier

        def __getattr__(self, name):
            return getattr(self._classifier, name)

        has_speech_head = True

        def judged(self, waveforms, *, embeddings=False):
            rows = self._classifier.judged(waveforms, embeddings=embeddings)
            self.seen.extend(rows.embeddings[rows.speech >= 0])
            return rows

    counting = Counting(predictor.classifier)
    (vector,) = Predictor(counting, predictor.options).embed(folder / "long.wav")
    assert len(counting.seen) > 10
    np.testing.assert_allclose(vector, np.mean(counting.seen, axis=0), atol=1e-4)


@pytest.mark.parametrize("name", ["1.wav", "long.wav"])
def test_the_vector_of_a_segment_is_that_of_its_samples(folder, name):
    predictor = load("emodb-small", speech="energy", segments=True)
    (one,) = predictor.embed_each(folder / name)
    segments = one.prediction.segments
    assert one.segments.shape == (len(segments), predictor.classifier.width)
    assert segments
    waveform = read_waveform(folder / name)
    for segment, row in zip(segments, one.segments, strict=True):
        part = waveform[round(segment.start * RATE) : round(segment.end * RATE)]
        if len(part) <= PIECE * RATE:
            np.testing.assert_allclose(row, predictor.classifier.embeddings([part])[0], atol=1e-4)
        assert np.isfinite(row).all()


def test_channels_are_not_split_into_vectors():
    with pytest.raises(SerError, match="one by one"):
        load("emodb-small", mix="split").embed(EXAMPLE)


def test_models_without_vectors_say_so(predictor):
    class Old:
        name, labels, batch_size = "old", ("a",), 1

        @property
        def width(self):
            raise SerError("this ONNX file gives no embeddings")

    with pytest.raises(SerError, match="no embeddings"):
        Predictor(Old()).embed(EXAMPLE)


@pytest.mark.parametrize("segments", [False, True])
def test_files_hold_what_python_gives(folder, tmp_path, command, segments):
    pandas = pytest.importorskip("pandas")
    parquet = pytest.importorskip("pyarrow.parquet")
    more = ["--segments"] if segments else []
    for suffix in ("npz", "parquet"):
        file = tmp_path / f"v.{suffix}"
        done = command("predict", folder, *SMALL, "--embeddings", file, *more)
        assert done.returncode == 1, done.stderr
        assert done.stdout == f"{file}\n"
        assert "text.wav: unreadable" in done.stderr
        assert "1 of 4 files could not be judged" in done.stderr
    predictor = load("emodb-small", speech="energy", segments=segments)
    files = sorted(folder.iterdir())
    told = list(predictor.embed_each(files))
    wanted = [v for one in told for v in (one.segments if len(one.segments) else [one.vector])]
    with np.load(tmp_path / "v.npz") as archive:
        held = {name: archive[name] for name in archive}
    np.testing.assert_array_equal(held["vectors"], np.array(wanted))
    assert held["vectors"].dtype == np.float32
    assert tuple(held["labels"]) == predictor.labels
    assert held["model"] == "emodb-small"
    assert list(dict.fromkeys(held["path"])) == list(map(str, files))
    assert held["status"][-1] == "rejected"
    table = pandas.read_parquet(tmp_path / "v.parquet")
    np.testing.assert_array_equal(np.stack(table.vector), held["vectors"])
    for name in ("start", "end", "confidence"):
        np.testing.assert_array_equal(table[name], held[name])
    assert list(table.label.fillna("")) == list(held["label"])
    schema = parquet.read_schema(tmp_path / "v.parquet")
    assert schema.field("vector").type.list_size == predictor.classifier.width
    assert json.loads(schema.metadata[b"labels"]) == list(predictor.labels)


def test_a_file_of_vectors_is_whole_and_replaces_nothing(tmp_path, command, monkeypatch):
    file = tmp_path / "v.npz"
    file.write_bytes(b"mine")
    done = command("predict", EXAMPLE, *SMALL, "--embeddings", file)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert file.read_bytes() == b"mine"
    done = command("predict", EXAMPLE, *SMALL, "--embeddings", tmp_path / "v.csv")
    assert done.returncode == 1
    assert ".npz or .parquet" in done.stderr
    for option in ("--format=csv", "--output=a", "--jobs=2", "--stream"):
        done = command("predict", EXAMPLE, *SMALL, "--embeddings", tmp_path / "w.npz", option)
        assert done.returncode == 2, done.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_without_pyarrow_parquet_says_what_to_install(monkeypatch, tmp_path):
    from ser_pcq.inference.vectors import writer_of
    from ser_pcq.inference.vectors.row import About

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SerError, match=r"ser-pcq\[table\]"):
        writer_of(tmp_path / "v.parquet")(tmp_path / "v.parquet", [], About("a", ("b",), 3))


def test_the_examples_find_what_is_alike_and_draw_a_map(tmp_path, command):
    pytest.importorskip("matplotlib")
    vectors, picture = tmp_path / "vectors.npz", tmp_path / "map.png"
    done = command("predict", ROOT / "examples", *SMALL, "--embeddings", vectors)
    assert vectors.is_file(), done.stderr

    def run(script, *arguments):
        line = [sys.executable, str(ROOT / "examples" / script), vectors, *arguments]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    first = run("similar.py", EXAMPLE.name).splitlines()[0].split()
    assert first[0] == "1.000"
    assert first[-1].endswith(EXAMPLE.name)
    assert run("emotion_map.py", picture) == f"{picture}\n"
    assert picture.read_bytes().startswith(b"\x89PNG")
