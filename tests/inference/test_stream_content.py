"""A pipe is decoded as what it is, as it comes; raw samples stay raw samples."""

import io
import os
import struct
import threading
import time

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ser_pcq.audio.decoders import pyav
from ser_pcq.audio.headers.foreign import MEDIA_MAGIC
from ser_pcq.audio.headers.piped import FIRST, PipedKind, piped_kind
from ser_pcq.errors import AudioError
from ser_pcq.inference.stream import PcmFormat, read_pcm
from ser_pcq.inference.stream_content import read_stream

RATE = 16_000
rng = np.random.default_rng(5)
SOUND = np.sin(np.cumsum(rng.uniform(0.05, 0.4, 3 * RATE))).astype(np.float32) / 3


class Dribble(io.RawIOBase):
    """A raw source, without `seek`, that gives a few bytes at a time."""

    def __init__(self, content, length):
        self.content, self.length, self.at = content, length, 0

    def read(self, size=-1):
        part = self.content[self.at : self.at + min(size, self.length)]
        self.at += len(part)
        return part


def heard(content, length=1000, what=None):
    return np.concatenate([np.zeros(0, np.float32), *read_stream(Dribble(content, length), what)])


def stored(samples, kind, subtype=None, rate=RATE):
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(("length", "n"), [(7, 500), (5000, len(SOUND))])
@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")]
    + [("WAVEX", "PCM_16"), ("WAVEX", "FLOAT"), ("RF64", "PCM_16")],
)
def test_a_wav_is_read_by_its_header(kind, subtype, length, n, monkeypatch):
    monkeypatch.setattr(pyav, "is_installed", lambda: False)
    two = np.stack([SOUND[:n], SOUND[:n] / 2], axis=1)
    got = heard(stored(two, kind, subtype), length, PcmFormat("f64be", 8000, 7))
    assert got == pytest.approx(SOUND[:n] * 0.75, abs=2**-7)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF])
def test_a_wav_that_is_still_written_is_read_to_its_end(size):
    content = stored(SOUND, "WAV")
    at = content.index(b"data") + 4
    content = content[:at] + struct.pack("<I", size) + content[at + 4 :]
    assert heard(content) == pytest.approx(SOUND, abs=2**-14)


def test_what_follows_the_samples_of_a_wav_is_no_audio():
    content = stored(SOUND, "WAV")
    told = heard(content + b"LIST" + struct.pack("<I", 4000) + bytes(range(250)) * 16)
    assert told == pytest.approx(SOUND, abs=2**-14)


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64"])
def test_encoded_sound_is_decoded(kind):
    pytest.importorskip("av")
    told = heard(stored(SOUND, kind))
    assert abs(len(told) - len(SOUND)) < 0.1 * RATE
    # Lossy kinds change it, and MP3 has a delay; nothing is lost, and it is no noise.
    assert np.sqrt((told**2).mean()) == pytest.approx(np.sqrt((SOUND**2).mean()), rel=0.2)


@pytest.mark.parametrize("name", ["iphone.m4a", "android.3gp", "browser.webm", "voice_note.aac"])
@pytest.mark.parametrize("length", [100, 1 << 16])
def test_recordings_of_phones_sound_in_a_pipe_as_in_a_file(shared_dir, name, length):
    pytest.importorskip("av")
    from ser_pcq.audio.waveform import read_waveform

    path = shared_dir / "cases" / name
    wanted, told = read_waveform(path), heard(path.read_bytes(), length)
    assert len(told) == pytest.approx(len(wanted), abs=2)
    n = min(len(told), len(wanted))
    np.testing.assert_allclose(told[:n], wanted[:n], atol=0.02)


def test_pieces_of_a_recorder_are_heard_before_the_next_ones(shared_dir):
    pytest.importorskip("av")
    content = (shared_dir / "cases" / "browser.webm").read_bytes()
    out, into = os.pipe()
    n_sent = [0]

    def send():
        with open(into, "wb", buffering=0) as writer:  # noqa: PTH123
            for at in range(0, len(content), 500):
                n_sent[0] += writer.write(content[at : at + 500])
                time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    with open(out, "rb") as source:  # noqa: PTH123
        first = next(blocks := read_stream(source))
        assert first.size
        assert n_sent[0] < len(content) / 2
        assert first.size + sum(map(len, blocks)) > 1.5 * RATE
    sender.join()


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "AIFF"])
def test_without_a_decoder_the_remedy_is_named(kind, monkeypatch):
    monkeypatch.setattr(pyav, "is_installed", lambda: False)
    with pytest.raises(AudioError, match="ser-pcq\\[media\\]") as caught:
        heard(stored(SOUND, kind))
    assert caught.value.reason.word == "no_decoder"


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html>not found</html>",
        b"PK\x03\x04" + bytes(99),
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0",
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0" + bytes(99),
        b"\x1aE\xdf\xa3" + bytes(99),
        b"OggS" + bytes(99),
    ],
)
def test_what_cannot_be_decoded_is_refused_and_not_judged(content):
    with pytest.raises(AudioError) as caught:
        heard(content)
    assert caught.value.reason.word == "unreadable"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.sampled_from([b"", b"\xff\xfb", b"\xff\xf1", b"ID3", b"\x0bw"]))
def test_raw_samples_stay_raw_samples(content, start):
    raw = start + content
    assume(piped_kind(raw[:FIRST], lambda n: raw[:n]) is None)
    assert heard(raw, 3).tolist() == [*np.frombuffer(raw[: len(raw) // 2 * 2], "<i2") / 2**15]


def test_what_files_are_known_by_streams_are_known_by():
    for place, magic, name, demuxer in MEDIA_MAGIC:
        if len(magic) >= 4 and place + len(magic) <= FIRST:
            head = (b"\1" * place + magic).ljust(FIRST, b"\1")
            assert piped_kind(head, lambda n, head=head: head[:n]) == PipedKind(name, demuxer)


def test_noise_is_not_taken_for_encoded_sound():
    random = np.random.default_rng(0)
    for _ in range(5000):
        raw = random.bytes(4096)
        assert piped_kind(raw[:FIRST], lambda n, raw=raw: raw[:n]) is None


def test_raw_samples_are_given_out_at_once():
    out, into = os.pipe()
    with open(out, "rb") as source, open(into, "wb", buffering=0) as writer:  # noqa: PTH123
        blocks = read_stream(source)
        writer.write(np.full(8, 0x2000, "<i2").tobytes())
        assert next(blocks).tolist() == [0.25] * 8
        writer.write(np.full(3, 0x2000, "<i2").tobytes())
        assert next(blocks).tolist() == [0.25] * 3


def test_read_pcm_takes_a_header_for_samples():
    content = stored(SOUND, "WAV")
    (told,) = read_pcm(io.BytesIO(content[:100]))
    assert told.tolist() == [*np.frombuffer(content[:100], "<i2") / 2**15]
