"""Whatever holds a recording is judged as its file is: bytes, file objects, samples of any kind."""

import gc
import io
import multiprocessing
import os
import pickle
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import tiny
from support.fake_speech import BandClassifier, sound
from support.paths import ROOT
from support.zoo import RATE, speech

from ser_pcq import Predictor, load
from ser_pcq.errors import SerError
from ser_pcq.models.checkpoint import Checkpoint

EXAMPLE = min((ROOT / "examples").glob("*.wav"))


@pytest.fixture(scope="module")
def predictor():
    return load("emodb-small", speech="energy")


@pytest.fixture(scope="module")
def expected(predictor):
    return predictor.predict(EXAMPLE)


@pytest.fixture(scope="module")
def samples():
    """The example as 16-bit integers, (time,)."""
    return soundfile.read(EXAMPLE, dtype="int16")[0]


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Pipe(io.RawIOBase):
    """A file object that can only be read, in small pieces, as a network gives it."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def readable(self):
        return True

    def seekable(self):
        return False

    def tell(self):
        raise OSError("not seekable")

    def read(self, size=-1):
        return self._file.read(min(size, 777))


def same(given, expected, path=None):
    assert given.status == expected.status == "ok"
    assert given.label == expected.label
    assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-4)
    assert given.warnings == expected.warnings
    if path is not None:
        assert given.path == path


def test_a_file_is_the_same_however_it_comes(predictor, expected, spool):
    content = EXAMPLE.read_bytes()
    for source in (content, bytearray(content), memoryview(content), io.BytesIO(content)):
        same(predictor.predict(source), expected, "<bytes>")
        same(
            predictor.predict(
                source if not hasattr(source, "seek") else io.BytesIO(content), name="calm"
            ),
            expected,
            "calm",
        )
    same(predictor.predict(Pipe(content)), expected, "<bytes>")
    same(predictor.predict(str(EXAMPLE)), expected, str(EXAMPLE))
    same(predictor.predict(EXAMPLE, name="x.wav"), expected, "x.wav")
    with EXAMPLE.open("rb") as file:
        same(predictor.predict(file), expected, str(EXAMPLE))
        assert not file.closed
    gc.collect()
    assert not list(spool.iterdir())


def test_a_long_recording_of_bytes_is_read_twice_and_then_removed(tmp_path, spool):
    long = tmp_path / "long.flac"
    soundfile.write(long, np.tile(speech(3), 11), RATE)
    predictor = load("emodb-small", speech="energy", segments=True)
    wanted = predictor.predict(long)
    assert wanted.duration > 30
    same(given := predictor.predict(long.read_bytes()), wanted)
    assert given.segments == wanted.segments
    gc.collect()
    assert not list(spool.iterdir())


def test_bad_bytes_are_a_rejected_prediction_that_names_no_temporary_file(predictor, spool):
    for content, word in ((b"", "empty"), (b"no audio at all" * 9, "unreadable")):
        told = predictor.predict(content, name="upload")
        assert (told.status, told.reason.word, told.path) == ("rejected", word, "upload")
        assert str(spool) not in str(told.reason)
        assert "upload" in str(told.reason)

    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    told = predictor.predict(Broken())
    assert told.reason.word == "unreadable"
    assert "Input/output error" in told.reason.sentence


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: io.StringIO("text"), "does not give bytes"),
        (lambda: _at_end(), r"at its end.*seek\(0\)"),
        (lambda: _closed(), "cannot be read"),
        (lambda: None, "no recording"),
        (lambda: 5, "no recording"),
        (lambda: {"path": "a"}, "no recording"),
        (lambda: ["a.wav", "b.wav"], "use predict_all"),
        (lambda: ("a.wav", "b.wav"), "use predict_all"),
        (lambda: np.zeros(16_000), "need a sample rate"),
        (lambda: object(), "not an array of samples"),
        (lambda: [[0.0], [0.0, 1.0]], "not an array of samples"),
        (lambda: (np.zeros(16_000), "fast"), "not an array of samples"),
        (lambda: (np.zeros(16_000), None), "need a sample rate"),
        (lambda: (np.zeros(16_000), {16_000}), "not a number"),
        (lambda: (np.zeros(16_000), 16_000.5), "not a whole number"),
        (lambda: (np.zeros(16_000), float("nan")), "impossible sample rate"),
        (lambda: (np.zeros(16_000), True), "not a number"),
    ],
)
def test_what_is_no_recording_is_an_error(predictor, wrong, message):
    with pytest.raises(SerError, match=message):
        predictor.predict(wrong())
    if message != "use predict_all":
        with pytest.raises(SerError, match=message):
            list(predictor.predict_all([wrong()]))


def _at_end():
    file = io.BytesIO()
    file.write(b"audio")
    return file


def _closed():
    file = io.BytesIO(b"audio")
    file.close()
    return file


def test_a_rate_is_for_samples_only(predictor, samples):
    for source in (EXAMPLE, samples.tobytes(), io.BytesIO(b"RIFF")):
        with pytest.raises(SerError, match="goes with samples only"):
            predictor.predict(source, 16_000)
    with pytest.raises(SerError, match="two sample rates"):
        predictor.predict((samples, 16_000), 8_000)


@pytest.mark.parametrize("kind", ["float32", "float64", "int16", "int32", "int64"])
def test_samples_of_every_type_have_the_same_scale(predictor, samples, kind, expected):
    scaled = {
        "int16": samples,
        "int32": samples.astype(np.int32) << 16,
        "int64": samples.astype(np.int64),
    }.get(kind, (samples / 32768).astype(kind) if kind.startswith("f") else None)
    same(predictor.predict(scaled, 16_000), expected, "<samples>")


def test_unsigned_bytes_are_those_of_an_8_bit_file(predictor, samples, tmp_path):
    soundfile.write(tmp_path / "8.wav", samples, 16_000, subtype="PCM_U8")
    held = np.frombuffer((tmp_path / "8.wav").read_bytes()[44 : 44 + len(samples)], np.uint8)
    same(predictor.predict(held, 16_000), predictor.predict(tmp_path / "8.wav"))


def test_wide_integers_are_scaled_by_the_bits_that_they_hold():
    from ser_pcq.inference.samples import as_samples

    def peak(*values):
        return np.abs(as_samples(np.array(values), 16_000, Path("a")).values).max()

    assert peak(-(2**15), 0) == peak(-(2**23), 0) == peak(-(2**31), 0) == 1.0
    assert peak(2**15, 0) == 2.0**-8
    with pytest.raises(SerError, match="no full scale"):
        peak(2**31, 0)


def test_either_axis_may_be_that_of_channels(predictor, samples, expected):
    for n in (1, 2, 6, 8):
        stack = np.stack([samples] * n)
        same(predictor.predict(stack, 16_000), expected)
        same(predictor.predict(stack.T, 16_000), expected)
    same(predictor.predict(np.stack([samples] * 20, axis=1), 16_000), expected)
    for shape in ((9, 16_000), (300, 300), (16_000, 65)):
        with pytest.raises(SerError, match="which axis is time"):
            predictor.predict(np.zeros(shape), 16_000)


def test_lists_of_numbers_and_pairs_are_samples(predictor, samples, expected):
    same(predictor.predict((samples / 32768).tolist(), 16_000), expected)
    same(predictor.predict(soundfile.read(EXAMPLE)), expected)
    same(predictor.predict((samples, np.int64(16_000)), name="a"), expected, "a")


def test_tensors_are_samples(predictor, samples, expected):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(samples / 32768).float().unsqueeze(0)
    same(predictor.predict(tensor, 16_000), expected)
    same(predictor.predict((tensor.clone().requires_grad_(), 16_000)), expected)
    same(predictor.predict(torch.from_numpy(samples), 16_000), expected)
    assert predictor.predict(tensor.bfloat16(), 16_000).label == expected.label
    batch = torch.stack([tensor, tensor])
    assert [p.label for p in predictor.predict_all(batch, 16_000)] == [expected.label] * 2


def test_one_recording_for_predict_all_is_one(predictor, expected, samples):
    content = EXAMPLE.read_bytes()
    for one in (str(EXAMPLE), EXAMPLE, content, io.BytesIO(content), (samples, 16_000)):
        (told,) = predictor.predict_all(one)
        same(told, expected)
    (told,) = predictor.predict_all(samples, 16_000)
    same(told, expected)
    (told,) = predictor.predict_all("gone.wav")
    assert told.reason.word == "missing"
    with pytest.raises(SerError, match="one recording or several"):
        list(predictor.predict_all(np.stack([samples, samples]), 16_000))
    for wrong in (5, None, {"a.wav": 1}):
        with pytest.raises(SerError, match="no recording"):
            list(predictor.predict_all(wrong))
    assert [p.path for p in predictor.predict_all(("gone.wav", "b.wav"))] == ["gone.wav", "b.wav"]
    assert [p.path for p in predictor.predict_all(np.array(["gone.wav"]))] == ["gone.wav"]
    assert len(list(predictor.predict_all((samples, samples), 16_000))) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_recordings_of_every_kind_go_together(predictor, expected, samples, jobs, spool):
    content = EXAMPLE.read_bytes()
    sources = [str(EXAMPLE), content, io.BytesIO(content), (samples, 16_000), "gone.wav", b"none"]
    told = list(predictor.predict_all(sources, jobs=jobs))
    for one in told[:4]:
        same(one, expected)
    assert [p.reason.word for p in told[4:]] == ["missing", "unreadable"]
    assert [p.path for p in told[1:]] == ["<bytes>", "<bytes>", "<samples>", "gone.wav", "<bytes>"]
    gc.collect()
    assert not list(spool.iterdir())


def test_several_arrays_have_one_rate(predictor, expected, samples):
    for arrays in ([samples, samples], iter([samples, samples]), np.stack([samples] * 2)[:, None]):
        for told in predictor.predict_all(arrays, 16_000):
            same(told, expected)


def test_readers_in_processes_give_long_bytes_to_a_model_here(tmp_path):
    """As with a GPU: the model takes several at once, and other processes read."""

    class Many(BandClassifier):
        batch_size = 2

    soundfile.write(tmp_path / "long.wav", np.tile(speech(3), 11), RATE)
    content = (tmp_path / "long.wav").read_bytes()
    predictor = Predictor(Many())
    wanted = predictor.predict(tmp_path / "long.wav")
    for told in predictor.predict_all([content, io.BytesIO(content)], jobs=2):
        assert (told.status, told.label, told.duration) == ("ok", wanted.label, wanted.duration)


def test_channels_of_what_is_in_memory_are_split_too(tmp_path):
    two = np.stack([speech(3), 0.5 * speech(4)[RATE:][::-1]], axis=1)
    soundfile.write(tmp_path / "two.wav", two, RATE)
    predictor = load("emodb-small", speech="energy", mix="split")
    wanted = predictor.predict(tmp_path / "two.wav")
    rounded = soundfile.read(tmp_path / "two.wav")[0]
    for source in ((tmp_path / "two.wav").read_bytes(), (rounded, RATE), (rounded.T, RATE)):
        told = predictor.predict(source, name="two")
        assert len(told.channels) == 2
        for one, other in zip(told.channels, wanted.channels, strict=True):
            assert (one.path, one.channel, one.label) == ("two", other.channel, other.label)
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
    third = load("emodb-small", mix="3").predict(rounded, RATE)
    assert third.reason.word == "no_channel"


def _predict(predictor, path):
    return os.getpid(), predictor.predict(path)


def test_predictors_pickle_into_processes(predictor, expected):
    same(pickle.loads(pickle.dumps(predictor)).predict(EXAMPLE), expected)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pid, told = pool.submit(_predict, predictor, EXAMPLE).result()
    assert pid != os.getpid()
    same(told, expected)
    with pytest.raises(SerError, match="can be pickled"):
        pickle.dumps(Predictor(BandClassifier()))


def test_a_pickled_predictor_finds_its_model_from_another_folder(tmp_path, monkeypatch):
    from ser_pcq.models.folder import EMBEDDED

    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "small").symlink_to(EMBEDDED / "emodb-small")
    monkeypatch.chdir(tmp_path / "here")
    pickled = pickle.dumps(load("small"))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickled).predict(EXAMPLE).status == "ok"


def test_threads_share_a_model_of_torch():
    """The first forward pass of a model prepares nothing that another thread could break."""
    network = tiny.recognizer(with_encoder=True)
    predictor = Predictor(Checkpoint(network, tiny.info(network)))
    waves = [speech(k + 1)[: RATE * (k + 1)].astype(np.float32) for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda wave: predictor.predict(wave, RATE), waves * 2))
    alone = [predictor.predict(wave, RATE) for wave in waves]
    assert all(p.status == "ok" for p in alone)
    for told, expected in zip(together, alone * 2, strict=True):
        same(told, expected)


def test_threads_share_a_predictor(tmp_path):
    """Short and long recordings, side by side, whose pauses a detector with a memory finds."""
    paths = []
    for k in range(2):
        paths += [tmp_path / f"{k}.wav", tmp_path / f"long-{k}.wav"]
        soundfile.write(paths[-2], speech(k + 1), RATE)
        pauses = np.concatenate([speech(k + 1), np.zeros((k + 1) * RATE)])
        soundfile.write(paths[-1], np.tile(pauses, 8), RATE)
    predictor = load("emodb-small", speech="energy", segments=True)
    alone = [predictor.predict(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor.predict, paths * 2))
    assert together == alone * 2
    assert all(p.status == "ok" and p.segments for p in alone)
    given = Predictor(BandClassifier()).predict(sound(("low", 1.0)), 16_000)
    assert given.reason.word == "no_speech"  # a tone is refused from memory too
