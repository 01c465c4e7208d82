"""Results of a long job, kept as they come, so that it can resume after an interruption."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.jobs.earlier import A, Asked, EarlierResults, in_order, key_of
from ser_pcq.inference.jobs.record import (
    Stamp,
    encoded,
    json_of,
    line_of,
    says_retried,
    stamp_of,
)
from ser_pcq.inference.mix import ALL
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import Prediction
from ser_pcq.models.folder import ADAPTED, GRAPH, HEAD, find_model
from ser_pcq.models.sharing.files import weight_files
from ser_pcq.version import __version__

_ALIKE = frozenset({"0.1.0", "0.3.0"})  # earlier versions, whose results are those of this one

SUFFIX = ".unfinished"
"""What is added to the name of an output for the name of its journal."""


def journal_of(output: Path) -> Path:
    """Return where the results of an output file or folder that is not complete are kept."""
    return output.with_name(output.name + SUFFIX)


class Journal:
    """A file with a line for each result; the first line says how they were made.

    Args:
        path: The file.
        options: How files are judged.
        files: All recordings of the job, where its outputs are only right for exactly these.
        resume: Continue from the earlier results.
        own_voice: What the model is adapted to; empty where it is not.

    Raises:
        SerError: When the file exists and `resume` is not wanted, it was made with other options,
            or it is not a journal.
    """

    def __init__(
        self,
        path: Path,
        options: PredictOptions,
        *,
        files: Sequence[Asked] | None = None,
        resume: bool = False,
        own_voice: str = "",
    ) -> None:
        self.path = path
        self._header = {"ser-pcq": __version__, **asdict(options)}
        if options.mix == ALL:
            del self._header["mix"]  # as before there was a choice
        if own_voice:
            self._header["own_voice"] = own_voice
        self._header["weights"] = _weights(options.model)
        if files is not None:
            keys = (" ".join(filter(None, key_of(one))) for one in files)
            listed = "\0".join(keys).encode(errors="surrogateescape")
            self._header["files"] = hashlib.sha256(listed).hexdigest()
        self._n_known = 0
        self._end = 0  # bytes, of the header and whole lines
        if not os.path.lexists(path):
            return
        if not resume:
            raise SerError(
                "an earlier job was interrupted",
                given=f"{path} holds its results",
                do="continue with --resume, or delete that file",
            )
        self._look()

    def __len__(self) -> int:
        """Return how many results are known."""
        return self._n_known

    def _look(self) -> None:
        """Check the header, and count the earlier results."""
        with self.path.open("rb") as file:
            for line in file:
                # What follows the last line end was being written when the job was interrupted.
                if not line.endswith(b"\n"):
                    break
                if not self._end:
                    self._check(json_of(line))
                else:
                    self._n_known += not says_retried(line)
                self._end += len(line)

    def _check(self, header: object) -> None:
        """Refuse the journal of another job, or what is none."""
        if not isinstance(header, dict) or "ser-pcq" not in header:
            raise SerError(
                "this file holds no results of an interrupted job",
                given=self.path,
                do="move it away, or name another output",
            )
        if header["ser-pcq"] in _ALIKE:
            header["ser-pcq"] = __version__
        if header != self._header:
            keys = sorted({*header, *self._header})
            changed = [key for key in keys if header.get(key) != self._header.get(key)]
            raise SerError(
                "the interrupted job was another one",
                given=f"{self.path}, which differs in {', '.join(changed)}",
                do="call it with the same options, or delete that file",
            )

    def completed(
        self,
        recordings: Iterable[A],
        predict_all: Callable[[Iterator[A]], Iterable[Prediction]],
    ) -> Iterator[Prediction]:
        """Yield a prediction for each recording, in order: known ones, and new ones that are kept.

        A file whose size or time has changed is judged again, and one that failed earlier, for lack
        of memory for example.

        Args:
            recordings: Paths, or what `read_list` gives; taken as they are needed.
            predict_all: What judges those that are not known. It may be called several times.
        """
        if not self._end:
            with whole_file(self.path) as temporary:
                temporary.write_bytes(encoded(self._header))
            self._end = self.path.stat().st_size
        os.truncate(self.path, self._end)
        with self.path.open("rb") as known, self.path.open("ab") as file:
            known.readline()
            earlier = EarlierResults(known, self._end)
            for step, prediction in in_order(recordings, earlier, predict_all):
                if step.known is None:
                    file.write(line_of(step.stamp, prediction))
                    file.flush()
                yield prediction

    def remove(self) -> None:
        """Delete the file: the output is complete."""
        self.path.unlink(missing_ok=True)


def _weights(model: str) -> list[Stamp]:
    """Return the stamps of a model: they change when it is trained again."""
    path = find_model(model)
    if (path / ADAPTED).is_file():
        files = [path / ADAPTED, path / HEAD]
    else:
        files = [path] if path.is_file() else [path / GRAPH, *weight_files(path)]
    return [stamp_of(file) for file in files]
