"""`ser-data listeners`: what people reach on EMO-DB."""

from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.data.corpora import CORPORA


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(listeners)


def listeners(
    corpus_dir: Annotated[
        Path, typer.Argument(metavar="CORPUS_DIR", help="EMO-DB as released, erkennung.txt in it.")
    ],
) -> None:
    """Print what human listeners reach on EMO-DB, by its own listening test."""
    from ser_pcq.evaluation.listeners import RECOGNITION, read_recognition, score_listeners

    scores = score_listeners(
        CORPORA["emodb"].prepare(corpus_dir).utterances, read_recognition(corpus_dir / RECOGNITION)
    )
    typer.echo(f"{scores.n_utterances} utterances, {scores.n_speakers} speakers, listeners")
    for name, ratio, interval in (
        ("WA", scores.wa, scores.wa_interval),
        ("UA", scores.ua, scores.ua_interval),
    ):
        limits = "[{:.2f}, {:.2f}]".format(*(100 * v for v in interval)) if interval else "-"
        typer.echo(f"{name}  {100 * ratio:.2f} %  95 % interval over speakers {limits}")
    for emotion, recall in scores.recall.items():
        typer.echo(f"{emotion}  {100 * recall:.2f} %")
