"""How `ser-predict` goes through files and brings their results out."""

import io
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

from ser_pcq.cli.app import progress, say
from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.formats import FORMATS, Format, csv, encoded, table
from ser_pcq.inference.formats.folder import refuse_existing, write_each
from ser_pcq.inference.journal import Journal, journal_of
from ser_pcq.inference.prediction import Prediction
from ser_pcq.inference.predictor import Predictor


@dataclass
class Job:
    """Files to judge, and what became of them.

    Attributes:
        predictor: What judges.
        files: Which, in order.
        jobs: Processes.
        statuses: How many results of each kind there were.
    """

    predictor: Predictor
    files: list[Path]
    jobs: int
    statuses: Counter[str] = field(default_factory=Counter)

    def predictions(self, files: Sequence[Path]) -> Iterator[Prediction]:
        """Judge files."""
        yield from self.predictor.predict_all(files, jobs=min(self.jobs, max(1, len(files))))

    def counted(self, predictions: Iterator[Prediction], *, quiet: bool) -> Iterator[Prediction]:
        """Pass predictions on, count what they say, and show the progress unless `quiet`."""
        n_done, total = 0, len(self.files)
        if quiet:
            inside = _LongFile()
            self.predictor.on_progress = inside.advance
            for prediction in predictions:
                inside.end()
                self.statuses[prediction.status] += 1
                yield prediction
            return
        with progress("predicting") as advance:
            self.predictor.on_progress = lambda done, of: advance(n_done + done / of, total)
            for prediction in predictions:
                self.statuses[prediction.status] += 1
                yield prediction
                n_done += 1
                advance(n_done, total)

    @property
    def n_failed(self) -> int:
        """How many files have no answer, abstentions left out."""
        return sum(n for s, n in self.statuses.items() if s not in ("ok", "abstained"))


class _LongFile:
    """The progress within a file that takes long, gone before its line is printed."""

    _FROM = 120.0  # s of recording

    def __init__(self) -> None:
        self._shown = ExitStack()
        self._advance: Callable[[float, float], None] | None = None

    def advance(self, done: float, of: float) -> None:
        """Show how many seconds are judged."""
        if of < self._FROM:
            return
        if self._advance is None:
            self._advance = self._shown.enter_context(progress("predicting, seconds judged"))
        self._advance(round(done), round(of))

    def end(self) -> None:
        """Take it away."""
        self._shown.close()
        self._advance = None


def lines_of(
    predictions: Iterator[Prediction], job: Job, name: str, *, segments: bool, width: int
) -> Iterator[str]:
    """Yield the lines of a format that holds many recordings.

    Args:
        predictions: What to write.
        job: Where they come from.
        name: Of the format.
        segments: For CSV: a row for each segment.
        width: For the table: of the names of files.
    """
    if name == "table":
        return table.lines(predictions, width=width)
    if name == "csv":
        return csv.lines(predictions, job.predictor.labels, segments=segments)
    lines = FORMATS[name].lines
    assert lines is not None
    return lines(predictions, job.predictor.labels)


def print_lines(predictions: Iterator[Prediction], job: Job, name: str, *, segments: bool) -> None:
    """Print each prediction as soon as it is there."""
    # A file name may hold bytes that are no text; it is shown with escapes then.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Paths are shown whole, unless a terminal is too narrow for them.
    longest = max(len(str(file)) for file in job.files)
    room = max(20, shutil.get_terminal_size().columns - 34) if sys.stdout.isatty() else longest
    width = max(4, min(longest, room))
    for part in lines_of(predictions, job, name, segments=segments, width=width):
        sys.stdout.write(part)
        sys.stdout.flush()  # a line is seen as soon as its file is done


def write_output(
    predictions: Iterator[Prediction], job: Job, name: str, output: Path, *, segments: bool
) -> None:
    """Write all predictions into one file, whole or not at all, and print its name."""
    width = max(4, *(len(str(file)) for file in job.files))
    with whole_file(output) as temporary, temporary.open("wb") as file:
        for part in lines_of(predictions, job, name, segments=segments, width=width):
            file.write(encoded(part))
    typer.echo(str(output))


def open_journal(job: Job, output: Path, *, resume: bool) -> Journal | None:
    """Return the journal of an output file; None when the output is complete already.

    Raises:
        SerError: When the output is there, or an earlier job was interrupted, and `resume` is not
            wanted.
    """
    if output.is_dir():
        raise SerError("the output is a folder", given=output, do="name a file")
    if os.path.lexists(output):
        if resume:
            journal_of(output).unlink(missing_ok=True)
            return None
        raise SerError(
            "the output is there already", given=output, do="move it away, or name another file"
        )
    return _told(Journal(journal_of(output), job.predictor.options, resume=resume))


def open_folder_journal(
    job: Job, names: list[str], folder: Path, *, resume: bool
) -> Journal | None:
    """Return the journal of a file for each recording; None when all of them are there already.

    Raises:
        SerError: When a file is there that no interrupted job has written, or an earlier job was
            interrupted, and `resume` is not wanted.
    """
    path = journal_of(folder)
    options = job.predictor.options
    if resume and os.path.lexists(path):
        return _told(Journal(path, options, files=job.files, resume=True))
    if resume and all(os.path.lexists(folder / name) for name in names):
        return None
    refuse_existing(names, folder)
    return Journal(path, options, files=job.files)


@contextmanager
def interruptible(journal: Journal) -> Iterator[None]:
    """Say after Ctrl-C how to go on; remove the journal of what is complete."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"ser-predict: interrupted; {journal.path} keeps the results, go on with --resume")
        raise
    journal.remove()


def _told(journal: Journal) -> Journal:
    """Say how much of a job is done."""
    if len(journal):
        say(f"ser-predict: going on; {len(journal)} results of before are kept")
    return journal


def write_files(
    predictions: Iterator[Prediction], names: list[str], kind: Format, output_dir: Path
) -> None:
    """Write a file for each recording, and print the paths of the files."""
    for prediction, written in write_each(predictions, names, kind, output_dir):
        if written is None:
            say(f"ser-predict: {prediction.path}: {prediction.reason}")
        else:
            typer.echo(str(written).encode(errors="backslashreplace").decode())
