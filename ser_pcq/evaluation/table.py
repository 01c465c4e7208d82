"""The table of predictions: one row per utterance, written and read as CSV.

Columns: `utterance_id,speaker,fold,reference,prediction`, then one column of probabilities per
label, named by the label and in the label order of the model. What is read is checked, so that
everything later may trust a table.
"""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.metrics import Confusion
from ser_pcq.files import whole_file

if TYPE_CHECKING:
    import pandas

Key = TypeVar("Key", int, str)

# What the only run of a system is called where no seed has given it a name.
RUN = "run"

# The name of the table in a fold folder and in a report.
TABLE = "predictions.csv"
FIXED_COLUMNS = ("utterance_id", "speaker", "fold", "reference", "prediction")

# How far the probabilities of an utterance may be from summing to 1.
SUM_TOLERANCE = 1e-3
# Six decimals are written, so two probabilities nearer than this may have changed places.
TIE_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class UtterancePrediction:
    """What was answered for one utterance.

    Attributes:
        utterance_id: Its name, once per table.
        speaker: Who speaks.
        fold: The fold that tested it, from 1.
        reference: The label that is right.
        prediction: The label that was answered.
        probabilities: One per label, in the order of the labels, each in [0, 1], summing to 1.
    """

    utterance_id: str
    speaker: str
    fold: int
    reference: str
    prediction: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Predictions:
    """Rows over one label set.

    Attributes:
        labels: The label set, in the order of the probabilities.
        rows: One per utterance.
    """

    labels: tuple[str, ...]
    rows: tuple[UtterancePrediction, ...]

    def confusion(self) -> Confusion:
        """Count the answers.

        Raises:
            ScoreError: When a row holds an unknown label.
        """
        return Confusion.from_labels(
            [row.reference for row in self.rows], [row.prediction for row in self.rows], self.labels
        )

    def by_fold(self) -> dict[int, "Predictions"]:
        """Return the rows of each fold, in the order of the fold numbers."""
        return self._group(lambda row: row.fold)

    def by_speaker(self) -> dict[str, "Predictions"]:
        """Return the rows of each speaker, in the order of their names."""
        return self._group(lambda row: row.speaker)

    def to_frame(self) -> "pandas.DataFrame":
        """Return the table as a data frame: the columns of `predictions.csv`, one row each."""
        # Imported here, so that only callers of this method wait for it.
        import pandas

        plain = ["utterance_id", "speaker", "fold", "reference", "prediction"]
        rows = [[*(getattr(row, key) for key in plain), *row.probabilities] for row in self.rows]
        return pandas.DataFrame(rows, columns=[*plain, *self.labels])

    def _group(self, key: Callable[[UtterancePrediction], Key]) -> dict[Key, "Predictions"]:
        """Return the rows under each value of `key`, sorted by it."""
        groups: dict[Key, list[UtterancePrediction]] = {}
        for row in self.rows:
            groups.setdefault(key(row), []).append(row)
        return {name: Predictions(self.labels, tuple(groups[name])) for name in sorted(groups)}


def merge(tables: Iterable[Predictions]) -> Predictions:
    """Join tables of different folds; rows come out sorted by utterance id.

    Raises:
        ScoreError: Without tables, with different labels, or when an utterance is there twice.
    """
    parts = list(tables)
    if not parts:
        raise ScoreError("there are no predictions to merge")
    labels = parts[0].labels
    fold_of: dict[str, int] = {}
    for part in parts:
        if part.labels != labels:
            raise ScoreError(
                "tables with different labels cannot be merged",
                given=f"{', '.join(labels)} and {', '.join(part.labels)}",
            )
        for row in part.rows:
            if row.utterance_id in fold_of:
                raise ScoreError(
                    "an utterance was tested twice",
                    given=f"{row.utterance_id} in fold {fold_of[row.utterance_id]} "
                    f"and in fold {row.fold}",
                )
            fold_of[row.utterance_id] = row.fold
    rows = (row for part in parts for row in part.rows)
    return Predictions(labels, tuple(sorted(rows, key=lambda row: row.utterance_id)))


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write a table, sorted by utterance id; equal predictions give equal bytes.

    Raises:
        ScoreError: When the table holds what `read_predictions` would refuse.
    """
    labels = predictions.labels
    _check_labels(labels, f"cannot write {path}")
    if not predictions.rows:
        raise ScoreError(f"cannot write {path}: there are no predictions")
    rows = merge([predictions]).rows
    for row in rows:
        _check_row(row, labels, f"cannot write {path}, utterance {row.utterance_id}")
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*FIXED_COLUMNS, *labels])
        for row in rows:
            start = (row.utterance_id, row.speaker, row.fold, row.reference, row.prediction)
            # abs: rounding can leave a negative zero, and the range is checked already.
            writer.writerow([*start, *(f"{abs(p):.6f}" for p in row.probabilities)])


def read_predictions(path: Path) -> Predictions:
    """Read and check a table; rows come out sorted by utterance id.

    Raises:
        ScoreError: Naming file and line, when the file cannot be read, the header does not fit, or
            a row has an utterance id that an earlier one has, an unknown label, invalid
            probabilities, or an answer that is not the most probable label.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            labels = _read_header(next(reader, []), path)
            rows: dict[str, UtterancePrediction] = {}
            first_line: dict[str, int] = {}
            for cells in reader:
                place = f"{path}, line {reader.line_num}"
                row = _read_row(cells, labels, place)
                if row.utterance_id in rows:
                    raise ScoreError(
                        f"{place}: the utterance is in the table already",
                        given=f"{row.utterance_id}, first in line {first_line[row.utterance_id]}",
                    )
                rows[row.utterance_id] = row
                first_line[row.utterance_id] = reader.line_num
    except OSError as error:
        raise ScoreError(
            "cannot read the predictions", given=f"{path} ({error.strerror})"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScoreError(f"{path} is not a CSV table in UTF-8", given=error) from error
    if not rows:
        raise ScoreError(f"{path} holds no predictions")
    return Predictions(labels, tuple(rows[name] for name in sorted(rows)))


def _read_header(cells: list[str], path: Path) -> tuple[str, ...]:
    """Return the labels that the header names."""
    n_fixed = len(FIXED_COLUMNS)
    if tuple(cells[:n_fixed]) != FIXED_COLUMNS:
        raise ScoreError(
            f"{path}, line 1: not the header of a table of predictions",
            given=",".join(cells) or "nothing",
            accepted=",".join(FIXED_COLUMNS) + " and one column per label",
        )
    labels = tuple(cells[n_fixed:])
    _check_labels(labels, f"{path}, line 1")
    return labels


def _read_row(cells: list[str], labels: tuple[str, ...], place: str) -> UtterancePrediction:
    """Return one row, checked."""
    n_columns = len(FIXED_COLUMNS) + len(labels)
    if len(cells) != n_columns:
        raise ScoreError(f"{place}: wrong number of columns", given=len(cells), accepted=n_columns)
    utterance_id, speaker, fold, reference, prediction, *shares = cells
    try:
        probabilities = tuple(float(share) for share in shares)
    except ValueError as error:
        raise ScoreError(f"{place}: a probability is not a number", given=error) from error
    # The length is limited as Python refuses to convert thousands of digits.
    if not (fold.isascii() and fold.isdigit() and len(fold) < 10):
        raise ScoreError(f"{place}: fold must be a whole number from 1", given=repr(fold))
    row = UtterancePrediction(
        utterance_id, speaker, int(fold), reference, prediction, probabilities
    )
    _check_row(row, labels, place)
    return row


def _check_labels(labels: tuple[str, ...], place: str) -> None:
    """Refuse labels that are empty, repeated or fewer than two."""
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(labels):
        raise ScoreError(
            f"{place}: the label set does not fit",
            given=", ".join(map(repr, labels)) or "no labels",
            accepted="two or more names, each once",
        )


def _check_row(row: UtterancePrediction, labels: tuple[str, ...], place: str) -> None:
    """Refuse a row that contradicts itself or the label set."""
    if not row.utterance_id or not row.speaker:
        raise ScoreError(f"{place}: utterance_id and speaker must not be empty")
    if row.fold < 1:
        raise ScoreError(f"{place}: fold must be a whole number from 1", given=row.fold)
    for column in ("reference", "prediction"):
        label = getattr(row, column)
        if label not in labels:
            raise ScoreError(
                f"{place}: unknown label in column {column}",
                given=repr(label),
                accepted=", ".join(labels),
            )
    shares = row.probabilities
    if len(shares) != len(labels):
        raise ScoreError(
            f"{place}: wrong number of probabilities", given=len(shares), accepted=len(labels)
        )
    # Softmax in single precision may end a hair above 1, hence the rounding to what is written;
    # NaN fails every comparison, so it is refused here too.
    if not all(0 <= round(share, 6) <= 1 for share in shares):
        raise ScoreError(
            f"{place}: a probability is outside [0, 1]", given=", ".join(map(str, shares))
        )
    if abs(sum(shares) - 1) > SUM_TOLERANCE:
        raise ScoreError(
            f"{place}: the probabilities do not sum to 1", given=f"a sum of {sum(shares):.6f}"
        )
    if shares[labels.index(row.prediction)] < max(shares) - TIE_TOLERANCE:
        best = labels[max(range(len(shares)), key=shares.__getitem__)]
        raise ScoreError(
            f"{place}: the prediction is not the most probable label",
            given=f"{row.prediction}, while {best} has the highest probability",
        )
