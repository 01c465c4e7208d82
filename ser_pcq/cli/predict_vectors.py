"""How `ser-predict` writes vectors."""

from collections.abc import Iterator
from pathlib import Path

import typer

from ser_pcq.cli.terminal import progress, say
from ser_pcq.files import whole_file
from ser_pcq.inference.jobs.job import Job, refuse_existing_file
from ser_pcq.inference.vectors import writer_of
from ser_pcq.inference.vectors.embedding import Embedded
from ser_pcq.inference.vectors.row import About, rows_of


def into_vectors(job: Job, output: Path) -> None:
    """Write a vector for each recording or segment, whole or not at all; print the name.

    Raises:
        SerError: When the file exists, its name ends otherwise, or the model gives no vectors.
    """
    write = writer_of(output)
    refuse_existing_file(output)
    classifier = job.predictor.classifier
    about = About(classifier.name, classifier.labels, classifier.width)

    def results() -> Iterator[Embedded]:
        with progress("embedding") as advance:
            for one in job.vectors():
                if one.prediction.status.is_failure:
                    say(f"ser-predict: {one.prediction.name}: {one.prediction.reason}")
                advance(job.n_done, job.total)
                yield one

    with whole_file(output) as temporary:
        write(temporary, rows_of(results(), segments=job.predictor.options.segments), about)
    typer.echo(str(output))
