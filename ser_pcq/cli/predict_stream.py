"""How `ser-predict --stream` prints what it hears."""

import json
import sys
from collections.abc import Callable

import typer

from ser_pcq.cli.terminal import progress, standard_input
from ser_pcq.files import rounded
from ser_pcq.inference.formats.values import percent
from ser_pcq.inference.stream import LiveResult, PcmFormat


def print_stream(
    model: str | None, pcm_format: PcmFormat, speech: str, device: str, name: str, *, raw: bool
) -> None:
    """Print a line for each second of standard input, as soon as it is judged."""
    from ser_pcq.audio.speech import speech_detector
    from ser_pcq.cli.licence_notice import say_licence
    from ser_pcq.inference.stream import live, read_pcm
    from ser_pcq.inference.stream_content import read_stream
    from ser_pcq.models.classifier import load_classifier

    with progress("loading the model"):
        classifier = load_classifier(model or None, device=device)
    say_licence(classifier)
    content = standard_input("from the terminal")
    blocks = (read_pcm if raw else read_stream)(content, pcm_format)
    try:
        for result in live(blocks, classifier, speech_detector(speech)):
            typer.echo(STREAM_FORMATS[name](result))
            sys.stdout.flush()
    except KeyboardInterrupt:
        return  # how one stops listening to a microphone


def _table_line(result: LiveResult) -> str:
    """Return a result of a stream to read."""
    when = f"{result.start:9.2f} {result.end:9.2f} s"
    if result.emotion is None:
        return f"{when}  (no speech)"
    return f"{when}  {result.emotion.label:<12} {percent(result.emotion.confidence):>3} %"


def _json_line(result: LiveResult) -> str:
    """Return a result of a stream as one JSON object."""
    emotion = result.emotion
    record = {
        "start": result.start,
        "end": result.end,
        "is_speech": emotion is not None,
        "label": emotion and emotion.label,
        "confidence": emotion and emotion.confidence,
        "probabilities": emotion.probabilities if emotion else {},
        "behind": result.behind,
    }
    return json.dumps(rounded(record))


STREAM_FORMATS: dict[str, Callable[[LiveResult], str]] = {
    "table": _table_line,
    "jsonl": _json_line,
}
"""The formats that `--stream` can print, by their names."""
