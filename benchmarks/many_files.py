"""Time `ser-predict` on a folder of very many short files, including bad ones.

Links a few recordings of half a second, and one file that is not audio, under many names, and runs
the whole command on them. Prints tab-separated lines: processes, files, seconds, and whether every
file has its row, in order.

    python benchmarks/many_files.py --files 10000 --jobs 1 2
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "neutral.wav"


def fill(folder: Path, n_files: int) -> None:
    """Make the files; every tenth of them is bad."""
    samples, rate = soundfile.read(EXAMPLE)
    stock = [folder / f"stock{k}" for k in range(4)]
    for k, path in enumerate(stock[:3]):
        first = round(0.4 * k * rate)
        soundfile.write(path, samples[first : first + rate // 2], rate, format="WAV")
    stock[3].write_text("no audio")
    (folder / "many").mkdir()
    for k in range(n_files):
        os.link(stock[3 if k % 10 == 7 else k % 3], folder / "many" / f"{k:06d}.wav")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", default="emodb-large")
    options = parser.parse_args()
    command = [sys.executable, "-m", "ser_pcq.cli.predict", "--model", options.model]
    print("processes\tfiles\ts\tall there")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, options.files)
        for jobs in options.jobs:
            output = folder / f"{jobs}.csv"
            call = [*command, str(folder / "many"), "--output", str(output), "--jobs", str(jobs)]
            begun = time.perf_counter()
            subprocess.run(call, check=False, capture_output=True)
            spent = time.perf_counter() - begun
            with output.open(encoding="utf-8", newline="") as file:
                told = [Path(row["path"]).name for row in csv.DictReader(file)]
            is_whole = told == [f"{k:06d}.wav" for k in range(options.files)]
            print(f"{jobs}\t{options.files}\t{spent:.1f}\t{is_whole}", flush=True)


if __name__ == "__main__":
    main()
