"""How `ser-predict` shows progress, and prints, writes and draws results.

What one call in a hundred needs is imported where it is needed: starting takes longer than judging.
"""

import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ser_pcq.cli.terminal import progress, say
from ser_pcq.errors import AudioError, SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.formats import FORMATS
from ser_pcq.inference.formats.folder import output_names, refuse_existing, write_each
from ser_pcq.inference.formats.format import Format, Layout, encoded
from ser_pcq.inference.jobs.job import Job, JobProgress, refuse_existing_file, shown_name
from ser_pcq.inference.mix import ALL
from ser_pcq.inference.prediction import Prediction
from ser_pcq.processes import Progress

if TYPE_CHECKING:
    from ser_pcq.inference.jobs.journal import Journal


def deliver(
    job: Job,
    name: str,
    output: Path | None,
    output_dir: Path | None,
    plot: Path | None,
    embeddings: Path | None,
    *,
    resume: bool,
    segments: bool,
) -> None:
    """Judge the recordings, and print or write what was found."""
    if embeddings is not None:
        from ser_pcq.cli.predict_vectors import into_vectors

        into_vectors(job, embeddings)
    elif output_dir is not None:
        into_folder(job, name, output_dir, plot, resume=resume)
    elif output is not None:
        into_file(job, name, output, plot, resume=resume, segments=segments)
    else:
        to_terminal(job, name, plot, segments=segments)


def refuse_outputs(
    job: Job,
    name: str,
    output: Path | None,
    output_dir: Path | None,
    embeddings: Path | None,
    *,
    resume: bool,
) -> None:
    """Refuse outputs that are there already, before minutes are spent on hearing voices.

    With `resume` they may be there, and are looked at when the job is continued.

    Raises:
        SerError: When one is there, or no vectors can be written under the name of theirs.
    """
    if embeddings is not None:
        from ser_pcq.inference.vectors import writer_of

        writer_of(embeddings)
    if resume:
        return
    for one in (output, embeddings):
        if one is not None:
            refuse_existing_file(one)
    if output_dir is not None:
        refuse_existing(output_names(job.names(), FORMATS[name].suffix), output_dir)


def to_terminal(job: Job, name: str, plot: Path | None, *, segments: bool) -> None:
    """Print results as they come."""
    # Lines that appear as they come show enough progress; lines written to a file do not.
    with _shown_progress(job, lines_are_seen=sys.stdout.isatty()) as on_progress:
        predictions = _with_plots(job, job.predictions(None, on_progress), plot)
        _print_lines(job, predictions, name, segments=segments)


def into_file(
    job: Job, name: str, output: Path, plot: Path | None, *, resume: bool, segments: bool
) -> None:
    """Write all results into one file, which an interrupted job can complete later."""
    journal = job.open_journal(output, resume=resume)
    if journal is None:
        say(f"ser-predict: {output} is complete; nothing is left to do")
        return
    with _interruptible(journal), _shown_progress(job) as on_progress:
        predictions = _with_plots(job, job.predictions(journal, on_progress), plot)
        _write_output(job, predictions, name, output, segments=segments)


def into_folder(job: Job, name: str, output_dir: Path, plot: Path | None, *, resume: bool) -> None:
    """Write a file for each recording, which an interrupted job can complete later."""
    kind = FORMATS[name]
    names = output_names(job.names(), kind.suffix)
    journal = job.open_folder_journal(names, output_dir, resume=resume)
    if journal is None:
        say(f"ser-predict: {output_dir} is complete; nothing is left to do")
        return
    with _interruptible(journal), _shown_progress(job) as on_progress:
        predictions = _with_plots(job, job.predictions(journal, on_progress), plot)
        _write_files(predictions, names, kind, output_dir)


@contextmanager
def _shown_progress(job: Job, *, lines_are_seen: bool = False) -> Iterator[JobProgress]:
    """Yield what shows the progress of a job.

    Where lines are seen as they come they are progress enough, but within a long file.
    """
    if lines_are_seen:
        inside = _LongFile()
        try:
            yield inside.advance
        finally:
            inside.end()
        return
    with progress("predicting") as advance:
        yield lambda n_done, judged, duration: advance(
            n_done + (judged / duration if duration else 0), job.total
        )


class _LongFile:
    """The progress within a file that takes long, gone before its line is printed."""

    _FROM = 120.0  # s of recording

    def __init__(self) -> None:
        self._shown = ExitStack()
        self._advance: Progress | None = None

    def advance(self, n_done: int, judged: float, duration: float) -> None:
        """Show how many seconds are judged."""
        if not duration:
            self.end()
        if duration < self._FROM:
            return
        if self._advance is None:
            self._advance = self._shown.enter_context(progress("predicting, seconds judged"))
        self._advance(round(judged), round(duration))

    def end(self) -> None:
        """Remove it."""
        self._shown.close()
        self._advance = None


def _lines(predictions: Iterator[Prediction], name: str, layout: Layout) -> Iterator[str]:
    """Yield the lines of a format that holds many recordings."""
    lines = FORMATS[name].lines
    assert lines is not None
    return lines(predictions, layout)


def _longest_name(job: Job, name: str) -> int:
    """Return how long the longest name is, of those that can be looked at before."""
    if name != "table" or isinstance(job.recordings, Iterator):
        return Layout.width
    first = job.recordings if isinstance(job.recordings, Sequence) else islice(job.recordings, 1000)
    return max((len(shown_name(one)) for one in first), default=0)


def _layout(job: Job, width: int, *, segments: bool) -> Layout:
    """Return how the results of a job are laid out, names being `width` characters wide."""
    splits = job.predictor.options.mix != ALL
    return Layout(job.predictor.labels, segments, width, job.has_utterances, splits)


def _print_lines(job: Job, predictions: Iterator[Prediction], name: str, *, segments: bool) -> None:
    """Print each prediction as soon as it is known."""
    # A file name may hold bytes that are not text; it is shown with escapes then.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Paths are shown whole, unless a terminal is too narrow for them.
    longest = _longest_name(job, name)
    room = max(20, shutil.get_terminal_size().columns - 34) if sys.stdout.isatty() else longest
    layout = _layout(job, max(4, min(longest, room)), segments=segments)
    for part in _lines(predictions, name, layout):
        sys.stdout.write(part)
        sys.stdout.flush()  # a line is seen as soon as its file is done


def _write_output(
    job: Job, predictions: Iterator[Prediction], name: str, output: Path, *, segments: bool
) -> None:
    """Write all predictions into one file, whole or not at all, and print its name."""
    layout = _layout(job, max(4, _longest_name(job, name)), segments=segments)
    with whole_file(output) as temporary, temporary.open("wb") as file:
        for part in _lines(predictions, name, layout):
            file.write(encoded(part))
    typer.echo(str(output))


def _write_files(
    predictions: Iterator[Prediction], names: list[str], kind: Format, output_dir: Path
) -> None:
    """Write a file for each recording, and print the paths of the files."""
    for prediction, written in write_each(predictions, names, kind, output_dir):
        if written is None:
            say(f"ser-predict: {prediction.name}: {prediction.reason}")
        else:
            typer.echo(str(written).encode(errors="backslashreplace").decode())


@contextmanager
def _interruptible(journal: "Journal") -> Iterator[None]:
    """Report what a journal holds, and after Ctrl-C how to continue; remove it when all is done."""
    if len(journal):
        say(f"ser-predict: continuing; {len(journal)} earlier results are kept")
    try:
        yield
    except (KeyboardInterrupt, SerError):
        say(f"ser-predict: interrupted; {journal.path} keeps the results, continue with --resume")
        raise
    journal.remove()


def _with_plots(
    job: Job, predictions: Iterator[Prediction], folder: Path | None
) -> Iterator[Prediction]:
    """Pass predictions on, and draw each recording that could be read into a folder, if any.

    Channels that were split are drawn one by one, as `talk-1.png`, `talk-2.png`.
    """
    if folder is None:
        yield from predictions
        return
    from ser_pcq.inference.inputs import as_input, hear_input
    from ser_pcq.inference.recording import Recording
    from ser_pcq.inference.timeline.plot import plot_timeline

    names = output_names(job.names(), ".png")
    for prediction, source, name in zip(predictions, job.held(), names, strict=True):
        for one in prediction.each_channel():
            if one.duration is None:
                continue
            split = "" if one is prediction else f"-{one.channel}"
            picture = folder / f"{name.removesuffix('.png')}{split}.png"
            heard = hear_input(as_input(source), str(one.channel or ALL))
            try:
                if isinstance(heard, Recording):
                    plot_timeline(heard.blocks(), one, picture)
            except AudioError as error:  # it could be read a moment ago
                say(f"ser-predict: no picture of {one.name}: {error}")
        yield prediction
