"""Time one fold of a discriminant: what `ser-train` does once the features are there.

Makes features of speakers and emotions whose variances fall as those of an encoder's statistics do,
and fits with the shrinkages of recipes/conf/whisper-discriminant.toml, leaving out one group of
speakers after the other for the temperature. Each number of recordings has a process of its own.
Prints tab-separated lines: recordings, processor time and wall clock in s, peak memory in MB with
and without what the process holds before it fits, and the processor time as a multiple of that of
one matrix product, (recording, feature) by (feature, recording), which compares computers.

    OMP_NUM_THREADS=1 python benchmarks/fitting.py --recordings 1000 2500 5000 10000
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CLASSES = 6
SHRINKAGES = (0.7, 0.8, 0.9)
FACTORS = 400  # directions in which recordings differ more than by noise


def write_features(path: Path, recordings: int, features: int, speakers: int, seed: int) -> None:
    """Write the features of a set, (recording, feature), in single precision.

    The largest variances of such statistics, over their mean, are about 290 / (1 + k / 3) for the
    k-th direction: measured on nEMO with the statistics of whisper-discriminant.
    """
    random = np.random.default_rng(seed)
    strength = np.sqrt(290 / (1 + np.arange(FACTORS) / 3))
    shape = random.standard_normal((FACTORS, features), np.float32) * strength[:, None] / 20
    of_speaker = random.standard_normal((speakers, FACTORS), np.float32)
    of_emotion = random.standard_normal((CLASSES, FACTORS), np.float32)
    values = np.lib.format.open_memmap(path, "w+", "<f4", (recordings, features))
    emotions, groups = emotions_and_speakers(recordings, speakers)
    for begin in range(0, recordings, 1000):
        rows = slice(begin, min(begin + 1000, recordings))
        own = random.standard_normal((rows.stop - begin, FACTORS), np.float32)
        own += 0.7 * of_speaker[groups[rows]] + 0.5 * of_emotion[emotions[rows]]
        noise = random.standard_normal((len(own), features), np.float32)
        values[rows] = own @ shape + 0.6 * noise + 3.0
    values.flush()


def emotions_and_speakers(recordings: int, speakers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the emotion and the speaker of each recording, (recording,)."""
    places = np.arange(recordings)
    return places // speakers % CLASSES, places % speakers


def fit(folder: Path, speakers: int) -> dict[str, float]:
    """Fit to the sets in a folder, and return what that took; call it in a process of its own."""
    from ser_pcq.training.linear.discriminant import Discriminant
    from ser_pcq.training.linear.lazy_sets import LazySets
    from ser_pcq.training.linear.sample import SampleSets
    from ser_pcq.training.linear.selection import choose_and_fit

    paths = {path.stem: path for path in sorted(folder.glob("*.npy"))}
    kept = LazySets(paths, lambda name: np.load(paths[name], mmap_mode="r"))
    recordings = len(kept["set_0"])
    emotions, groups = emotions_and_speakers(recordings, speakers)
    rows = np.arange(recordings)
    sets = LazySets(kept, lambda name: kept[name][rows])  # as `Table` takes the rows of a side
    before = _peak()
    wall, processor = time.perf_counter(), time.process_time()
    sample = SampleSets(sets, emotions, groups, CLASSES)
    choose_and_fit(sample, Discriminant(SHRINKAGES), average=True)
    return {
        "processor": time.process_time() - processor,
        "wall": time.perf_counter() - wall,
        "peak": _peak(),
        "more": _peak() - before,
    }


def product(folder: Path) -> float:
    """Return the processor time of one matrix product with a set in a folder, in s."""
    values = np.load(min(folder.glob("*.npy")))
    begun = time.process_time()
    _ = values @ values.T.copy()
    return time.process_time() - begun


def _peak() -> float:
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_process(*options: str) -> dict[str, float]:
    """Run this file in a process of its own; return the numbers that it prints."""
    command = [sys.executable, __file__, *options]
    numbers: dict[str, float] = json.loads(subprocess.check_output(command, text=True))
    return numbers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, nargs="+", default=[1000, 2500, 5000, 10_000])
    parser.add_argument("--features", type=int, default=5120)
    parser.add_argument("--sets", type=int, default=2)
    parser.add_argument("--speakers", type=int, default=20)
    parser.add_argument("--fit", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--product", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(json.dumps(fit(options.fit, options.speakers)))
        return
    if options.product:
        print(json.dumps({"processor": product(options.product)}))
        return
    print("recordings\tprocessor s\twall s\tpeak MB\tof fitting MB\tproducts")
    speakers = ["--speakers", str(options.speakers)]
    for recordings in options.recordings:
        with tempfile.TemporaryDirectory() as name:
            for k in range(options.sets):
                path = Path(name, f"set_{k}.npy")
                write_features(path, recordings, options.features, options.speakers, k)
            spent = _in_process("--fit", name, *speakers)
            bare = _in_process("--product", name)["processor"]
        row = [spent["processor"], spent["wall"], spent["peak"], spent["more"]]
        numbers = "\t".join(f"{value:.1f}" for value in [*row, spent["processor"] / bare])
        print(f"{recordings}\t{numbers}", flush=True)


if __name__ == "__main__":
    main()
