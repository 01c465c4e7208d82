"""A line of a journal: the result for a recording, and what its file was like then."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ser_pcq.errors import Reason
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status

Stamp = list[int] | None
"""Size and time of a file; None where there is none."""

_ERROR = f'"status": "{Status.ERROR.value}"'.encode()


def encoded(record: dict[str, Any]) -> bytes:
    """Return a line; names that are not valid text are written with escapes."""
    return json.dumps(record).encode() + b"\n"


def json_of(line: bytes) -> object:
    """Return the content of a line; None where it is not JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def line_of(stamp: Stamp, prediction: Prediction) -> bytes:
    """Return the line of a result."""
    record = asdict(prediction)
    if prediction.utterance is None:
        del record["utterance"]  # as before there were any
    return encoded({"file": stamp, "prediction": record})


def read_line(line: bytes) -> tuple[Stamp, Prediction] | None:
    """Return what a line says; None where it says no result."""
    try:
        record: Any = json_of(line)
        return record["file"], _prediction(record["prediction"])
    except (KeyError, TypeError, ValueError):
        return None


def is_retried(line: bytes) -> bool:
    """Tell whether the result of a line is an error, which may not happen again."""
    return _ERROR in line  # quotes within text are escaped


def stamp_of(path: Path) -> Stamp:
    """Return size and time of a file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


def _prediction(record: dict[str, Any]) -> Prediction:
    """Build a prediction from its JSON."""
    reason = record["reason"]
    typed = {
        "status": Status(record["status"]),
        "reason": None if reason is None else _reason(reason),
        "warnings": tuple(map(_reason, record["warnings"])),
        "segments": tuple(EmotionSegment(**one) for one in record["segments"]),
        "channels": tuple(map(_prediction, record.get("channels", ()))),
    }
    return Prediction(**(record | typed))


def _reason(record: dict[str, Any] | str) -> Reason:
    """Build a reason from its JSON; version 0.1.0 wrote the line that is printed."""
    if isinstance(record, str):
        word, _, rest = record.partition(": ")
        sentence, *details = rest.split("; ")
        return Reason(word, sentence, tuple(details))
    return Reason(record["word"], record["sentence"], tuple(record["details"]))
