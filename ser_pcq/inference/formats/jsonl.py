"""One JSON object for each recording, on a line of its own: all that is known."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from ser_pcq.files import rounded
from ser_pcq.inference.prediction import Prediction


def lines(predictions: Iterable[Prediction], labels: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a line for each recording: the fields of `Prediction`, numbers with six decimals.

    `segments` is there only where there are some.

    Args:
        predictions: What to write.
        labels: Not needed: each object names its own.
    """
    for p in predictions:
        record = rounded(asdict(p))
        if not p.segments:
            del record["segments"]
        # ASCII only: file names may hold bytes that are no UTF-8.
        yield json.dumps(record) + "\n"
