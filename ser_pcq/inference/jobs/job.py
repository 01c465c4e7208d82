"""Many recordings as one job: processes, progress, and results that outlive an interruption."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ser_pcq.errors import SerError
from ser_pcq.inference.formats.folder import refuse_existing
from ser_pcq.inference.inputs import NamedFile
from ser_pcq.inference.jobs.earlier import Asked, key_of
from ser_pcq.inference.prediction import Prediction, Status
from ser_pcq.inference.predictor import Predictor
from ser_pcq.processes import TIMEOUT

if TYPE_CHECKING:  # few jobs need them, and importing takes longer than judging a recording
    from ser_pcq.inference.jobs.journal import Journal
    from ser_pcq.inference.vectors.embedding import Embedded


class JobProgress(Protocol):
    """Is called when a file is done, and while a long one is judged."""

    def __call__(self, n_done: int, judged: float, duration: float) -> None:
        """Receive the progress of a job.

        Args:
            n_done: Files that are done.
            judged: Seconds judged of the next one; 0 when a file has just been done.
            duration: Its length, s; 0 when a file has just been done.
        """


def shown_name(one: Asked) -> str:
    """Return what people know a recording by: its id, else its path."""
    utterance, path = key_of(one)
    return path if utterance is None else utterance


@dataclass
class Job:
    """Recordings to judge, and what became of them.

    Attributes:
        predictor: What judges.
        recordings: Which, in order; they are taken as they are needed.
        total: How many; None where that is not known.
        has_utterances: Whether they have ids.
        jobs: Processes, from 1.
        timeout: With several processes: s without any progress after which a file is given up.
        own_voice: How the recordings were told apart that the model is adapted to, with what they
            are; empty where it is not adapted.
        statuses: How many results of each kind there were.
    """

    predictor: Predictor
    recordings: Iterable[Asked]
    total: int | None = None
    has_utterances: bool = False
    jobs: int = 1
    timeout: float = TIMEOUT
    own_voice: str = ""
    statuses: Counter[Status] = field(default_factory=Counter)

    @property
    def n_failed(self) -> int:
        """How many files have no answer, abstentions left out."""
        return sum(n for status, n in self.statuses.items() if status.is_failure)

    @property
    def n_done(self) -> int:
        """How many results there were."""
        return self.statuses.total()

    def held(self) -> Sequence[Asked]:
        """Return all recordings, for what needs them at once: names that differ, for example."""
        if not isinstance(self.recordings, Sequence):
            self.recordings = list(self.recordings)
            self.total = len(self.recordings)
        return self.recordings

    def names(self) -> list[str]:
        """Return what files about the recordings are named after."""
        return [one.name if isinstance(one, NamedFile) else str(one) for one in self.held()]

    def predictions(
        self, journal: "Journal | None", on_progress: JobProgress
    ) -> Iterator[Prediction]:
        """Yield the result for each recording, in order, as soon as it is known.

        Args:
            journal: Has the earlier results, and keeps those to come.
            on_progress: Is called with the progress of the job.
        """

        def predict_all(recordings: Iterable[Asked]) -> Iterator[Prediction]:
            return self.predictor.predict_all(
                recordings,
                jobs=self.jobs,
                timeout=self.timeout,
                on_progress=lambda judged, duration: on_progress(self.n_done, judged, duration),
            )

        if journal is None:
            results = predict_all(self.recordings)
        else:
            results = journal.completed(self.recordings, predict_all)
        for prediction in results:
            self.statuses[prediction.status] += 1
            on_progress(self.n_done, 0.0, 0.0)
            yield prediction

    def vectors(self) -> "Iterator[Embedded]":
        """Yield the vector of each recording beside its prediction, in order.

        Raises:
            SerError: When the model gives no vectors.
        """
        for one in self.predictor.embed_each(self.recordings):
            self.statuses[one.prediction.status] += 1
            yield one

    def open_journal(self, output: Path, *, resume: bool) -> "Journal | None":
        """Return the journal of an output file; None when the output is complete already.

        Raises:
            SerError: When the output exists, or an earlier job was interrupted, and `resume` is not
                wanted.
        """
        from ser_pcq.inference.jobs.journal import Journal, journal_of

        if resume and os.path.lexists(output) and not output.is_dir():
            journal_of(output).unlink(missing_ok=True)
            return None
        refuse_existing_file(output)
        return Journal(
            journal_of(output), self.predictor.options, resume=resume, own_voice=self.own_voice
        )

    def open_folder_journal(
        self, names: Sequence[str], folder: Path, *, resume: bool
    ) -> "Journal | None":
        """Return the journal of a file for each recording; None when all of them exist already.

        Args:
            names: Of the files, one for each recording: `formats.folder.output_names`.
            folder: Where they are written to.
            resume: Continue from the earlier results.

        Raises:
            SerError: When a file exists that no interrupted job has written, or an earlier job was
                interrupted, and `resume` is not wanted.
        """
        from ser_pcq.inference.jobs.journal import Journal, journal_of

        path = journal_of(folder)
        journal = partial(
            Journal, path, self.predictor.options, files=self.held(), own_voice=self.own_voice
        )
        if resume and os.path.lexists(path):
            return journal(resume=True)
        if resume and all(os.path.lexists(folder / name) for name in names):
            return None
        refuse_existing(names, folder)
        return journal()


def refuse_existing_file(output: Path) -> None:
    """Refuse to write all results where something is.

    Raises:
        SerError: When it is.
    """
    if output.is_dir():
        raise SerError("the output is a folder", given=output, do="name a file")
    if os.path.lexists(output):
        raise SerError(
            "the output exists already", given=output, do="move it away, or name another file"
        )
