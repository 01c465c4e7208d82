"""How `ser-predict --stream` prints what it hears."""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from ser_pcq.cli.terminal import progress, say, standard_input
from ser_pcq.files import rounded
from ser_pcq.inference.formats.values import percent
from ser_pcq.inference.stream import LiveResult, PcmFormat
from ser_pcq.models.classifier import Classifier
from ser_pcq.models.folder import default_model

if TYPE_CHECKING:
    from ser_pcq.inference.own_voice.streaming import StreamVoice


def print_stream(
    model: str | None,
    pcm_format: PcmFormat,
    speech: str,
    device: str,
    name: str,
    *,
    raw: bool,
    own_voice: bool,
) -> None:
    """Print a line for each second of standard input, as soon as it is judged.

    With `own_voice` stderr says when the model is adapted to the voice, or at the end why not.
    """
    from ser_pcq.audio.speech import speech_detector
    from ser_pcq.cli.licence_notice import say_licence
    from ser_pcq.inference.stream import live, read_pcm
    from ser_pcq.inference.stream_content import read_stream
    from ser_pcq.models.classifier import load_classifier

    model = model or default_model()
    with progress("loading the model"):
        classifier = load_classifier(model, device=device)
        voice = _own_voice(classifier, model) if own_voice else None
    say_licence(classifier)
    content = standard_input("from the terminal")
    blocks = (read_pcm if raw else read_stream)(content, pcm_format)
    try:
        told = False
        for result in live(blocks, classifier, speech_detector(speech), own_voice=voice):
            if result.is_adapted and not told and voice is not None:
                say(f"ser-predict: {voice.beginning()}")
                told = True
            typer.echo(STREAM_FORMATS[name](result))
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass  # how one stops listening to a microphone
    if voice is not None and (ending := voice.ending()) is not None:
        say(f"ser-predict: {ending}")


def _own_voice(classifier: Classifier, model: str) -> "StreamVoice":
    """Return what adapts a model to the voice that comes."""
    from ser_pcq.inference.own_voice.streaming import StreamVoice

    return StreamVoice(classifier, model)


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
        "is_adapted": result.is_adapted,
    }
    return json.dumps(rounded(record))


STREAM_FORMATS: dict[str, Callable[[LiveResult], str]] = {
    "table": _table_line,
    "jsonl": _json_line,
}
"""The formats that `--stream` can print, by their names."""
