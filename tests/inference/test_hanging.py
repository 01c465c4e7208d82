"""A decoder that never comes back costs only its file, and nothing is left of it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile
from support.hanging import assert_gone, environment
from support.paths import SOUNDS

SMALL = ("--model", "emodb-small", "--speech", "energy")
EXAMPLE = SOUNDS / "calm.wav"


def started(tmp_path, *options):
    """Start `ser-predict` in a group of its own; the decoder minds the names of files."""
    return subprocess.Popen(
        [sys.executable, "-m", "ser_pcq.cli.predict", *map(str, options)],
        env=environment(tmp_path / "stub"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_a_file_that_hangs_is_given_up_and_one_that_is_slow_is_not(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    names = ["a.wav", "b-hang.wav", "c.wav", "d-slow.wav", "e-hang.wav", "f.wav"]
    samples, rate = soundfile.read(EXAMPLE, dtype="int16")
    for name in names:
        (folder / name).write_bytes(EXAMPLE.read_bytes())
    # Seven blocks and more, each of them read twice: longer than the limit, and never still.
    soundfile.write(folder / "d-slow.wav", np.resize(samples, 32 * rate), rate)
    process = started(tmp_path, folder, *SMALL, "--jobs", 2, "--timeout", 4, "--format", "jsonl")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [Path(line["path"]).name for line in lines] == names
    assert [line["status"] for line in lines] == ["ok", "error", "ok", "ok", "error", "ok"]
    assert lines[1]["reason"] == lines[4]["reason"] == "timeout: nothing happened for 4 s"
    assert lines[3]["duration"] == 32
    assert "2 of 6 files could not be judged" in err
    assert_gone(process.pid)


def test_ctrl_c_does_not_wait_for_a_file_that_hangs(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("a.wav", "b-hang.wav", "c-hang.wav"):
        (folder / name).write_bytes(EXAMPLE.read_bytes())
    output = tmp_path / "out.csv"
    process = started(tmp_path, folder, *SMALL, "--jobs", 2, "--output", output)
    journal = tmp_path / "out.csv.unfinished"
    deadline = time.monotonic() + 100
    while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert time.monotonic() - begun < 30
    assert process.returncode == 130
    assert "continue with --resume" in err
    assert_gone(process.pid)


def test_a_limit_wants_processes(command):
    assert command("predict", EXAMPLE, "--timeout", 5).returncode == 2
    assert command("predict", EXAMPLE, "--jobs", 2, "--timeout", 0).returncode == 2
