"""A line of a journal: the result for a recording, and what its file was like then."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ser_pcq.errors import Reason
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
from ser_pcq.inference.span import WHOLE, Span

Stamp = list[float] | None
"""Size and time of a file, and begin and end of a part of it; None where there is no file."""

_NO_DECODER = "no_decoder"
_RETRIED = (f'"status": "{Status.ERROR.value}"'.encode(), f'"word": "{_NO_DECODER}"'.encode())


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


def is_retried(prediction: Prediction) -> bool:
    """Tell whether what kept a recording from being judged may be gone: memory, or a decoder."""
    reason = prediction.reason
    lacked_decoder = reason is not None and reason.word == _NO_DECODER
    return prediction.status is Status.ERROR or lacked_decoder


def says_retried(line: bytes) -> bool:
    """Tell whether the result of a line `is_retried`, without reading it."""
    return any(mark in line for mark in _RETRIED)  # quotes within text are escaped


def stamp_of(path: Path, span: Span = WHOLE) -> Stamp:
    """Return what a file, or a part of it, is known by."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    part = [] if span.is_whole else [span.start or 0.0, -1.0 if span.end is None else span.end]
    return [status.st_size, status.st_mtime_ns, *part]


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
