"""`ser-predict` beyond a line for each file: segments, label files, pictures, standard input."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from support.commands import environment, line
from support.paths import ROOT, SOUNDS

EXAMPLES = SOUNDS
SMALL = ("--model", "emodb-small", "--speech", "energy")


def test_segments_stand_in_every_format_that_has_them(command, tmp_path):
    file = EXAMPLES / "slow.flac"
    lines = command("predict", file, *SMALL, "--segments", "--format", "jsonl").stdout
    (segment,) = json.loads(lines)["segments"]
    assert 0 <= segment["start"] < segment["end"] <= json.loads(lines)["duration"]
    assert sum(segment["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert segment["label"] in command("predict", file, *SMALL, "--format", "rttm").stdout
    plain = json.loads(command("predict", file, *SMALL, "--format", "jsonl").stdout)
    assert "segments" not in plain


def test_label_files_are_written_into_a_folder_and_never_over_others(command, tmp_path):
    files = (EXAMPLES / "slow.flac", EXAMPLES / "calm.wav")
    for form, name in (
        ("textgrid", "slow.TextGrid"),
        ("srt", "slow.srt"),
        ("audacity", "slow.txt"),
    ):
        options = (*SMALL, "--format", form, "--output-dir", tmp_path / form)
        result = command("predict", *files, *options)
        assert result.returncode == 0, result.stderr
        assert str(tmp_path / form / name) in result.stdout
        assert len(list((tmp_path / form).iterdir())) == 2
        again = command("predict", *files, *options)
        assert again.returncode == 1
        assert "exists already" in again.stderr


@pytest.mark.parametrize("options", [("--format", "srt"), ("--output-dir", "x"), ("--stream", "y")])
def test_options_that_do_not_go_together_are_wrong_usage(options, command):
    paths = () if "--stream" in options else (EXAMPLES,)
    result = command("predict", *paths, *options)
    assert (result.returncode, result.stdout) == (2, "")


def test_a_command_without_files_is_wrong_usage(command):
    assert command("predict").returncode == 2


def test_pictures_are_drawn_of_what_can_be_read(command, tmp_path):
    (tmp_path / "empty.wav").touch()
    files = (EXAMPLES / "calm.wav", tmp_path / "empty.wav")
    result = command("predict", *files, *SMALL, "--plot", tmp_path / "plots")
    assert result.returncode == 1
    (picture,) = (tmp_path / "plots").iterdir()
    assert picture.name == "calm.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_steady_sound_is_no_speech(command, tmp_path):
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "noise.wav", 0.1 * random.standard_normal(32_000), 16_000)
    result = command("predict", tmp_path / "noise.wav", *SMALL, "--format", "jsonl")
    answer = json.loads(result.stdout)
    assert (answer["status"], answer["label"]) == ("rejected", None)
    assert answer["reason"].startswith("no_speech:")


def test_raw_samples_are_judged_as_they_come_at_any_rate(command):
    speech, rate = soundfile.read(EXAMPLES / "slow.flac", dtype="int16")
    arguments = ["--stream", *SMALL, "--format", "jsonl", "--rate", str(rate)]
    process = subprocess.Popen(
        [sys.executable, "-m", "ser_pcq.cli.predict", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    # The first second is answered while the source goes on.
    process.stdin.write(speech[: 2 * rate].tobytes())
    process.stdin.flush()
    first = json.loads(process.stdout.readline())
    assert (first["start"], first["end"]) == (0.0, 1.0)
    process.stdin.write(speech[2 * rate :].tobytes())
    rest, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    last = json.loads(rest.splitlines()[-1])
    assert last["end"] == pytest.approx(len(speech) / rate, abs=0.01)
    assert last["label"] is not None


def test_what_is_offered_is_what_there_is(command):
    from ser_pcq.audio.speech import DETECTORS
    from ser_pcq.cli.predict import Speech
    from ser_pcq.inference.formats import FORMATS

    assert f"<{'|'.join(FORMATS)}>" in command("predict", "--help").stdout
    assert tuple(Speech) == DETECTORS
    wrong = command("predict", EXAMPLES, "--format", "xml")
    assert wrong.returncode == 2
    assert all(repr(name) in wrong.stderr for name in FORMATS)
    for option in ("csv", "rttm"):
        assert command("predict", "--stream", "--format", option).returncode == 2


def test_raw_takes_a_header_for_samples():
    """So that what happens to begin like a format is heard as what it is."""
    with (SOUNDS / "calm.wav").open("rb") as file:
        content = file.read()
    assert content.startswith(b"RIFF")
    headless = content[content.index(b"data") + 8 :]
    calls = {
        "header": (content, ["--raw"]),
        "samples": (headless, ["--raw"]),
        "known": (content, []),
    }
    found = {}
    for name, (given, options) in calls.items():
        call = line("predict", "--stream", *SMALL, "--format", "jsonl", *options)
        done = subprocess.run(
            call, input=given, capture_output=True, env=environment(), check=True, cwd=ROOT
        )
        lines = done.stdout.decode().splitlines()
        found[name] = [
            (one["start"], one["end"], one["probabilities"]) for one in map(json.loads, lines)
        ]
    # A header of 44 bytes is 22 samples more, which change no window by much.
    assert found["known"] == found["samples"]
    assert [one[0] for one in found["header"]] == [one[0] for one in found["samples"]]
    assert found["header"] != found["samples"]
