"""What `ser-predict` does besides printing results for files: pictures, and standard input."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from ser_pcq.cli.app import progress, say
from ser_pcq.files import rounded
from ser_pcq.inference.formats.folder import output_names
from ser_pcq.inference.formats.values import percent
from ser_pcq.inference.prediction import Prediction
from ser_pcq.inference.stream import LiveResult, PcmFormat


def with_plots(
    predictions: Iterator[Prediction], files: list[Path], folder: Path | None
) -> Iterator[Prediction]:
    """Pass predictions on, and draw each recording that could be read into a folder, if any."""
    if folder is None:
        yield from predictions
        return
    from ser_pcq.errors import AudioError
    from ser_pcq.inference.recording import listen
    from ser_pcq.inference.timeline.plot import plot_timeline

    names = output_names(files, ".png")
    for prediction, file, name in zip(predictions, files, names, strict=True):
        if prediction.duration is not None:
            try:
                plot_timeline(listen(file).blocks(), prediction, folder / name)
            except AudioError as error:  # it was there a moment ago
                say(f"ser-predict: no picture of {file}: {error}")
        yield prediction


def refuse_with_stream(wanted: bool) -> None:
    """Refuse options that are about files beside --stream.

    Raises:
        BadParameter: When one was given.
    """
    if wanted:
        raise typer.BadParameter(
            "--stream goes with --model, --speech, --device, --format table or jsonl, "
            "--rate, --channels and --encoding alone"
        )


def print_stream(
    model: str | None, pcm_format: PcmFormat, speech: str, device: str, *, as_json: bool
) -> None:
    """Print a line for each second of standard input, as soon as it is judged."""
    from ser_pcq.audio.speech import speech_detector
    from ser_pcq.inference.stream import live, read_pcm
    from ser_pcq.models.classifier import load_classifier
    from ser_pcq.models.folder import DEFAULT_MODEL

    with progress("loading the model"):
        classifier = load_classifier(model or DEFAULT_MODEL, device=device)
    if sys.stdin.isatty():
        say("ser-predict: reading raw samples from the terminal; is a pipe missing?")
    blocks = read_pcm(sys.stdin.buffer, pcm_format)
    try:
        for result in live(blocks, classifier, speech_detector(speech)):
            typer.echo(_json(result) if as_json else _line(result))
            sys.stdout.flush()
    except KeyboardInterrupt:
        return  # how one stops listening to a microphone


def _line(result: LiveResult) -> str:
    """Return a result to read."""
    when = f"{result.start:9.2f} {result.end:9.2f} s"
    if result.label is None:
        return f"{when}  (no speech)"
    return f"{when}  {result.label:<12} {percent(result.confidence):>3} %"


def _json(result: LiveResult) -> str:
    """Return a result as one JSON object."""
    return json.dumps(rounded(vars(result)))
