"""Raw samples arrive whole and at once, whatever their format; every hop gets its result."""

import io
import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_speech import BandClassifier, LevelDetector, cut, sound

from ser_pcq.errors import AudioError, SerError
from ser_pcq.inference.stream import ENCODINGS, PcmFormat, live, read_pcm
from ser_pcq.inference.timeline.timeline import WindowConfig

CONFIG = WindowConfig(window=1.024, hop=0.256, min_speech=0.1)


def stored(samples, encoding):
    """Write samples as bytes, independently of what reads them."""
    big = encoding.endswith("be")
    bits = int("".join(c for c in encoding if c.isdigit()))
    if encoding[0] == "f":
        return samples.astype(f"{'>' if big else '<'}f{bits // 8}").tobytes()
    values = np.clip(np.round(samples * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    offset, order = 128 * (encoding[0] == "u"), "big" if big else "little"
    return b"".join(
        (int(v) + offset).to_bytes(bits // 8, order, signed=encoding[0] == "s") for v in values
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_encoding_gives_the_samples_back(encoding, channels):
    samples = np.random.default_rng(1).uniform(-1, 1, (500, channels)).astype(np.float32)
    content = stored(samples.reshape(-1), encoding)
    source = io.BytesIO(content + content[:1] * (len(content) // 500 - 1))  # cut off in a sample
    (block,) = read_pcm(source, PcmFormat(encoding, channels=channels))
    assert block.dtype == np.float32
    step = 2**-7 if "8" in encoding else 2**-14
    assert block == pytest.approx(samples.mean(axis=1), abs=step)


class Dribble(io.RawIOBase):
    """A raw source that gives a few bytes at a time."""

    def __init__(self, content, lengths):
        self.content, self.lengths, self.i = content, lengths, 0

    def read(self, size=-1):
        n = min(size, self.lengths[self.i % len(self.lengths)])
        self.i += 1
        part, self.content = self.content[:n], self.content[n:]
        return part


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=4), st.sampled_from([8000, 44_100]))
def test_how_reads_fall_makes_no_difference(lengths, rate):
    samples = np.random.default_rng(2).uniform(-0.5, 0.5, 3000)
    content = stored(samples, "s24le")
    for what in (PcmFormat("s24le"), PcmFormat("s24le", rate)):
        whole = np.concatenate(list(read_pcm(io.BytesIO(content), what)))
        dribbled = np.concatenate(list(read_pcm(Dribble(content, lengths), what)))
        assert np.abs(whole - dribbled).max() < 1e-6
        assert abs(len(whole) - 3000 * 16_000 / what.rate) <= 1


def test_a_tone_keeps_its_pitch_when_resampled():
    tone = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    content = np.repeat(tone, 2).astype("<f4").tobytes()
    told = np.concatenate(list(read_pcm(io.BytesIO(content), PcmFormat("f32le", 48_000, 2))))
    wanted = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert told[500:-500] == pytest.approx(wanted[500:-500], abs=1e-3)


def test_samples_of_a_pipe_come_at_once():
    out, into = os.pipe()
    with open(out, "rb") as source, open(into, "wb", buffering=0) as writer:  # noqa: PTH123
        blocks = read_pcm(source)
        for n in (7, 400):
            writer.write(stored(np.full(n, 0.25), "s16le"))
            begun = time.monotonic()
            block = next(blocks)  # would wait for ever if it wanted a full buffer
            assert time.monotonic() - begun < 1
            assert block.tolist() == [0.25] * n
        threading.Timer(0.05, writer.close).start()
        assert list(blocks) == []


def test_the_delay_of_resampling_is_small():
    source = Dribble(stored(np.zeros(44_100), "s16le"), [882])
    read = n = 0
    for block in read_pcm(source, PcmFormat(rate=44_100)):
        n += len(block)
        read = 44_100 - len(source.content) // 2
        assert read / 44_100 - n / 16_000 < 0.1


def test_what_cannot_be_read_is_refused():
    with pytest.raises(AudioError, match="not numbers") as caught:
        list(read_pcm(io.BytesIO(np.array([np.nan], "<f4").tobytes()), PcmFormat("f32le")))
    assert caught.value.reason.word == "not_finite"
    for values, word in (
        ({"encoding": "s16"}, "encoding"),
        ({"rate": 0}, "sample rate"),
        ({"channels": 0}, "channels"),
    ):
        with pytest.raises(SerError, match=word):
            PcmFormat(**values)

    class Empty(io.RawIOBase):
        def read(self, size=-1):
            return None

    with pytest.raises(SerError, match="does not wait"):
        list(read_pcm(Empty()))
    assert list(read_pcm(io.BytesIO(b""))) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=4))
def test_every_hop_has_one_result_for_the_window_that_ends_there(lengths):
    samples = sound(("low", 1.5), (None, 2.0), ("high", 1.63))
    told = list(live(cut(samples, lengths), BandClassifier(), LevelDetector(), CONFIG))
    ends = [r.end for r in told]
    assert ends[:-1] == pytest.approx([CONFIG.hop * (i + 1) for i in range(len(told) - 1)])
    assert ends[-1] == len(samples) / 16_000
    for r in told:
        assert r.start == pytest.approx(max(0, r.end - CONFIG.window))
        if r.emotion is not None:
            assert (r.emotion.start, r.emotion.end) == (r.start, r.end)
            assert r.emotion.confidence == r.emotion.probabilities[r.emotion.label]
            assert sum(r.emotion.probabilities.values()) == pytest.approx(1)
        assert r.behind >= 0
        if r.end <= 1.5:
            assert r.emotion.label == "low"
        if 1.5 + CONFIG.window <= r.end <= 3.5:
            assert r.emotion is None
        if r.end >= 4.0:
            assert r.emotion.label == "high"
            assert r.emotion.confidence == r.emotion.probabilities["high"] > 0.9


def test_a_result_comes_before_the_next_samples_are_asked_for():
    given_out = []

    def blocks():
        for block in cut(sound(("low", 2.0)), [4096]):
            given_out.append(len(block))
            yield block

    for i, result in enumerate(live(blocks(), BandClassifier(), LevelDetector(), CONFIG)):
        assert len(given_out) == i + 1
        assert result.end <= sum(given_out) / 16_000 < result.end + CONFIG.hop


def test_computing_that_takes_too_long_is_told(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("ser_pcq.inference.stream.time.monotonic", lambda: now[0])

    class Slow(BandClassifier):
        def probabilities(self, waveforms):
            now[0] += 0.5 if len(self.batches) < 4 else 0.0
            return super().probabilities(waveforms)

    told = list(live([sound(("low", 3.072))], Slow(), LevelDetector(), CONFIG))
    behind = [r.behind for r in told]
    assert behind[:4] == pytest.approx([0.244, 0.488, 0.732, 0.976])
    assert behind[4:8] == pytest.approx([0.72, 0.464, 0.208, 0.0])
