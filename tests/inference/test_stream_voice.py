"""A model that adapts to the voice of a stream: from a tested start, without more memory."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from support.commands import environment
from support.fake_speech import cut
from support.paths import ROOT

from ser_pcq import StreamVoice, load, speech_detector
from ser_pcq.audio.waveform import read_waveform
from ser_pcq.errors import SerError
from ser_pcq.inference.own_voice import streaming
from ser_pcq.inference.own_voice.adaptation import fit_to_voice
from ser_pcq.inference.stream import live
from ser_pcq.inference.timeline.timeline import WindowConfig
from ser_pcq.models.adapted.package import as_adapted

MODEL, RATE = "emodb-small", 16_000
CONFIG = WindowConfig(window=1.0, hop=0.25, min_speech=0.1)
"""Short windows: fewer recordings are needed."""


@pytest.fixture(scope="module")
def classifier():
    return load(MODEL).classifier


@pytest.fixture(scope="module")
def talk():
    """Examples of several emotions, with pauses, (time,) at 16 kHz: 20 s."""
    names = ("happiness.wav", "neutral.wav", "boredom.ogg", "sadness.flac", "fear.wav")
    parts = []
    for name in (*names, *names[:3]):
        samples = read_waveform(ROOT / "examples" / name)
        parts += [samples, np.zeros(RATE // 2, np.float32)]
    return np.concatenate(parts)


def heard(samples, classifier, voice=None, config=CONFIG, lengths=(1600,)):
    return list(
        live(cut(samples, lengths), classifier, speech_detector("energy"), config, own_voice=voice)
    )


@pytest.fixture(scope="module")
def plain(talk, classifier):
    return heard(talk, classifier)


def test_it_begins_as_the_model_and_goes_on_adapted(talk, classifier, plain):
    voice = StreamVoice(classifier, MODEL)
    told = heard(talk, classifier, voice)
    n_before = sum(not one.is_adapted for one in told)
    assert 0 < n_before < len(told)
    assert all(one.is_adapted for one in told[n_before:])
    assert [r.emotion for r in told[:n_before]] == [r.emotion for r in plain[:n_before]]
    assert [r.emotion for r in told[n_before:]] != [r.emotion for r in plain[n_before:]]
    assert [r.emotion is None for r in told] == [r.emotion is None for r in plain]
    assert told[n_before].end == voice.first.at
    assert voice.first.n_windows == 10
    assert not any(one.is_adapted for one in plain)
    assert "adapted to the voice from" in voice.beginning()
    assert voice.ending() is None


def test_the_same_stream_gives_the_same_answers_however_it_comes(talk, classifier):
    first = heard(talk, classifier, StreamVoice(classifier, MODEL))
    again = heard(talk, classifier, StreamVoice(classifier, MODEL), lengths=(997, 4096))
    assert [r.emotion for r in first] == [r.emotion for r in again]


def test_windows_do_not_overlap_and_fitting_is_done_when_they_are_a_fifth_more(
    talk, classifier, monkeypatch
):
    pools, starts = [], []

    def fit(model, vectors):
        pools.append(vectors.copy())
        return fit_to_voice(model, vectors)

    monkeypatch.setattr(streaming, "fit_to_voice", fit)
    voice = StreamVoice(classifier, MODEL)
    take = voice.take

    def noted(rows, start, end):
        n = voice.n_windows
        shares = take(rows, start, end)
        if voice.n_windows > n:
            starts.append(start)
        return shares

    monkeypatch.setattr(voice, "take", noted)
    told = heard(talk, classifier, voice)
    assert (np.diff(starts) >= CONFIG.window).all()
    sizes = [len(one) for one in pools]
    assert sizes == [10, 12, 14, 17][: len(sizes)]
    assert len(sizes) > 2
    # What is judged last is judged as by the model that was adapted to these windows.
    found = fit_to_voice(as_adapted(classifier, MODEL), pools[-1])
    last = [r for r in told if r.emotion][-1]
    begin, end = (round(t * RATE) for t in (last.start, last.end))
    vector = classifier.embeddings([talk[begin:end]])
    head = as_adapted(classifier, MODEL).head.replaced(found.classifier)
    expected = dict(zip(classifier.labels, head.probabilities(vector)[0].tolist(), strict=True))
    assert last.emotion.probabilities == pytest.approx(expected, abs=1e-6)


def test_memory_is_bounded_and_the_newest_windows_count(talk, classifier, monkeypatch):
    monkeypatch.setattr(streaming, "AT_MOST", 11)
    voice = StreamVoice(classifier, MODEL)
    heard(talk, classifier, voice)
    assert voice.n_windows == 11
    assert voice.last.n_windows == 11
    assert voice.last.at > voice.first.at


def test_one_emotion_alone_changes_nothing(talk, classifier, plain):
    voice = StreamVoice(classifier, MODEL)
    # As if recordings of one emotion varied ten times as much.
    base = voice._model.base
    voice._model = replace(voice._model, base=replace(base, within=100 * base.within))
    told = heard(talk, classifier, voice)
    assert [r.emotion for r in told] == [r.emotion for r in plain]
    assert not any(r.is_adapted for r in told)
    assert "may be of one emotion alone" in voice.ending()


def test_too_little_speech_changes_nothing(talk, classifier, plain):
    voice = StreamVoice(classifier, MODEL)
    part = talk[: 6 * RATE]
    told = heard(part, classifier, voice)
    assert [r.emotion for r in told] == [r.emotion for r in heard(part, classifier)]
    assert f"{voice.n_windows} windows with speech that do not overlap, and 10" in voice.ending()


def test_what_cannot_be_adapted_is_refused(classifier, tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(SerError, match="cannot be adapted"):
        StreamVoice(classifier, str(tmp_path / "model.onnx"))


def stream(content, *options):
    line = [sys.executable, "-m", "ser_pcq.cli.predict", "--stream", "--model", MODEL, *options]
    return subprocess.run(
        line, input=content, env=environment(), cwd=ROOT, capture_output=True, check=False
    )


def test_the_command_says_when_it_begins(talk, tmp_path):
    soundfile.write(tmp_path / "talk.wav", np.tile(talk, 3), RATE)
    content = (tmp_path / "talk.wav").read_bytes()
    lines = []
    for options in ((), ("--own-voice",)):
        done = stream(content, "--format", "jsonl", *options)
        assert done.returncode == 0, done.stderr
        lines.append([json.loads(line) for line in done.stdout.splitlines()])
    plain, own = lines
    (said,) = done.stderr.decode().splitlines()
    begun = next(one["end"] for one in own if one["is_adapted"])
    assert said.startswith(
        f"ser-predict: adapted to the voice from {begun:.0f} s on, at first to 10"
    )
    for one, other in zip(plain, own, strict=True):
        if not other["is_adapted"]:
            assert (one["label"], one["probabilities"]) == (other["label"], other["probabilities"])
    short = stream(content[: 8 * 2 * RATE], "--own-voice")
    assert short.returncode == 0
    assert "ser-predict: not adapted: " in short.stderr.decode().splitlines()[-1]
