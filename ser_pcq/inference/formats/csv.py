"""A table for programs: a row for each recording, or for each of its segments."""

import csv
import io
from collections.abc import Iterable, Iterator

from ser_pcq.inference.formats.format import Layout, each_channel
from ser_pcq.inference.formats.values import short
from ser_pcq.inference.prediction import Prediction


def lines(predictions: Iterable[Prediction], layout: Layout) -> Iterator[str]:
    """Yield the heading, then the rows of one recording after the other.

    The columns are path, status, reason, duration, label, confidence, a probability for each label,
    model, and warnings, joined by ` | `. Numbers have six decimals at most; missing values are
    empty.

    With `layout.segments` there is a row for each segment: `start` and `end` follow `duration`, and
    label, confidence and probabilities are those of the segment. A recording without segments has
    one row, with its own values and both times empty. With `layout.utterances` the id of the
    utterance follows the path, with `layout.channels` the number of the channel.

    Args:
        predictions: What to write.
        layout: All but the width is used.
    """
    labels = layout.labels
    times = ["start", "end"] if layout.segments else []
    place = ["utterance"] * layout.utterances + ["channel"] * layout.channels
    heading = [
        "path",
        *place,
        "status",
        "reason",
        "duration",
        *times,
        "label",
        "confidence",
        *labels,
    ]
    yield _row([*heading, "model", "warnings"])
    for p in each_channel(predictions):
        where = [p.utterance] * layout.utterances + [p.channel] * layout.channels
        about = [p.path, *where, p.status, p.reason, p.duration]
        last = [p.model, " | ".join(map(str, p.warnings))]
        rows = p.segments if layout.segments else ()
        for s in rows:
            shares = [s.probabilities.get(label) for label in labels]
            yield _row([*about, s.start, s.end, s.label, s.confidence, *shares, *last])
        if not rows:
            shares = [p.probabilities.get(label) for label in labels]
            none = [None] * len(times)
            yield _row([*about, *none, p.label, p.confidence, *shares, *last])


def _row(values: Iterable[object]) -> str:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(["" if v is None else short(v) for v in values])
    return line.getvalue()
