"""Audio files of every kind come out as one kind of waveform, or are refused by name."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.audio.find import find_audio
from ser_pcq.audio.waveform import (
    MIN_DURATION,
    SAMPLE_RATE,
    duration,
    read_waveform,
    refuse_silence,
)
from ser_pcq.errors import AudioError

Tone = Callable[..., Path]


def frequency(waveform: np.ndarray, rate: int = SAMPLE_RATE) -> float:
    """Strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.fft.rfftfreq(len(waveform), 1 / rate)[spectrum.argmax()])


def reason(path: Path, **options: float) -> str:
    with pytest.raises(AudioError) as caught:
        read_waveform(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason.word


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_414, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_and_channel_count(tmp_path: Path, tone: Tone, rate: int, channels: int) -> None:
    path = tone(tmp_path / "a.wav", seconds=1.5, rate=rate, channels=channels)
    waveform = read_waveform(path)
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert abs(len(waveform) - 1.5 * SAMPLE_RATE) <= 1
    assert frequency(waveform) == pytest.approx(440, abs=1)
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=0.02)
    assert duration(path) == pytest.approx(1.5, abs=1e-3)


@pytest.mark.parametrize(
    "suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff", ".au", ".caf", ".w64"]
)
def test_every_format(tmp_path: Path, tone: Tone, suffix: str) -> None:
    waveform = read_waveform(tone(tmp_path / f"a{suffix}", seconds=1.0))
    assert len(waveform) / SAMPLE_RATE == pytest.approx(1.0, abs=0.1)  # MP3 pads
    assert frequency(waveform) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"]
)
def test_every_sample_width(tmp_path: Path, tone: Tone, subtype: str) -> None:
    waveform = read_waveform(tone(tmp_path / "a.wav", subtype=subtype))
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=0.02)


def test_content_decides_not_the_name(tmp_path: Path, tone: Tone) -> None:
    lying = tone(tmp_path / "a.aiff").rename(tmp_path / "a.wav")
    assert len(read_waveform(lying)) == SAMPLE_RATE
    assert len(read_waveform(tone(tmp_path / "b.wav").rename(tmp_path / "b"))) == SAMPLE_RATE


def test_channels_are_averaged(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (SAMPLE_RATE, 3)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_waveform(tmp_path / "a.wav"), samples.mean(axis=1), atol=1e-7)


def test_frequencies_above_the_new_rate_are_removed(tmp_path: Path, tone: Tone) -> None:
    waveform = read_waveform(tone(tmp_path / "a.wav", rate=48_000, frequency=12_000))
    assert np.abs(waveform[800:-800]).max() < 1e-3


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_parts_laid_end_to_end_give_the_whole(tmp_path: Path, tone: Tone, suffix: str) -> None:
    path = tone(tmp_path / f"a{suffix}", seconds=1.0)
    parts = [(None, 0.25), (0.25, 0.6), (0.6, None)]
    joined = np.concatenate([read_waveform(path, start=a, end=b) for a, b in parts])
    np.testing.assert_array_equal(joined, read_waveform(path))


def test_end_beyond_the_file_is_its_end(tmp_path: Path, tone: Tone) -> None:
    path = tone(tmp_path / "a.wav", rate=8_000)
    assert len(read_waveform(path, start=0.5, end=1.2)) == SAMPLE_RATE // 2


@pytest.mark.parametrize(("start", "end"), [(-0.1, None), (1.0, None), (0.5, 0.5), (0.7, 0.2)])
def test_range_outside_the_file(tmp_path: Path, tone: Tone, start: float, end: float) -> None:
    assert reason(tone(tmp_path / "a.wav"), start=start, end=end) == "bad_range"


def test_long_file_is_read_across_blocks(
    tmp_path: Path, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tone(tmp_path / "a.wav", seconds=2.0, channels=2)
    whole = read_waveform(path)
    monkeypatch.setattr("ser_pcq.audio.decoder.BLOCK", 1_000)
    np.testing.assert_array_equal(read_waveform(path), whole)


def test_missing(tmp_path: Path, tone: Tone) -> None:
    assert reason(tmp_path / "none.wav") == "missing"
    assert reason(tone(tmp_path / "a.wav") / "b.wav") == "missing"
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    assert reason(tmp_path / "link.wav") == "missing"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.wav", b"this is not audio, whatever its name says\n" * 20),
        ("a.wav", b"RIFF"),
        ("a.wav", bytes(100)),
        ("a.raw", bytes(1000)),
        ("a.flac", b"fLaC" + bytes(500)),
        ("a.mp3", b"ID3"),
    ],
)
def test_not_audio(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert reason(tmp_path / name) == "unreadable"


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_cut_off_before_anything_decodes(tmp_path: Path, tone: Tone, suffix: str) -> None:
    path = tone(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[:60])
    assert reason(path) == "unreadable"


def test_cut_off_wav_is_read_as_far_as_it_goes(tmp_path: Path, tone: Tone) -> None:
    path = tone(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[: 44 + SAMPLE_RATE])
    assert len(read_waveform(path)) == SAMPLE_RATE // 2


def test_folder(tmp_path: Path) -> None:
    assert reason(tmp_path) == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path, tone: Tone) -> None:
    path = tone(tmp_path / "a.wav")
    path.chmod(0)
    assert reason(path) == "unreadable"


def test_lfs_pointer_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(AudioError, match="git lfs pull") as caught:
        read_waveform(path)
    assert caught.value.reason.word == "unreadable"


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert reason(tmp_path / "a.wav") == "not_regular"
    assert reason(Path("/dev/null")) == "not_regular"


def test_empty(tmp_path: Path, tone: Tone) -> None:
    (tmp_path / "zero.wav").touch()
    assert reason(tmp_path / "zero.wav") == "empty"
    header_only = tone(tmp_path / "header.wav", seconds=0)
    assert reason(header_only) == "empty"
    with pytest.raises(AudioError) as caught:
        duration(header_only)
    assert caught.value.reason.word == "empty"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_not_finite(tmp_path: Path, value: float, channels: int) -> None:
    samples = np.zeros((SAMPLE_RATE, channels), dtype=np.float32)
    samples[500] = value
    samples[600, 0] = -value
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    assert reason(tmp_path / "a.wav") == "not_finite"


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_too_short(tmp_path: Path, tone: Tone, rate: int) -> None:
    path = tone(tmp_path / "a.wav", seconds=MIN_DURATION - 0.01, rate=rate)
    assert reason(path) == "too_short"
    assert read_waveform(tone(path, seconds=MIN_DURATION, rate=rate)).size
    assert reason(tone(path, seconds=1.0, rate=rate), start=0.2, end=0.21) == "too_short"


@pytest.mark.parametrize("rate", [1, 2_000_000_000])
def test_impossible_rate(tmp_path: Path, tone: Tone, rate: int) -> None:
    path = tone(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(content)
    assert reason(path) == "unreadable"


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="file names are UTF-8 elsewhere")
def test_file_name_that_is_not_utf8(tmp_path: Path, tone: Tone) -> None:
    path = tone(tmp_path / "a.wav").rename(tmp_path / os.fsdecode(b"\xff b.wav"))
    assert len(read_waveform(path)) == SAMPLE_RATE


def test_silence_is_refused_and_quiet_speech_is_not() -> None:
    quiet = 0.005 * np.sin(np.arange(SAMPLE_RATE) / 10).astype(np.float32)
    refuse_silence(quiet)
    dither = np.random.default_rng(0).choice([0, 1 / 32768], SAMPLE_RATE).astype(np.float32)
    for silent in (np.zeros(SAMPLE_RATE), np.full(SAMPLE_RATE, 0.3), dither, np.zeros(0)):
        with pytest.raises(AudioError) as caught:
            refuse_silence(silent.astype(np.float32))
        assert caught.value.reason.word == "silent"


@settings(deadline=None, max_examples=50)
@given(content=st.binary(max_size=2_000), magic=st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS"]))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.wav"
    path.write_bytes(magic + content)
    try:
        waveform = read_waveform(path)
    except AudioError:
        return
    assert waveform.size
    assert np.isfinite(waveform).all()


def test_find_audio_expands_folders_and_keeps_what_is_named(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "sub/c.mp3", "._b.wav", ".git/d.wav", "notes.txt", "x.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = [tmp_path / "x.wav", tmp_path / "gone.wav", tmp_path / "notes.txt"]
    found = find_audio([*named, tmp_path, tmp_path / "sub" / ".." / "b.wav"])
    assert found == [*named, *(tmp_path / n for n in ("a.FLAC", "b.wav", "sub/c.mp3"))]


def test_find_audio_follows_links_once(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.wav").touch()
    (tmp_path / "disk" / "back").symlink_to(tmp_path)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "session1").symlink_to(tmp_path / "disk")
    assert find_audio([tmp_path / "corpus"]) == [tmp_path / "corpus" / "session1" / "a.wav"]
    assert find_audio([]) == []
