"""Score the graphs of an experiment's models as the models themselves are scored.

The model of each fold is exported, and its graph judges the fold's test speaker, whom the model
has not heard. Prints tab-separated lines: what predicted, WA, UA and ECE in percent over all folds,
and for how many recordings the answer is that of torch.

    python benchmarks/graph_accuracy.py EXP_DIR path/to/data/emodb --precision int8
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.data import directory as datadir
from ser_pcq.data.utterance import Utterance
from ser_pcq.evaluation.calibration import calibration_of
from ser_pcq.evaluation.table import Predictions, UtterancePrediction, read_predictions
from ser_pcq.models.classifier_onnx import load_onnx
from ser_pcq.models.onnx_export.export import Precision, export_onnx


def by_graph(
    fold: Path, known: dict[str, Utterance], precision: Precision
) -> list[UtterancePrediction]:
    """Return the rows of a fold's test speaker with the answers of its graph."""
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(str(fold), Path(folder, "model.onnx"), precision=precision)
        classifier = load_onnx(Path(folder, "model.onnx"))
    rows = []
    for row in read_predictions(fold / "predictions.csv").rows:
        one = known[row.utterance_id]
        waveform = read_waveform(one.audio, start=one.start, end=one.end)
        scores = classifier.probabilities([waveform])[0]
        label = classifier.labels[int(scores.argmax())]
        rows.append(replace(row, prediction=label, probabilities=tuple(scores.tolist())))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exp_dir", type=Path)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--precision", choices=get_args(Precision), default="int8")
    options = parser.parse_args()
    known = {one.utterance_id: one for one in datadir.read(options.data_dir).utterances}
    folds = sorted(options.exp_dir.glob("fold_*"))
    if not folds:
        parser.error(f"no fold in {options.exp_dir}")
    torch_rows: list[UtterancePrediction] = []
    graph_rows: list[UtterancePrediction] = []
    for fold in folds:
        torch_rows += read_predictions(fold / "predictions.csv").rows
        graph_rows += by_graph(fold, known, options.precision)
        print(f"{fold.name}: {len(graph_rows)} of {len(known)} judged", file=sys.stderr)
    labels = read_predictions(folds[0] / "predictions.csv").labels
    print("what\tWA\tUA\tECE")
    for name, rows in (("torch", torch_rows), (f"graph, {options.precision}", graph_rows)):
        table = Predictions(labels, tuple(rows))
        confusion, ece = table.confusion(), calibration_of(table).ece
        shares = (confusion.weighted_accuracy, confusion.unweighted_accuracy, ece)
        print(name, *(f"{100 * share:.2f}" for share in shares), sep="\t")
    same = sum(a.prediction == b.prediction for a, b in zip(torch_rows, graph_rows, strict=True))
    print(f"same decision\t{same} of {len(torch_rows)}")


if __name__ == "__main__":
    main()
