"""How `ser-predict` writes vectors."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from ser_pcq.cli.terminal import progress, say
from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.predictor import Predictor
from ser_pcq.inference.vectors import writer_of
from ser_pcq.inference.vectors.embedding import Embedded
from ser_pcq.inference.vectors.row import About, rows_of


def into_vectors(predictor: Predictor, files: Sequence[Path], output: Path) -> int:
    """Write a vector for each file, or for each segment, whole or not at all; print the name.

    Returns:
        How many files could not be judged.

    Raises:
        SerError: When the file exists, its name ends otherwise, or the model gives no vectors.
    """
    write = writer_of(output)
    if os.path.lexists(output):
        raise SerError(
            "the output exists already", given=output, do="move it away, or name another file"
        )
    about = About(predictor.classifier.name, predictor.labels, predictor.classifier.width)
    failed = 0

    def results() -> Iterator[Embedded]:
        nonlocal failed
        with progress("embedding") as advance:
            for n_done, one in enumerate(predictor.embed_each(files), start=1):
                if one.prediction.status.is_failure:
                    failed += 1
                    say(f"ser-predict: {one.prediction.path}: {one.prediction.reason}")
                advance(n_done, len(files))
                yield one

    with whole_file(output) as temporary:
        write(temporary, rows_of(results(), segments=predictor.options.segments), about)
    typer.echo(str(output))
    return failed
