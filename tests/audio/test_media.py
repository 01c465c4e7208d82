"""Recordings of phones and browsers, and the sound of videos: by PyAV, by `ffmpeg`, or refused."""

import io
import os
import resource
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from support.media import KINDS, film, kinds, write_media
from support.paths import ROOT
from support.zoo import RATE, speech

from ser_pcq import load
from ser_pcq.audio.decoder import BLOCK, opened
from ser_pcq.audio.decoders import ffmpeg, pyav
from ser_pcq.audio.decoders.contract import DecodingError
from ser_pcq.audio.decoders.live import LiveDecoder
from ser_pcq.audio.find import find_audio
from ser_pcq.audio.waveform import duration, read_waveform
from ser_pcq.errors import AudioError
from ser_pcq.inference.recording import hear


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same speech in all kinds of media."""
    folder = tmp_path_factory.mktemp("media")
    for name, (codec, container, options) in kinds().items():
        write_media(folder / name, speech(), RATE, codec, container, **options)
    return folder


def script(folder, text):
    """Write a program named ffmpeg."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(params=["pyav", "ffmpeg"])
def decoder(request, monkeypatch, tmp_path_factory):
    """Each of the two ways, the other being absent."""
    monkeypatch.setattr(ffmpeg, "program", lambda: None)
    if request.param == "ffmpeg":
        monkeypatch.setattr(pyav, "is_installed", lambda: False)
        stand_in = ROOT / "tests" / "support" / "stand_in_ffmpeg.py"
        path = script(tmp_path_factory.mktemp("bin"), f'exec {sys.executable} {stand_in} "$@"')
        monkeypatch.setattr(ffmpeg, "program", lambda: str(path))
    return request.param


def likeness(found, wanted):
    """Return the best correlation of two waveforms within a shift of a quarter of a second."""
    shift, part = RATE // 4, wanted[RATE // 2 : 2 * RATE]
    padded = np.pad(found, shift)[RATE // 2 : 2 * RATE + 2 * shift]
    at = int(np.correlate(padded, part, "valid").argmax())
    return np.corrcoef(padded[at : at + len(part)], part)[0, 1]


def test_every_kind_is_read_as_what_was_written(folder, decoder):
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) >= 16
    if decoder == "ffmpeg":  # a process for each takes its time
        names = ["aac.m4a", "film.mp4", "opus.webm", "pieces.mp4"]
    for name in names:
        heard = hear(folder / name)
        assert heard.duration == pytest.approx(2.5, abs=0.13), name
        words = {warning.word for warning in heard.warnings}
        assert words == ({"narrow_band"} if KINDS[name][0].endswith("amrnb") else set()), name
        assert likeness(heard.waveform, speech()) > 0.7, name
        np.testing.assert_array_equal(read_waveform(folder / name), heard.waveform)


def test_what_encoders_put_before_and_after_a_recording_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(ffmpeg, "program", lambda: None)
    for name in ("aac.m4a", "first.mp4", "film.mp4", "opus.webm", "alac.m4a"):
        assert duration(folder / name) == pytest.approx(2.5, abs=1e-3), name
        waveform = read_waveform(folder / name)
        assert np.corrcoef(waveform[RATE : 2 * RATE], speech()[RATE : 2 * RATE])[0, 1] > 0.99


@pytest.mark.parametrize("name", ["android.3gp", "browser.webm", "iphone.m4a", "voice_note.aac"])
def test_what_phones_and_browsers_record_is_judged(shared_dir, name, decoder):
    path = shared_dir / "cases" / name
    if not path.is_file():
        pytest.skip(f"needs {path}, which is not there")
    result = load("emodb-small", speech="energy").predict(path)
    assert (result.status, result.label) == ("ok", "anger")
    assert result.duration == pytest.approx(1.613, abs=0.04)
    words = [warning.word for warning in result.warnings]
    assert words == (["narrow_band"] if name == "android.3gp" else [])


@pytest.mark.usefixtures("no_media")
def test_without_a_decoder_both_remedies_are_named_in_the_table_too(folder, command):
    for form in ("table", "csv", "jsonl"):
        done = command("predict", folder / "aac.m4a", "--model", "emodb-small", "--format", form)
        assert done.returncode == 1
        assert "no_decoder" in done.stdout
        assert "pip install 'ser-pcq[media]'" in done.stdout
        assert "ffmpeg on the path" in done.stdout


CUT = {"first.mp4": 0.8, "opus.webm": 0.7, "live.webm": 0.7, "voice.aac": 0.7, "windows.wma": 0.7}
CUT |= {"phone.amr": 0.701, "pieces.mp4": 0.7}


def test_what_was_cut_off_is_judged_with_a_warning(folder, tmp_path, decoder):
    for name, share in CUT.items():
        content = (folder / name).read_bytes()
        path = tmp_path / name
        path.write_bytes(content[: int(share * len(content))])
        heard = hear(path)
        assert "truncated" in [warning.word for warning in heard.warnings], name
        assert 1.0 < heard.duration < 2.3, name


def test_damage_costs_only_what_is_damaged(folder, tmp_path, decoder):
    for name in ("voice.aac", "first.mp4"):
        content = bytearray((folder / name).read_bytes())
        at = len(content) * 2 // 5
        content[at : at + 400] = b"\xff" * 400
        path = tmp_path / name
        path.write_bytes(content)
        heard = hear(path)
        assert [w.word for w in heard.warnings] == ["damaged"], name
        assert 1.9 < heard.duration < 2.5, name
        # Training takes nothing that is damaged.
        with pytest.raises(AudioError, match="cannot be decoded"):
            read_waveform(path)


def test_a_recorder_that_died_left_no_index(folder, tmp_path, decoder):
    content = (folder / "aac.m4a").read_bytes()
    path = tmp_path / "died.m4a"
    path.write_bytes(content[: len(content) // 2])
    reason = hear(path).reason
    assert reason.word == "unreadable"
    assert "its index is missing" in reason.sentence


def test_a_film_without_sound_is_refused(tmp_path, decoder):
    with av.open(tmp_path / "silent.mp4", "w") as file:
        film(file, file.add_stream("mpeg4", rate=10), 1.0)
    reason = hear(tmp_path / "silent.mp4").reason
    assert reason.short == "empty: this is MPEG-4 (m4a, mp4), but there is no sound in it"


def test_parts_are_those_of_the_whole(folder, decoder):
    with opened(folder / "aac.m4a") as file:
        whole = np.concatenate(list(file.blocks()))
        assert {len(block) <= BLOCK for block in file.blocks()} == {True}
        for first, n_frames in ((0, 1000), (44_100, 22_050), (100_000, None), (10**9, None)):
            last = None if n_frames is None else first + n_frames
            part = list(file.blocks(first, n_frames))
            joined = np.concatenate(part) if part else np.zeros((0, 2), np.float32)
            np.testing.assert_array_equal(joined, whole[first:last])


NAMES = ["-i.m4a", "http:a.m4a", "concat:a|b.m4a", "pipe:0", "a'b %d.m4a", "n\udcff.m4a"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_taken_for_an_option_or_a_protocol(folder, tmp_path, monkeypatch, decoder, name):
    (tmp_path / name).symlink_to(folder / "aac.m4a")
    monkeypatch.chdir(tmp_path)
    assert hear(type(tmp_path)(name)).duration == pytest.approx(2.5, abs=0.02)


def test_rate_and_channels_may_change_within_a_stream(folder, tmp_path):
    write_media(tmp_path / "b.aac", speech(), RATE, "aac", "adts", at=22_050, channels=2)
    path = tmp_path / "both.aac"
    path.write_bytes((folder / "voice.aac").read_bytes() + (tmp_path / "b.aac").read_bytes())
    with opened(path) as file:
        samples = np.concatenate(list(file.blocks(tolerant=True)))
        assert (file.rate, file.channels) == (44_100, 1)
    assert len(samples) / 44_100 == pytest.approx(5.1, abs=0.1)


def test_many_channels_are_read(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (16, RATE)).astype(np.float32)
    packed = wave.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, "flt", "hexadecagonal")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    with av.open(tmp_path / "many.mkv", "w") as file:
        stream = file.add_stream("wavpack", rate=RATE, layout="hexadecagonal")
        stream.format = "s16p"
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    with opened(tmp_path / "many.mkv") as file:
        found = np.concatenate(list(file.blocks()))
    np.testing.assert_allclose(found, wave.T, atol=1e-4)
    with (tmp_path / "many.mkv").open("rb") as source:
        live = np.concatenate(list(LiveDecoder(source.read1, "matroska").blocks()))
    np.testing.assert_allclose(live, wave.mean(axis=0), atol=1e-4)


class Pipe(io.BytesIO):
    """What can only be read."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise AssertionError("a pipe cannot be moved in")


def test_binary_objects_are_decoded(folder):
    for name, demuxer in (("opus.webm", "matroska"), ("voice.aac", "aac"), ("pieces.mp4", "mov")):
        content = (folder / name).read_bytes()
        decoded = []
        for source in (io.BytesIO(content), Pipe(content)):
            decoder = pyav.PyavDecoder(source, demuxer)
            decoded.append(np.concatenate(list(decoder.blocks())))
            decoder.close()
        np.testing.assert_array_equal(*decoded)
    with pytest.raises(DecodingError):
        pyav.PyavDecoder(io.BytesIO(b"no media" * 100), "mov")


def test_an_ffmpeg_that_hangs_is_stopped(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pyav, "is_installed", lambda: False)
    monkeypatch.setattr(ffmpeg, "PATIENCE", 0.5)
    path = script(tmp_path, f"echo $$ > {tmp_path}/pid\nexec sleep 100")
    monkeypatch.setattr(ffmpeg, "program", lambda: str(path))
    begin = time.monotonic()
    reason = hear(folder / "aac.m4a").reason
    assert time.monotonic() - begin < 10
    assert "ffmpeg did nothing for 0.5 s and was stopped" in reason.sentence
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_an_ffmpeg_that_fails_is_told_of(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pyav, "is_installed", lambda: False)
    path = script(tmp_path, "exit 3")
    monkeypatch.setattr(ffmpeg, "program", lambda: str(path))
    assert "ffmpeg ended with code 3" in hear(folder / "aac.m4a").reason.sentence


def test_what_libsndfile_reads_loads_no_other_decoder():
    code = "import sys; from ser_pcq.audio.waveform import read_waveform as r; "
    code += "r(sys.argv[1]); assert 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, ROOT / "examples" / "fear.wav"], check=True)


def test_long_media_take_constant_memory(folder, tmp_path, decoder):
    content = (folder / "voice.aac").read_bytes()
    path = tmp_path / "long.aac"
    sizes = []
    for n in (40, 200):  # 18 and 90 MB of samples
        path.write_bytes(content * n)
        with opened(path) as file:
            total = sum(len(block) for block in file.blocks())
        assert total / 44_100 == pytest.approx(2.53 * n, rel=0.02)
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert sizes[1] - sizes[0] < 8000  # kB


def test_media_in_folders_are_found(tmp_path):
    for name in ("a.m4a", "b.WEBM", "c.3gp", "d.mp4", "e.txt", "f.wma", "g.amr", "h.opus"):
        (tmp_path / name).touch()
    assert [path.name[0] for path in find_audio([tmp_path])] == list("abcdfgh")
