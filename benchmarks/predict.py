"""Time prediction against openSMILE on the same recordings, on one thread.

Prints tab-separated lines: what was timed, processor milliseconds for a second of speech, and that
as a share of what openSMILE takes to compute its eGeMAPSv02 functionals. From file to answer, all
of them taking turns on all files, in rounds, so that other work on the machine affects all of them
alike; the median over the rounds. Then where the time of a prediction goes, the wall clock time of
a whole `ser-predict FILE`, and on how many files the embedded graph and torch give the same answer.

    python benchmarks/predict.py path/to/emodb/wav --files 60
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

MODELS = ("emodb-large", "voices-large", "emodb-small", "voices-small")


def contenders() -> dict[str, Callable[[Path], object]]:
    """Return what is timed, by name; openSMILE is the unit."""
    import opensmile
    import torch

    from ser_pcq.inference.predictor import Predictor, load
    from ser_pcq.models.checkpoint import load_checkpoint

    torch.set_num_threads(1)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    named: dict[str, Callable[[Path], object]] = {
        "openSMILE eGeMAPSv02": lambda path: smile.process_file(str(path))
    }
    for model in MODELS:
        named[model] = load(model).predict
        named[f"{model}, torch"] = Predictor(load_checkpoint(model)).predict
    return named


def measure(files: list[Path], rounds: int) -> None:
    """Print processor time for a second of speech."""
    from ser_pcq.audio.waveform import duration

    named = contenders()
    for run in named.values():
        run(files[0])
    seconds = sum(map(duration, files))
    totals: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(rounds):
        for name, run in named.items():
            begun = time.process_time()
            for file in files:
                run(file)
            totals[name].append(1000 * (time.process_time() - begun) / seconds)
    medians = {name: statistics.median(values) for name, values in totals.items()}
    unit = next(iter(medians.values()))
    print("what\tms for 1 s\tof openSMILE")
    for name, value in medians.items():
        print(f"{name}\t{value:.2f}\t{value / unit:.3f}")


def measure_steps(files: list[Path], rounds: int) -> None:
    """Print the processor time of the steps of a prediction, for a second of speech."""
    from ser_pcq import load
    from ser_pcq.audio.steady_sound import SteadyMeter
    from ser_pcq.audio.waveform import duration
    from ser_pcq.inference.recording import listen

    def is_steady(path: Path) -> bool:
        meter = SteadyMeter()
        meter.add(heard[path].waveform)
        return meter.is_steady

    def graph(classifier: Any) -> Callable[[Path], object]:
        return lambda path: classifier.probabilities([heard[path].waveform])

    heard: Any = {path: listen(path) for path in files}
    steps: dict[str, Callable[[Path], object]] = {
        "read and look at the samples": listen,
        "is it a steady sound": is_steady,
    }
    for model in MODELS:
        steps[f"the graph of {model}"] = graph(load(model).classifier)
    seconds = sum(map(duration, files))
    for name, run in steps.items():
        times = []
        for _ in range(rounds):
            begun = time.process_time()
            for file in files:
                run(file)
            times.append(1000 * (time.process_time() - begun) / seconds)
        print(f"step: {name}\t{statistics.median(times):.2f}")


def measure_start(file: Path, rounds: int) -> None:
    """Print the wall clock of a whole command."""
    for model in MODELS:
        times = []
        for _ in range(rounds):
            begun = time.perf_counter()
            command = [sys.executable, "-m", "ser_pcq.cli.predict", str(file), "--model", model]
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.perf_counter() - begun)
        print(f"ser-predict one.wav --model {model}\t{1000 * statistics.median(times):.0f} ms")


def measure_agreement(files: list[Path]) -> None:
    """Print how often the embedded graphs answer as the models themselves do in torch."""
    named = contenders()
    for model in MODELS:
        same = sum(
            named[model](file).label == named[f"{model}, torch"](file).label  # type: ignore[attr-defined]
            for file in files
        )
        print(f"{model}: same decision as torch\t{same} of {len(files)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of WAV files")
    parser.add_argument("--files", type=int, default=60, help="that are timed, evenly spread")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.wav"))
    if not files:
        parser.error(f"no WAV file in {options.folder}")
    measure(files[:: max(1, len(files) // options.files)], options.rounds)
    measure_steps(files[:: max(1, len(files) // options.files)], options.rounds)
    measure_start(files[0], options.rounds)
    measure_agreement(files)


if __name__ == "__main__":
    main()
