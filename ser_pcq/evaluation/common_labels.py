"""What the emotions of a model and those of a data directory have in common.

A model is scored on other data only where both mean the same by their labels. A mapping renames
those of either side; probabilities of emotions that get one name are added up. On shared emotions
only, utterances of the others are left out, and the model has to choose among the shared ones:
their probabilities are normalised anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ser_pcq.data.directory import DataDir
from ser_pcq.errors import DataError, suggest


@dataclass(frozen=True)
class CommonLabels:
    """The labels that a model is scored with.

    Attributes:
        labels: In sorted order.
        columns: For each label the outputs of the model that mean it.
        left_out: Emotion of the data to the number of its utterances that are not scored.
        unused: Emotions of the model that it may not answer.
        renamed: Emotion of either side to its new name.
        idle: Emotions that were to be renamed, and that neither side has.
    """

    labels: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    left_out: dict[str, int]
    unused: tuple[str, ...]
    renamed: Mapping[str, str]
    idle: tuple[str, ...]

    def merge(self, probabilities: Sequence[float]) -> tuple[float, ...]:
        """Return the probabilities of `labels` from those of the model's outputs, (class,).

        Where the model gives all of them no chance, they are alike.
        """
        merged = [sum(probabilities[i] for i in columns) for columns in self.columns]
        total = sum(merged)
        if total <= 0:
            return (1 / len(merged),) * len(merged)
        return tuple(value / total for value in merged)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what makes scores on these labels another task than the model's, a line each."""
        notes = []
        if self.renamed:
            names = ", ".join(f"{old} to {new}" for old, new in self.renamed.items())
            notes.append(f"emotions were renamed: {names}")
        if self.idle:
            notes.append(f"neither side has what was to be renamed: {', '.join(self.idle)}")
        if self.left_out:
            counts = ", ".join(f"{label} {n}" for label, n in self.left_out.items())
            notes.append(f"left out, as the model does not know the emotion: {counts}")
        if self.left_out or self.unused:
            others = f"; never {', '.join(self.unused)}" if self.unused else ""
            notes.append(f"the model chose among {', '.join(self.labels)} only{others}")
        return tuple(notes)


def common_labels(
    model_labels: Sequence[str],
    data: DataDir,
    mapping: Mapping[str, str],
    *,
    shared_only: bool,
) -> tuple[CommonLabels, DataDir]:
    """Bring the labels of a model and of a data directory together.

    Args:
        model_labels: In the order of the model's outputs.
        data: With its own labels.
        mapping: Old name to new one, for both sides.
        shared_only: Score only on the emotions that both sides have after mapping; otherwise the
            model must know every emotion of the data, and may answer any emotion that it knows.

    Returns:
        The labels, and the data with their names, without the utterances that are not scored.

    Raises:
        DataError: When fewer than two emotions are shared; and, unless `shared_only`, when a mapped
            label occurs on neither side, or the model does not know all emotions of the data.
    """
    idle = _idle(mapping, {*model_labels, *data.labels}, refused=not shared_only)
    columns: dict[str, list[int]] = {}
    for i, label in enumerate(model_labels):
        columns.setdefault(mapping.get(label, label), []).append(i)
    counts = Counter(mapping.get(u.emotion, u.emotion) for u in data.utterances)
    unknown = {label: counts[label] for label in sorted(counts) if label not in columns}
    if unknown and not shared_only:
        raise DataError(
            "the model does not know emotions of the data",
            given=", ".join(f"{label} ({n} utterances)" for label, n in unknown.items()),
            accepted=", ".join(sorted(columns)),
            do="rename them with --map OLD=NEW, or score with --shared-classes on the emotions "
            "that both have",
        )
    labels = sorted(columns.keys() & counts.keys()) if shared_only else sorted(columns)
    if len(labels) < 2:
        raise DataError(
            "model and data share too few emotions",
            given=f"model: {', '.join(sorted(columns))}; data: {', '.join(sorted(counts))}",
            accepted="two or more in common",
            do="rename emotions of either side with --map OLD=NEW",
        )
    common = CommonLabels(
        tuple(labels),
        tuple(tuple(columns[label]) for label in labels),
        unknown,
        tuple(sorted(columns.keys() - set(labels))),
        {old: new for old, new in mapping.items() if old != new and old not in idle},
        idle,
    )
    renamed = (replace(u, emotion=mapping.get(u.emotion, u.emotion)) for u in data.utterances)
    scored = tuple(u for u in renamed if u.emotion in labels)
    return common, replace(data, utterances=scored)


def _idle(mapping: Mapping[str, str], known: set[str], *, refused: bool) -> tuple[str, ...]:
    """Return what was to be renamed and does not occur; refuse it if asked to."""
    idle = tuple(label for label in mapping if label not in known)
    if idle and refused:
        raise DataError(
            "neither the model nor the data has this emotion",
            given=idle[0],
            do=suggest(idle[0], known),
        )
    return idle
