"""Memory does not grow with the length of a recording."""

import os
import subprocess
import sys

from support.paths import ROOT


def test_a_long_recording_needs_no_more_memory_than_a_shorter_one():
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/memory.py",
            "--model",
            "emodb-small",
            "--segments",
            "--minutes",
            "1",
            "6",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    short, long = (float(line.split("\t")[1]) for line in done.stdout.splitlines()[1:])
    # As a whole it would be 23 MB, four times over.
    assert long < short + 8
