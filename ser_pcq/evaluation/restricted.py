"""Stored predictions with fewer labels to choose from, for scores that compare across corpora."""

from collections.abc import Sequence
from dataclasses import replace

from ser_pcq.errors import ScoreError, suggest
from ser_pcq.evaluation.collect import StoredExperiment, StoredRun
from ser_pcq.evaluation.table import Predictions


def restricted(experiment: StoredExperiment, labels: Sequence[str]) -> StoredExperiment:
    """Leave out utterances of other emotions, and let the model choose among these only.

    Args:
        experiment: What was predicted.
        labels: Two or more of its labels, in any order.

    Returns:
        The same runs with these labels, and a note in their proof.

    Raises:
        ScoreError: When a label is not known, there are fewer than two, or no utterance is left.
    """
    return replace(
        experiment,
        runs={name: _restricted(run, labels) for name, run in experiment.runs.items()},
    )


def _restricted(run: StoredRun, labels: Sequence[str]) -> StoredRun:
    """Restrict one run."""
    predictions = of_labels(run.predictions, labels)
    n_left_out = len(run.predictions.rows) - len(predictions.rows)
    note = f"the model chose among {', '.join(predictions.labels)} only"
    if n_left_out:
        note += f"; {n_left_out} utterances of other emotions are left out"
    proof = replace(run.proof, notes=(*run.proof.notes, note))
    return replace(run, predictions=predictions, proof=proof)


def of_labels(predictions: Predictions, labels: Sequence[str]) -> Predictions:
    """Return the utterances of some emotions, with probabilities that sum to 1 over these.

    Where a model gives all of them no chance, they are alike.
    """
    known = predictions.labels
    for label in labels:
        if label not in known:
            raise ScoreError(
                "no such emotion in the predictions",
                given=label,
                do=suggest(label, known),
            )
    kept = [label for label in known if label in set(labels)]
    if len(kept) < 2:
        raise ScoreError(
            "too few emotions", given=", ".join(kept) or "none", accepted="two or more"
        )
    columns = [known.index(label) for label in kept]
    rows = []
    for row in predictions.rows:
        if row.reference not in kept:
            continue
        shares = [row.probabilities[i] for i in columns]
        total = sum(shares)
        shares = [s / total for s in shares] if total > 0 else [1 / len(kept)] * len(kept)
        answer = kept[max(range(len(kept)), key=shares.__getitem__)]
        rows.append(replace(row, prediction=answer, probabilities=tuple(shares)))
    if not rows:
        raise ScoreError("no utterance has one of these emotions", given=", ".join(kept))
    return Predictions(tuple(kept), tuple(rows))
