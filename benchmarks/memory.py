"""Measure the peak memory of `ser-predict` for short and for very long recordings.

Writes recordings of these lengths (speech from examples/, repeated), judges each in a separate
process, and prints tab-separated lines: minutes, peak memory in MB, seconds that it took.

    python benchmarks/memory.py --minutes 10 120 --model emodb-large
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "neutral.wav"


def write_speech(path: Path, minutes: float) -> None:
    """Write a recording: an example over and over, with pauses, 16-bit."""
    samples, rate = soundfile.read(EXAMPLE, dtype="int16")
    part = np.concatenate([samples, np.zeros(rate, np.int16)])
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        for _ in range(round(minutes * 60 * rate / len(part))):
            file.write(part)


def peak_memory(command: list[str]) -> tuple[float, float]:
    """Run a command; return its peak memory in MB and its wall clock in s."""
    begun = time.perf_counter()
    process = os.posix_spawn(sys.executable, command, os.environ, file_actions=_QUIET)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024, time.perf_counter() - begun


_QUIET = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 120.0])
    parser.add_argument("--model", default="emodb-large")
    parser.add_argument("--segments", action="store_true")
    options = parser.parse_args()
    command = [sys.executable, "-m", "ser_pcq.cli.predict", "--model", options.model]
    command += ["--speech", "energy", *(["--segments"] if options.segments else [])]
    print("minutes\tpeak MB\ts")
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "long.wav")
            write_speech(path, minutes)
            megabytes, seconds = peak_memory([*command, str(path)])
        print(f"{minutes:g}\t{megabytes:.1f}\t{seconds:.1f}", flush=True)


if __name__ == "__main__":
    main()
