"""One line for each recording: a JSON object with everything that is known about it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from ser_pcq.files import rounded
from ser_pcq.inference.formats.format import Layout, each_channel
from ser_pcq.inference.prediction import Prediction


def lines(predictions: Iterable[Prediction], layout: Layout) -> Iterator[str]:
    """Yield a line for each recording: the fields of `Prediction`, numbers with six decimals.

    `segments` is left out where there are none, `channel` where the channels were mixed, and
    `utterance` where the recording has no id. A recording whose channels were split has a line for
    each.

    Args:
        predictions: What to write.
        layout: Not needed: each object names its own labels.
    """
    for p in each_channel(predictions):
        record = rounded(asdict(p))
        record["reason"] = None if p.reason is None else str(p.reason)
        record["warnings"] = [str(warning) for warning in p.warnings]
        if not p.segments:
            del record["segments"]
        if p.channel is None:
            del record["channel"]
        if p.utterance is None:
            del record["utterance"]
        del record["channels"]
        # ASCII only: file names may hold bytes that are not valid UTF-8.
        yield json.dumps(record) + "\n"
