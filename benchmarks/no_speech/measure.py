"""How many sounds without speech are refused or flagged, and how much speech is.

    python benchmarks/no_speech/measure.py MODEL OUT/test path/to/ravdess path/to/nemo …

Prints for each kind of sound in OUT/test, which `collect.py` wrote, and for each data directory of
speech, how many recordings are refused with `no_speech` and how many get `perhaps_no_speech`; and
what the head costs.
"""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from ser_pcq import load
from ser_pcq.audio.find import find_audio
from ser_pcq.audio.waveform import read_waveform
from ser_pcq.data import directory
from ser_pcq.inference.predictor import Predictor
from ser_pcq.models.classifier import judged


def counted(predictor: Predictor, paths: Iterable[Path]) -> tuple[int, int, int]:
    """Return how many recordings there are, are refused, and are flagged."""
    n = refused = flagged = 0
    for prediction in predictor.predict_all(map(str, paths)):
        n += 1
        refused += prediction.reason is not None and prediction.reason.word == "no_speech"
        flagged += any(one.word == "perhaps_no_speech" for one in prediction.warnings)
    return n, refused, flagged


def line(name: str, n: int, refused: int, flagged: int) -> None:
    """Print a row of the table."""
    either = refused + flagged
    print(f"| {name} | {n} | {refused / n:.1%} | {either / n:.1%} |", flush=True)


def cost(predictor: Predictor, paths: list[Path], repeats: int = 5) -> None:
    """Print how long predicting takes with and without the head."""
    waves = [read_waveform(path) for path in paths]
    judges = {
        "without": predictor.classifier.probabilities,
        "with": lambda one: judged(predictor.classifier, one),
    }
    best: dict[str, list[float]] = {name: [float("inf")] * len(waves) for name in judges}
    for _ in range(repeats):
        for k, wave in enumerate(waves):
            for name, judge in judges.items():
                start = time.process_time()
                judge([wave])
                best[name][k] = min(best[name][k], time.process_time() - start)
    share = sum(best["with"]) / sum(best["without"]) - 1
    each = 1000 * sum(best["without"]) / len(waves)
    print(f"the head: {share:+.1%} of {each:.1f} ms a recording")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("sounds", type=Path)
    parser.add_argument("speech", type=Path, nargs="*")
    options = parser.parse_args()
    predictor = load(options.model)
    print("| | recordings | refused | refused or flagged |\n| --- | --- | --- | --- |")
    total = [0, 0, 0]
    for kind in sorted(path for path in options.sounds.iterdir() if path.is_dir()):
        counts = counted(predictor, find_audio([kind]))
        total = [a + b for a, b in zip(total, counts, strict=True)]
        line(kind.name, *counts)
    line("all sounds", *total)
    speech: list[Path] = []
    for folder in options.speech:
        speech = [one.audio for one in directory.read(folder).utterances]
        line(f"speech: {folder.name}", *counted(predictor, speech))
    cost(predictor, (speech or find_audio([options.sounds]))[:50])


if __name__ == "__main__":
    main()
