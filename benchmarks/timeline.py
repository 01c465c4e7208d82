"""Measure how well segments over time agree with known emotions that follow one another.

For each fold of an experiment, the recordings of its test speaker are laid end to end, in an order
drawn once, with pauses of digital silence between them: one long recording whose emotion is known
at every moment. The fold's model, which has not heard this speaker, gives its timeline. Prints
tab-separated lines: the share of the time of speech (the recordings) with the right emotion, with a
wrong one and with none, for recordings of one emotion laid together and for emotions that change
from recording to recording; then the answers of the same models for each recording alone.

    python benchmarks/timeline.py EXP_DIR path/to/data/emodb
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import speech_detector
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform
from ser_pcq.data import directory as datadir
from ser_pcq.evaluation.table import read_predictions
from ser_pcq.inference.timeline.timeline import EmotionTimeline
from ser_pcq.models.checkpoint import load_checkpoint
from ser_pcq.models.classifier import Classifier

PAUSE = 0.7  # s
STEP = 0.01  # s


def told_labels(
    classifier: Classifier, parts: list[NDArray[np.float32]], detector: str
) -> list[list[str | None]]:
    """Return the label of every step of each part in the timeline; None in a pause."""
    pause = np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)
    starts, at, sound = [], 0, []
    for part in parts:
        starts.append(at)
        sound += [part, pause]
        at += len(part) + len(pause)
    timeline = EmotionTimeline(classifier, speech_detector(detector))
    steps: list[str | None] = [None] * (round(at / SAMPLE_RATE / STEP) + 1)
    for segment in timeline.segments(sound):
        for k in range(round(segment.start / STEP), round(segment.end / STEP)):
            steps[k] = segment.label
    return [
        steps[round(first / SAMPLE_RATE / STEP) : round((first + len(part)) / SAMPLE_RATE / STEP)]
        for first, part in zip(starts, parts, strict=True)
    ]


def shares(pairs: Iterable[tuple[str, str | None]]) -> str:
    """Return right, wrong and none in percent, tab-separated."""
    counts = Counter(
        "none" if told is None else ("right" if told == known else "wrong") for known, told in pairs
    )
    total = sum(counts.values())
    return "\t".join(f"{100 * counts[kind] / total:.1f}" for kind in ("right", "wrong", "none"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exp_dir", type=Path)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--speech", default="energy")
    options = parser.parse_args()
    known = {u.utterance_id: u for u in datadir.read(options.data_dir).utterances}
    names = ("one emotion", "changing", "alone")
    results: dict[str, list[tuple[str, str | None]]] = {name: [] for name in names}
    for fold in sorted(options.exp_dir.glob("fold_*")):
        classifier = load_checkpoint(str(fold))
        rows = read_predictions(fold / "predictions.csv").rows
        order = np.random.default_rng(0).permutation(len(rows))
        drawn = [known[rows[k].utterance_id] for k in order]
        alone = {row.utterance_id: row.prediction for row in rows}
        for name in ("changing", "one emotion"):
            if name == "one emotion":
                drawn = sorted(drawn, key=lambda u: u.emotion)
            parts = [read_waveform(u.audio, start=u.start, end=u.end) for u in drawn]
            told = told_labels(classifier, parts, options.speech)
            for u, labels in zip(drawn, told, strict=True):
                results[name] += [(u.emotion, label) for label in labels]
                if name == "changing":
                    results["alone"] += [(u.emotion, alone[u.utterance_id])] * len(labels)
    print("recordings\tright\twrong\tnone")
    for name, pairs in results.items():
        print(f"{name}\t{shares(pairs)}")


if __name__ == "__main__":
    main()
