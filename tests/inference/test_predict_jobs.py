"""Long jobs: several processes, interruptions, many files; and that neighbours do not matter."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny
from support.commands import line, started
from support.paths import ROOT, SOUNDS

from ser_pcq import PredictOptions, Predictor, load
from ser_pcq.errors import SerError
from ser_pcq.inference.jobs.journal import Journal, journal_of
from ser_pcq.inference.prediction import Status
from ser_pcq.inference.recording import failed
from ser_pcq.models.checkpoint import load_checkpoint
from ser_pcq.models.classifier_onnx import load_onnx
from ser_pcq.models.folder import embedded_models

SMALL = ("--model", "emodb-small", "--speech", "energy")
EXAMPLE = SOUNDS / "calm.wav"


def fill(folder, n, seconds=0.5):
    """Make many files by linking a few: good ones, every tenth bad."""
    samples, rate = soundfile.read(EXAMPLE)
    folder.mkdir(parents=True)
    stock = folder.parent / "stock"
    stock.mkdir(exist_ok=True)
    for k in range(3):
        first = round(0.4 * k * rate)
        soundfile.write(stock / f"{k}.wav", samples[first : first + round(seconds * rate)], rate)
    (stock / "bad.wav").write_text("no audio")
    for k in range(n):
        name = "bad.wav" if k % 10 == 7 else f"{k % 3}.wav"
        os.link(stock / name, folder / f"{k:06d}.wav")
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_many_files_with_bad_ones_are_all_accounted_for_in_order(tmp_path, command):
    folder, output = fill(tmp_path / "many", 1000), tmp_path / "out.csv"
    result = command("predict", folder, *SMALL, "--format", "csv", "--output", output, "--jobs", 2)
    assert result.returncode == 1
    assert "100 of 1000 files could not be judged" in result.stderr
    assert result.stdout.split() == [str(output)]
    table = rows(output)
    assert [Path(row["path"]).name for row in table] == [f"{k:06d}.wav" for k in range(1000)]
    assert [row["status"] for row in table[:10]] == ["ok"] * 7 + ["rejected"] + ["ok"] * 2
    shares = {(int(Path(r["path"]).stem) % 3, r["anger"]) for r in table if r["status"] == "ok"}
    assert len(shares) == 3
    assert not journal_of(output).exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_job_goes_on_and_ends_as_if_nothing_had_happened(tmp_path, command, jobs):
    folder, output = fill(tmp_path / "many", 400), tmp_path / "out.jsonl"
    call = ("predict", folder, *SMALL, "--format", "jsonl", "--output", output, "--jobs", jobs)
    journal = journal_of(output)
    with started(line(*call), stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b"\n") < 60:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    assert not output.exists()
    n_done = journal.read_bytes().count(b"\n") - 1
    assert 59 <= n_done < 400
    with journal.open("ab") as file:  # as when the machine stopped while a line was written
        file.write(b'{"file": [1, 2], "predict')

    again = command(*call)
    assert again.returncode == 1
    assert "--resume" in again.stderr
    other = command(*call, "--resume", "--min-confidence", 0.5)
    assert other.returncode == 1
    assert "differs in min_confidence" in other.stderr
    assert journal.exists()

    result = command(*call, "--resume")
    assert f"continuing; {n_done} earlier results" in result.stderr
    assert "40 of 400 files" in result.stderr
    assert not journal.exists()
    plain = command("predict", folder, *SMALL, "--format", "jsonl")
    assert output.read_text() == plain.stdout
    done = command(*call, "--resume")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing is left to do" in done.stderr
    assert "exists already" in command(*call).stderr
    assert output.read_text() == plain.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["many", "out.jsonl", "stock"]


def test_files_that_changed_since_are_judged_again(tmp_path):
    files = []
    samples, rate = soundfile.read(EXAMPLE)
    for k in range(4):
        files.append(tmp_path / f"{k}.wav")
        soundfile.write(files[-1], samples[: (k + 1) * rate // 2], rate)
    predictor = load("emodb-small", segments=True, speech="energy")
    asked = []

    def predict_all(paths):
        asked.append(list(paths))
        return predictor.predict_all(asked[-1])

    journal = Journal(tmp_path / "j", predictor.options)
    first = list(journal.completed(files, predict_all))
    assert Journal(tmp_path / "j", predictor.options, resume=True).completed is not None
    soundfile.write(files[2], samples[: rate // 3], rate)
    files[3].unlink()
    journal = Journal(tmp_path / "j", predictor.options, resume=True)
    assert len(journal) == 4
    second = list(journal.completed(files[::-1], predict_all))[::-1]
    assert asked == [files, [files[3], files[2]]]
    assert second[:2] == first[:2]
    assert second[2].duration == pytest.approx(1 / 3, abs=1e-3)
    assert second[3].status == "rejected"
    with pytest.raises(SerError, match="differs in model"):
        Journal(tmp_path / "j", PredictOptions("emodb-large"), resume=True)


def test_label_files_are_completed_too(tmp_path, command):
    """Of recordings with equal names, each gets its own, however often the job is interrupted."""
    folders = [fill(tmp_path / name / "many", 8, seconds=1.0) for name in "ab"]
    call = ("predict", *folders, *SMALL, "--format", "srt", "--output-dir")
    whole = command(*call, tmp_path / "whole")
    assert whole.returncode == 1
    expected = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert len(expected) == 14
    assert not journal_of(tmp_path / "whole").exists()
    assert "exists already" in command(*call, tmp_path / "whole").stderr
    done = command(*call, tmp_path / "whole", "--resume")
    assert done.returncode == 1  # one that holds no label files for what could not be read
    assert "exists already" in done.stderr

    out = tmp_path / "out"
    files = [file for folder in folders for file in sorted(folder.iterdir())]
    predictor = load("emodb-small", speech="energy", segments=True)
    journal = Journal(journal_of(out), predictor.options, files=files)
    begun = journal.completed(files, predictor.predict_all)
    for _ in range(5):
        next(begun)
    begun.close()
    other = command(*call[:2], *SMALL, "--format", "srt", "--output-dir", out, "--resume")
    assert "differs in files" in other.stderr
    result = command(*call, out, "--resume")
    assert "continuing; 5 earlier results" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == expected
    assert not journal_of(out).exists()


def test_what_a_journal_holds_is_never_lost(tmp_path):
    files = sorted(fill(tmp_path / "many", 12).iterdir())
    predictor = load("emodb-small")
    path = tmp_path / "j"
    list(Journal(path, predictor.options).completed(files, predictor.predict_all))
    # A job that ends at once, and one with fewer files, keep what was known.
    journal = Journal(path, predictor.options, resume=True)
    journal.completed(files[:1], predictor.predict_all).close()
    assert len(Journal(path, predictor.options, resume=True)) == 12
    list(journal.completed(files[:1], predictor.predict_all))
    assert len(Journal(path, predictor.options, resume=True)) == 12
    for wrong in (b"[]\n", b"5\n", b"\xff\xfe\n", b"no journal\n"):
        path.write_bytes(wrong)
        with pytest.raises(SerError, match="no results of an interrupted job"):
            Journal(path, predictor.options, resume=True)
    path.write_bytes(b'{"ser-pcq": "0')  # interrupted while it was begun
    assert len(Journal(path, predictor.options, resume=True)) == 0


def test_errors_are_tried_again(tmp_path):
    files = sorted(fill(tmp_path / "many", 2).iterdir())
    predictor = load("emodb-small")
    ok = list(predictor.predict_all(files))
    bad = replace(ok[0], status=Status.ERROR, reason=failed(MemoryError()), label=None)
    list(Journal(tmp_path / "j", predictor.options).completed(files, lambda paths: [bad, ok[1]]))
    journal = Journal(tmp_path / "j", predictor.options, resume=True)
    assert list(journal.completed(files, predictor.predict_all)) == ok


def test_odd_names_and_places_of_outputs_are_refused_or_work(tmp_path, command):
    folder = fill(tmp_path / "many", 2)
    (tmp_path / "link.csv").symlink_to("gone.csv")
    for output, words in ((tmp_path / "link.csv", "exists already"), (folder, "is a folder")):
        done = command("predict", folder, *SMALL, "--output", output)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
    long = tmp_path / f"{'n' * 300}.wav"
    done = command("predict", folder, long, *SMALL, "--format", "jsonl")
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == [
        *["ok"] * 2,
        "rejected",
    ]


def test_a_terminated_job_leaves_nothing_but_its_journal(tmp_path):
    folder, output = fill(tmp_path / "many", 2000), tmp_path / "out.csv"
    journal = journal_of(output)
    call = line("predict", folder, *SMALL, "--output", output)
    with started(call, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b"\n") < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert sorted(p.name for p in tmp_path.iterdir()) == ["many", journal.name, "stock"]


def test_a_classifier_of_ones_own_is_not_exchanged_for_another(tmp_path):
    predictor = Predictor(load("emodb-small").classifier)
    with pytest.raises(SerError, match="a model that they can load"):
        list(predictor.predict_all([EXAMPLE, EXAMPLE], jobs=2))


def test_a_file_too_large_for_the_memory_loses_only_itself(monkeypatch):
    def none(path, channel, span):
        raise MemoryError

    predictor = load("emodb-small")
    monkeypatch.setattr("ser_pcq.inference.recording.listen", none)
    told = predictor.predict(EXAMPLE)
    assert (told.status, str(told.reason)) == ("error", "failed: out of memory")


def test_resuming_wants_something_to_complete(command):
    for options in (("--resume",), ("--output", "x", "--stream")):
        paths = [] if "--stream" in options else [EXAMPLE]
        assert command("predict", *paths, *options).returncode == 2


def test_a_decoder_that_crashes_loses_only_its_file(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, soundfile\n"
        "before = soundfile.SoundFile.__init__\n"
        "def init(self, file, *args, **options):\n"
        "    if b'-crash' in file:\n"
        "        os.abort()\n"
        "    before(self, file, *args, **options)\n"
        "soundfile.SoundFile.__init__ = init\n"
    )
    names = ["a.wav", "b-crash.wav", "c.wav", "d-crash.wav", "e.wav"]
    for name in names:
        (tmp_path / name).write_bytes(EXAMPLE.read_bytes())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ser_pcq.cli.predict",
            str(tmp_path),
            *SMALL,
            "--jobs",
            "2",
            "--format",
            "jsonl",
        ],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(one["path"]).name for one in told] == names
    assert [one["status"] for one in told] == ["ok", "error", "ok", "error", "ok"]
    assert told[1]["reason"] == "crashed: SIGABRT ended its process"
    assert "2 of 5 files" in done.stderr


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory):
    """Every kind of model: a network, linear ones, ONNX in single precision and in 8 bits."""
    from ser_pcq.models.checkpoint import save_checkpoint

    folder = tmp_path_factory.mktemp("network")
    recognizer = tiny.recognizer()
    recognizer.frontend.fit(torch.randn(4, 1, 24, 50) * 3 - 5)
    save_checkpoint(folder, recognizer, tiny.info(recognizer))
    kinds = {"network": load_checkpoint(str(folder))}
    for name in embedded_models():
        path = ROOT / "ser_pcq" / "models" / "embedded" / name
        kinds[f"{name}, torch"] = load_checkpoint(name)
        kinds[f"{name}, ONNX"] = load_onnx(path / "model.onnx")
    return kinds


@settings(deadline=None, max_examples=8)
@given(
    lengths=st.lists(st.sampled_from([1600, 3300, 16_000, 16_001, 50_000]), min_size=2, max_size=5),
    seed=st.integers(0, 100),
)
def test_a_recording_does_not_depend_on_its_neighbours(classifiers, lengths, seed):
    random = np.random.default_rng(seed)
    speech, _ = soundfile.read(EXAMPLE, dtype="float32")
    waves = []
    for n in lengths:
        first = int(random.integers(0, len(speech) - min(n, len(speech) - 1)))
        gain = np.float32(random.uniform(0.05, 1))
        waves.append(gain * np.resize(speech[first:], n))
    for name, classifier in classifiers.items():
        together = classifier.probabilities(waves)
        alone = np.concatenate([classifier.probabilities([wave]) for wave in waves])
        np.testing.assert_allclose(together, alone, atol=1e-5, err_msg=name)
        turned = classifier.probabilities(waves[::-1])[::-1]
        np.testing.assert_allclose(turned, alone, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("jobs", [1, 2])
def test_judging_many_at_once_as_on_a_gpu_changes_nothing(tmp_path, jobs):
    files = sorted(fill(tmp_path / "many", 24).iterdir())
    files[5:5] = [EXAMPLE, tmp_path / "gone.wav"]
    classifier = load_checkpoint("emodb-small")
    predictor = Predictor(classifier, PredictOptions("emodb-small"))
    one_by_one = [predictor.predict(file) for file in files]
    in_batches = Predictor(replace(classifier, batch_size=7), predictor.options)
    together = list(in_batches.predict_all(files, jobs=jobs))
    assert [p.path for p in together] == [str(f) for f in files]
    for one, other in zip(one_by_one, together, strict=True):
        assert (one.status, one.label, one.reason) == (other.status, other.label, other.reason)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_when_a_batch_fails_each_file_is_tried_alone(tmp_path):
    files = sorted(fill(tmp_path / "many", 6, seconds=1.0).iterdir())
    predictor = load("emodb-small")

    class Weak:
        name, labels, batch_size = "weak", predictor.labels, 4

        def probabilities(self, waveforms):
            if len(waveforms) > 1 or abs(waveforms[0]).max() > 1:
                raise RuntimeError("out of memory")
            return predictor.classifier.probabilities(waveforms)

    loud = tmp_path / "loud.wav"
    soundfile.write(loud, 5 * soundfile.read(EXAMPLE)[0], 16_000, subtype="FLOAT")
    told = list(Predictor(Weak()).predict_all([*files, loud]))
    assert [p.status for p in told] == ["ok"] * 6 + ["error"]
    assert str(told[-1].reason) == "failed: out of memory"


@pytest.mark.parametrize("seconds", [2.0, 40.0])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int16])
def test_samples_in_memory_are_judged_as_a_file_is(tmp_path, seconds, kind):
    samples, rate = soundfile.read(EXAMPLE, dtype="int16")
    samples = np.resize(samples, round(seconds * rate))
    soundfile.write(tmp_path / "a.wav", np.stack([samples, samples // 2], axis=1), rate)
    predictor = load("emodb-small", speech="energy", segments=True)
    expected = predictor.predict(tmp_path / "a.wav")
    heard, _ = soundfile.read(tmp_path / "a.wav", dtype=np.dtype(kind).name)
    given = predictor.predict_samples(heard, rate, name=expected.path)
    assert given.status == "ok"
    assert (given.label, given.warnings) == (expected.label, expected.warnings)
    assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-4)
    assert [s.label for s in given.segments] == [s.label for s in expected.segments]


def test_samples_that_are_none_are_refused():
    predictor = load("emodb-small")
    for wrong in (np.zeros((2, 3, 4)), np.array(["a"]), np.zeros(5, bool), np.zeros((4, 0))):
        with pytest.raises(SerError, match="not an array of samples"):
            predictor.predict_samples(wrong, 16_000)
    with pytest.raises(SerError, match="impossible sample rate"):
        predictor.predict_samples(np.zeros(16_000), 10)
    for array, reason in (
        (np.zeros(0), "empty"),
        (np.zeros(16_000), "silent"),
        (np.full(16_000, np.nan), "not_finite"),
        (np.ones(100), "too_short"),
    ):
        assert predictor.predict_samples(array, 16_000).reason.word == reason


def test_the_name_of_an_output_says_its_format(tmp_path, command):
    for name, begin in (("a.csv", "path,"), ("a.jsonl", '{"path"'), ("a.txt", "file "), ("a", "f")):
        done = command("predict", EXAMPLE, *SMALL, "--output", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_text().startswith(begin)
