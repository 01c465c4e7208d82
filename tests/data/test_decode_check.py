"""`ser-data validate --decode`: what is wrong with recordings, found by decoding every one."""

import contextlib
import csv
import io
import json
import multiprocessing
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.commands import environment, line, started
from support.hanging import assert_gone
from support.hanging import environment as with_odd_decoder
from support.paths import ROOT

from ser_pcq.audio.headers.truncated import missing_audio
from ser_pcq.audio.waveform import read_waveform
from ser_pcq.data import directory as datadir
from ser_pcq.data.decode_check import check_recordings
from ser_pcq.data.directory import Utterance
from ser_pcq.data.recording_faults import Inspection, inspect_recording
from ser_pcq.errors import Reason
from ser_pcq.processes import Crash, map_isolated, usable_cores

RATE = 16_000
Command = Callable[..., subprocess.CompletedProcess[str]]


def babble(seed: int, seconds: float = 2.0, peak: float = 0.5) -> np.ndarray:
    """Sound that changes all the time and is different for each seed, (time,)."""
    rng = np.random.default_rng(seed)
    size = round(seconds * RATE)
    pitch = np.interp(
        np.arange(size), np.arange(0, size, 800), rng.uniform(300, 2500, -(-size // 800))
    )
    wave = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + 0.3 * rng.standard_normal(size)
    return np.asarray(peak * wave / np.abs(wave).max())


def utterance(path: Path, name: str | None = None, **facts: object) -> Utterance:
    given = {"speaker": "f01", "emotion": "anger", **facts}
    return Utterance(name or path.name.replace(".", "-"), path, **given)  # type: ignore[arg-type]


def kinds(*utterances: Utterance) -> list[str]:
    """The kinds of what is found in utterances of one recording."""
    return [f.kind for i in inspect_recording(utterances) for f in i.findings]


def check(tmp_path: Path, utterances: Sequence[Utterance], **options: object) -> list[tuple]:
    datadir.write(tmp_path / "data", utterances)
    found = check_recordings(datadir.read(tmp_path / "data"), **{"jobs": 1, **options})
    return [(f.kind, f.utterance_id, f.other, f.differs) for f in found]


def cut(path: Path, share: float = 0.5) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


FORMATS = {
    "WAV": "PCM_16",
    "WAVEX": "PCM_24",
    "RF64": "PCM_16",
    "AIFF": "PCM_16",
    "AU": "PCM_16",
    "CAF": "PCM_16",
    "W64": "PCM_16",
    "NIST": "PCM_16",
    "OGG": "VORBIS",
    "MP3": "MPEG_LAYER_III",
    "FLAC": "PCM_16",
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_that_was_cut_off_is_truncated_and_a_whole_one_is_not(tmp_path, kind, channels):
    path = tmp_path / "a.audio"
    samples = np.stack([babble(c) for c in range(channels)], axis=1)
    soundfile.write(path, samples, RATE, format=kind, subtype=FORMATS[kind])
    assert kinds(utterance(path)) == []
    assert "truncated" in kinds(utterance(cut(path, 0.9)))
    found = inspect_recording([utterance(cut(path, 0.5))])[0].findings
    assert "truncated" in [f.kind for f in found]
    # What can be read of WAV and its like is read; training goes on.
    if kind in ("WAV", "WAVEX", "RF64", "AIFF", "AU", "W64", "NIST", "MP3", "CAF"):
        assert not any(f.stops for f in found)
    else:
        assert any(f.stops for f in found) or kind == "OGG"


def test_opus_and_other_byte_orders(tmp_path):
    soundfile.write(tmp_path / "a.opus", babble(0), RATE, format="OGG", subtype="OPUS")
    for endian, kind in (("BIG", "WAV"), ("LITTLE", "AIFF"), ("LITTLE", "AU")):
        path = tmp_path / f"{endian}.{kind}"
        soundfile.write(path, babble(0), RATE, format=kind, subtype="PCM_16", endian=endian)
    for path in tmp_path.iterdir():
        assert missing_audio(path) is None, path
        assert missing_audio(cut(path)), path


def test_tags_around_an_mp3_change_nothing(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, babble(0), RATE)
    frames = path.read_bytes()
    tag = b"ID3\4\0\0" + bytes([0, 0, 2, 44]) + bytes(2 * 128 + 44)
    path.write_bytes(tag + frames + b"TAG" + bytes(125))
    assert missing_audio(path) is None
    path.write_bytes(tag + frames[:-400])
    assert "promises" in (missing_audio(path) or "")
    # Without its first frame nothing is promised.
    path.write_bytes(frames[700:])
    assert missing_audio(path) is None


def with_sizes(path: Path, riff: int, data: int) -> Path:
    raw = bytearray(path.read_bytes())
    place = raw.index(b"data") + 4
    raw[4:8], raw[place : place + 4] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_header_written_into_a_pipe_is_not_truncated(tmp_path, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, babble(0), RATE)
    whole = read_waveform(path)
    assert kinds(utterance(with_sizes(path, size, size))) == []
    np.testing.assert_array_equal(read_waveform(path), whole)


def test_a_header_that_states_less_is_found_and_everything_is_read(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, babble(0), RATE)
    whole = read_waveform(path)
    with_sizes(path, RATE + 36, RATE)  # half a second
    assert kinds(utterance(path)) == ["longer-than-stated"]
    np.testing.assert_array_equal(read_waveform(path), whole)
    parts = [utterance(path, start=0.0, end=0.4), utterance(path, start=0.4, end=1.2)]
    found = [[f.kind for f in one.findings] for one in inspect_recording(parts)]
    assert found == [[], ["longer-than-stated"]]


def test_a_header_that_counts_itself_is_not_truncated_and_one_that_promises_more_is(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, babble(0), RATE)
    size = path.stat().st_size
    assert kinds(utterance(with_sizes(path, size, size))) == []
    assert kinds(utterance(with_sizes(path, size, 2 * size))) == ["truncated"]
    # A chunk after the audio that is cut off takes no audio along.
    soundfile.write(path, babble(0), RATE)
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 1000) + b"INFO")
    assert kinds(utterance(path)) == []


def test_nothing_is_promised_by_what_is_no_container(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "chunks.wav").write_bytes(b"RIFF\xff\xff\xff\x00WAVE" + bytes(100_000))
    for name, content in {
        "short.wav": b"RIFF",
        "text.wav": b"not audio at all, but long enough to be looked at",
        "half.aiff": b"FORM\0\0\0\0AIFFCOMM\0\0\0\x12\0",
        "odd.sph": b"NIST_1A\n   1024\nsample_count -s3 ten\nend_head\n",
        "tags.mp3": b"ID3\4\0\0\x7f\x7f\x7f\x7f",
        "page.ogg": b"OggS\0\0\0",
    }.items():
        (tmp_path / name).write_bytes(content)
    found = {path.name for path in tmp_path.iterdir() if missing_audio(path)}
    assert found == {"page.ogg"}
    assert missing_audio(tmp_path / "none.wav") is None
    assert kinds(utterance(tmp_path / "pipe")) == ["not-regular"]


def test_damage_within_a_flac_is_not_truncation(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, babble(0), RATE)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3 : len(raw) // 3 + 50] = bytes(50)
    path.write_bytes(raw)
    assert kinds(utterance(path)) == ["unreadable"]


def test_what_stops_training_is_told_with_its_reason(tmp_path, tone):
    (tmp_path / "pointer.wav").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:"
    )
    (tmp_path / "text.wav").write_text("this is not audio")
    (tmp_path / "nothing.wav").touch()
    tone(tmp_path / "short.wav", seconds=0.05)
    wave = babble(0)
    wave[7] = np.nan
    soundfile.write(tmp_path / "nan.wav", wave, RATE, subtype="FLOAT")
    expected = {
        "pointer.wav": "unreadable",
        "text.wav": "unreadable",
        "nothing.wav": "empty",
        "short.wav": "too-short",
        "nan.wav": "not-finite",
        "gone.wav": "missing",
    }
    utterances = [utterance(tmp_path / name) for name in expected]
    found = check(tmp_path, utterances)
    assert {name: kind for kind, name, *_ in found} == {
        name.replace(".", "-"): kind for name, kind in expected.items()
    }
    (pointer,) = inspect_recording([utterance(tmp_path / "pointer.wav")])[0].findings
    assert "git lfs pull" in pointer.detail
    assert pointer.stops


def test_sound_audio_of_any_kind_is_passed_over(tmp_path, tone):
    tone(tmp_path / "stereo.wav", channels=2, peak=0.99)
    tone(tmp_path / "eight.wav", peak=0.99, subtype="PCM_U8")
    tone(tmp_path / "low.wav", rate=48_000, frequency=50, peak=0.99, subtype="PCM_U8")
    tone(tmp_path / "law.wav", peak=0.99, subtype="ULAW")
    tone(tmp_path / "float.wav", peak=1.3, subtype="FLOAT")
    soundfile.write(tmp_path / "named.wav", babble(0), RATE, format="AIFF", subtype="PCM_16")
    for path in tmp_path.iterdir():
        assert kinds(utterance(path)) == [], path.name


def test_silence_and_what_is_nearly_silence(tmp_path):
    rng = np.random.default_rng(0)
    click = np.zeros(RATE)
    click[500:1500] = babble(0)[:1000]
    half = babble(1)
    half[: len(half) // 2] = 0
    wave = babble(2)
    for name, samples in {
        "silent": np.zeros(RATE),
        "constant": np.full(RATE, 0.3),
        "dither": rng.integers(-1, 2, RATE) / 32768,
        "click": click,
        "half": half,
        "faint": 0.006 * wave / np.abs(wave).max(),
        "opposite": np.stack([wave, -wave], axis=1),
        "offset": 0.5 * wave + 0.2,
        "integers": wave * 32768,
    }.items():
        subtype = "FLOAT" if name == "integers" else "PCM_16"
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype=subtype)
    found = {path.stem: kinds(utterance(path)) for path in tmp_path.iterdir()}
    assert found == {
        "silent": ["silent"],
        "constant": ["silent"],
        "dither": ["silent"],
        "click": ["silent"],
        "half": [],
        "faint": ["quiet"],
        "opposite": ["cancelling-channels"],
        "offset": ["offset"],
        "integers": ["over-scale"],
    }


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT"])
def test_a_clipped_sine_is_told_from_a_loud_one(tmp_path, subtype):
    times = np.arange(2 * RATE) / RATE
    sine = np.sin(2 * np.pi * 220 * times)
    for name, samples in {
        "loud": 0.99 * sine,
        "full": sine,
        "clipped": np.clip(1.5 * sine, -1, 1),
        "lowered": 0.6 * np.clip(1.5 * sine, -1, 1),
        "one-sided": np.clip(0.9 * sine, -1, 0.6),
        "far-below": 0.1 * np.clip(1.5 * sine, -1, 1),
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype=subtype)
        both = np.stack([0.5 * sine, samples], axis=1)
        soundfile.write(tmp_path / f"{name}-right.wav", both, RATE, subtype=subtype)
    found = {p.stem for p in tmp_path.iterdir() if "clipped" in kinds(utterance(p))}
    clipped = {"clipped", "lowered", "one-sided"}
    assert found == clipped | {f"{name}-right" for name in clipped}


def test_duplicates_are_told_once_and_with_what_contradicts(tmp_path):
    wave = (babble(0, seconds=3) * 32768).astype(np.int16)
    for name in ("a.wav", "b.flac", "c.wav", "d.aiff"):
        soundfile.write(tmp_path / name, wave, RATE, subtype="PCM_16")
    soundfile.write(tmp_path / "lossy.ogg", wave, RATE)
    soundfile.write(tmp_path / "part.wav", wave[RATE:] // 2, RATE)
    soundfile.write(tmp_path / "rest.wav", babble(1, seconds=3), RATE)
    for name in ("zero.wav", "null.wav"):
        soundfile.write(tmp_path / name, np.zeros(RATE), RATE)
    paths = sorted(p for p in tmp_path.iterdir())
    facts = {"c.wav": {"emotion": "sadness"}, "d.aiff": {"speaker": "m01", "emotion": "fear"}}
    facts["lossy.ogg"] = {"speaker": datadir.UNKNOWN_SPEAKER}
    found = check(tmp_path, [utterance(p, **facts.get(p.name, {})) for p in paths])
    assert found == [
        ("duplicate", "b-flac", "a-wav", ()),
        ("duplicate", "c-wav", "a-wav", ("emotion",)),
        ("duplicate", "d-aiff", "a-wav", ("speaker", "emotion")),
        ("near-duplicate", "lossy-ogg", "a-wav", ()),
        ("near-duplicate", "part-wav", "a-wav", ()),
        ("near-duplicate", "part-wav", "lossy-ogg", ()),
        # Silence is like silence.
        ("silent", "null-wav", None, ()),
        ("silent", "zero-wav", None, ()),
    ]


def test_copies_that_the_corpus_declares_are_no_finding(tmp_path):
    wave = babble(0, seconds=3)
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    soundfile.write(tmp_path / "b.wav", 0.5 * wave, RATE)
    soundfile.write(tmp_path / "c.wav", wave, RATE)
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    assert check(tmp_path, [utterance(p, original="a-wav") for p in paths]) == []
    assert len(check(tmp_path, [utterance(p) for p in paths])) == 2


def test_parts_of_one_recording_may_overlap_but_not_be_the_same(tmp_path):
    path = tmp_path / "long.wav"
    wave = babble(0, seconds=6)
    wave[4 * RATE :] = wave[: 2 * RATE]
    soundfile.write(path, wave, RATE)
    parts = {"a": (0.0, 2.0), "b": (0.5, 2.5), "c": (0.5, 2.5), "d": (3.0, 4.0), "e": (4.0, None)}
    utterances = [utterance(path, n, start=s, end=e) for n, (s, e) in parts.items()]
    assert check(tmp_path, utterances) == [
        ("duplicate", "c", "b", ()),
        ("duplicate", "e", "a", ()),  # the same sound, later in the recording
    ]


def test_two_who_talk_at_once_are_no_copies_of_one_another(tmp_path):
    dialogue = babble(0, seconds=5)
    turns = []
    for name, first, last in (("F", 0, 3), ("M", 1, 5)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, dialogue[first * RATE : last * RATE], RATE)
        turns.append(replace(utterance(path, name), speaker=name, session="1"))
    assert check(tmp_path, turns) == [("overlap", "M", "F", ("speaker",))]
    apart = [replace(u, session=u.speaker) for u in turns]
    assert check(tmp_path, apart) == [("near-duplicate", "M", "F", ("speaker",))]


def test_only_parts_that_lose_something_are_truncated(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, babble(0, seconds=4), RATE)
    cut(path)
    parts = {"a": (0.0, 1.5), "b": (1.0, 2.2), "c": (1.5, None), "d": (1.0, 3.5), "e": (3.0, 4.0)}
    utterances = [utterance(path, n, start=s, end=e) for n, (s, e) in parts.items()]
    found = inspect_recording(utterances)
    assert [[f.kind for f in i.findings] for i in found] == [
        [],
        ["truncated"],
        ["truncated"],
        ["truncated", "bad-segment"],
        ["bad-range", "truncated"],
    ]
    # As the check of headers has it.
    datadir.write(tmp_path / "data", utterances)
    (problem,) = datadir.validate(tmp_path / "data")
    assert problem.message.startswith("segments: d, e:")


def crash(utterances: Sequence[Utterance]) -> list[Inspection]:
    """A decoder that some files kill, each in its way."""
    stem = utterances[0].audio.stem
    if stem == "deadly":
        os.kill(os.getpid(), signal.SIGSEGV)
    if stem == "huge":
        raise MemoryError("1 TB")
    if stem == "endless":
        time.sleep(600)
    return inspect_recording(utterances)


def test_a_crash_loses_one_recording_and_the_number_of_jobs_changes_nothing(tmp_path):
    names = [*(f"n{k:02}" for k in range(12)), "deadly", "endless", "huge", "silent"]
    for k, name in enumerate(names):
        soundfile.write(tmp_path / f"{name}.wav", babble(k, 1.0) * (name != "silent"), RATE)
    again = soundfile.read(tmp_path / "n03.wav", dtype="int16")[0]
    soundfile.write(tmp_path / "again.flac", again, RATE)
    utterances = [utterance(p) for p in sorted(tmp_path.iterdir())]
    ticks: list[tuple[int, int]] = []
    datadir.write(tmp_path / "data", utterances)
    data = datadir.read(tmp_path / "data")
    found = check_recordings(
        data, jobs=1, timeout=5, inspect=crash, on_progress=lambda *tick: ticks.append(tick)
    )
    assert [(f.kind, f.utterance_id) for f in found] == [
        ("crashed", "deadly-wav"),
        ("crashed", "huge-wav"),
        ("duplicate", "n03-wav"),
        ("silent", "silent-wav"),
        ("timeout", "endless-wav"),
    ]
    assert ticks == [(k, 17) for k in range(1, 18)]
    assert check_recordings(data, jobs=3, timeout=5, inspect=crash) == found
    assert found[-1].detail.startswith("nothing happened for 5 s; given: ")
    assert found[-1].stops
    assert "SIGSEGV" in found[0].detail
    assert "MemoryError: 1 TB" in found[1].detail
    assert all(f.stops for f in found[:2])
    assert multiprocessing.active_children() == []


def test_the_command_gives_up_a_recording_that_hangs(tmp_path: Path):
    for name in ("a", "b-hang", "c"):
        soundfile.write(tmp_path / f"{name}.wav", babble(ord(name[0])), RATE)
    paths = sorted(tmp_path.iterdir())
    datadir.write(tmp_path / "data", [utterance(path) for path in paths])
    call = [sys.executable, "-m", "ser_pcq.cli.data", "validate", "--decode", tmp_path / "data"]
    process = subprocess.Popen(
        [*call, "--jobs", "2", "--timeout", "5"],
        env=with_odd_decoder(tmp_path / "stub"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert [line.split("\t")[:2] for line in out.splitlines()] == [["timeout", "b-hang-wav"]]
    assert "ser-data: timeout: 1 utterance; stops training\n" in err
    assert_gone(process.pid)


def test_workers_import_no_torch_and_have_one_thread():
    modules, threads, chatter = map_isolated(
        eval,
        [
            "'torch' in __import__('sys').modules",
            "__import__('os').environ['OMP_NUM_THREADS']",
            "__import__('os').readlink('/proc/self/fd/2') if __import__('sys').platform == 'linux' "
            "else '/dev/null'",
        ],
        jobs=1,
    )
    assert modules is False
    assert threads == "1"
    assert chatter == os.devnull
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    loaded = "import sys, ser_pcq.data.decode_check, ser_pcq.cli.data.commands"
    code = f"{loaded}; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout == "False\n"


def test_exceptions_stand_in_the_place_of_results():
    assert map_isolated(int, ["1", "x", "3"], jobs=2) == [
        1,
        Crash(Reason("crashed", "ValueError: invalid literal for int() with base 10: 'x'")),
        3,
    ]
    assert map_isolated(int, [], jobs=2) == []


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    """A data directory with one of each grave, bad and odd."""
    for k, name in enumerate(("f01-a", "f01-b", "f01-c")):
        soundfile.write(tmp_path / f"{name}.wav", babble(k), RATE)
    again = soundfile.read(tmp_path / "f01-a.wav", dtype="int16")[0]
    soundfile.write(tmp_path / "f01-d.flac", again, RATE)
    cut(tmp_path / "f01-b.wav")
    names = ["f01-a.wav", "f01-b.wav", "f01-c.wav", "f01-d.flac"]
    emotions = ["anger", "anger", "sadness", "sadness"]
    utterances = [
        utterance(tmp_path / n, Path(n).stem, emotion=e)
        for n, e in zip(names, emotions, strict=True)
    ]
    datadir.write(tmp_path / "data", utterances)
    return tmp_path / "data"


def test_the_command_lists_findings_and_exits_by_their_gravity(flawed: Path, command: Command):
    result = command("data", "validate", "--decode", "--jobs", 2, flawed)
    assert result.returncode == 0
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["duplicate", "f01-d"], ["truncated", "f01-b"]]
    assert rows[0][2] == "the same audio as f01-a; emotion anger there, sadness here"
    assert result.stderr == (
        "ser-data: duplicate: 1 utterance\nser-data: truncated: 1 utterance\n"
        "ser-data: decoded 4 recordings: 4 utterances, 1 speaker, 2 emotions\n"
    )
    assert command("data", "validate", "--decode", "--strict", flawed).returncode == 1
    (flawed.parent / "f01-c.wav").write_text("gone wrong")
    result = command("data", "validate", "--decode", flawed)
    assert result.returncode == 1
    assert "unreadable\tf01-c\t" in result.stdout
    assert "ser-data: unreadable: 1 utterance; stops training\n" in result.stderr


def test_the_formats_of_the_command_agree(flawed: Path, command: Command):
    outputs = {
        kind: command("data", "validate", "--decode", "--format", kind, flawed).stdout
        for kind in ("tsv", "table", "csv", "json")
    }
    values = json.loads(outputs["json"])
    rows = list(csv.DictReader(io.StringIO(outputs["csv"])))
    lines = [line.split("\t") for line in outputs["tsv"].splitlines()]
    table = [line.split(maxsplit=2) for line in outputs["table"].splitlines()]
    told = [[v["kind"], v["utterance_id"], v["detail"]] for v in values]
    assert len(told) == 2
    assert told == lines == table == [[r["kind"], r["utterance_id"], r["detail"]] for r in rows]
    assert values[0]["other"] == rows[0]["other"] == "f01-a"
    assert values[0]["differs"] == [rows[0]["differs"]] == ["emotion"]
    assert values[0]["stops"] is False
    assert rows[0]["stops"] == "0"


def test_options_that_mean_nothing_are_wrong_usage(flawed: Path, command: Command):
    for options in (
        ["--decode", "--no-audio"],
        ["--jobs", 2],
        ["--timeout", 5],
        ["--strict"],
        ["--format", "csv"],
    ):
        assert command("data", "validate", *options, flawed).returncode == 2
    assert command("data", "validate", "--decode", "--jobs", 0, flawed).returncode == 2


def test_tables_come_before_audio(flawed: Path, command: Command):
    (flawed / "utt2spk").unlink()
    result = command("data", "validate", "--decode", flawed)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "missing-file" in result.stderr
    assert "nothing was decoded" in result.stderr


def test_a_sound_directory_prints_nothing(tmp_path: Path, command: Command):
    command("data", "generate", "synthetic", tmp_path / "corpus", "--speakers", 2)
    command("data", "prepare", "synthetic", tmp_path / "corpus", tmp_path / "data")
    result = command("data", "validate", "--decode", "--strict", tmp_path / "data")
    assert result.stdout == ""
    assert "nothing found" in result.stderr
    assert result.returncode == 0


def test_emodb_is_sound(emodb_dir: Path, tmp_path: Path, command: Command):
    command("data", "prepare", "emodb", emodb_dir, tmp_path / "data")
    result = command("data", "validate", "--decode", "--strict", tmp_path / "data")
    assert result.stdout == ""
    assert result.stderr == (
        "ser-data: decoded 535 recordings, nothing found: 535 utterances, 10 speakers, 7 emotions\n"
    )
    assert result.returncode == 0


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_process_outlives_the_command(tmp_path: Path, sent: signal.Signals, code: int):
    soundfile.write(tmp_path / "a.wav", babble(0, seconds=20), RATE)
    links = [tmp_path / f"{k:04}.wav" for k in range(2000)]
    for link in links:
        link.symlink_to("a.wav")
    datadir.write(tmp_path / "data", [utterance(link) for link in links])
    terminal, end = pty.openpty()
    told = b""
    with started(
        line("data", "validate", "--decode", tmp_path / "data"),
        env=environment(TERM="xterm", COLUMNS="80"),
        stdout=subprocess.DEVNULL,
        stderr=end,
        group=True,
    ) as process:
        os.close(end)
        # The progress bar shows that work is under way.
        while not re.search(rb"\b[1-9]\d*/2000", told):
            told += os.read(terminal, 1 << 16)
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        assert process.wait(timeout=60) == code
        assert_gone(process.pid)
    with contextlib.suppress(OSError):
        while rest := os.read(terminal, 1 << 16):
            told += rest
    os.close(terminal)
    assert b"Traceback" not in told
