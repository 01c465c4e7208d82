"""Results of a long job, kept as they come, so that it can resume after an interruption."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ser_pcq.errors import Reason, SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.mix import ALL
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
from ser_pcq.models.folder import GRAPH, find_model
from ser_pcq.models.sharing.files import weight_files
from ser_pcq.version import __version__

_ALIKE = frozenset({"0.1.0"})  # earlier versions, whose results are those of this one

SUFFIX = ".unfinished"
"""What is added to the name of an output for the name of its journal."""

Stamp = list[int] | None
"""Size and time of a file; None where there is none."""


def journal_of(output: Path) -> Path:
    """Return where the results of an output file or folder that is not complete are kept."""
    return output.with_name(output.name + SUFFIX)


class Journal:
    """A file with a line for each result; the first line says how they were made.

    Args:
        path: The file.
        options: How files are judged.
        files: All files of the job, where its outputs are only right for exactly these.
        resume: Continue from the earlier results.

    Raises:
        SerError: When the file exists and `resume` is not wanted, it was made with other options,
            or it is not a journal.
    """

    def __init__(
        self,
        path: Path,
        options: PredictOptions,
        *,
        files: Sequence[Path] | None = None,
        resume: bool = False,
    ) -> None:
        self.path = path
        self._header = {"ser-pcq": __version__, **asdict(options)}
        if options.mix == ALL:
            del self._header["mix"]  # as before there was a choice
        self._header["weights"] = _weights(options.model)
        if files is not None:
            named = "\0".join(map(str, files)).encode(errors="surrogateescape")
            self._header["files"] = hashlib.sha256(named).hexdigest()
        self._known: dict[str, tuple[Stamp, Prediction]] = {}
        if not os.path.lexists(path):
            return
        if not resume:
            raise SerError(
                "an earlier job was interrupted",
                given=f"{path} holds its results",
                do="continue with --resume, or delete that file",
            )
        self._read()

    def __len__(self) -> int:
        """Return how many results are known."""
        return len(self._known)

    def _read(self) -> None:
        """Take over the earlier results; the last line may have been cut off."""
        # What follows the last line end was being written when the job was interrupted.
        lines = self.path.read_bytes().split(b"\n")[:-1]
        if not lines:
            return
        header = _decoded(lines[0])
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
        for line in lines[1:]:
            try:
                record: Any = _decoded(line)
                stamp, prediction = record["file"], _prediction(record["prediction"])
            except (KeyError, TypeError, ValueError):
                continue
            # What failed earlier, for lack of memory for example, may work now.
            if prediction.status is not Status.ERROR:
                self._known[prediction.path] = (stamp, prediction)

    def completed(
        self,
        paths: Sequence[Path],
        predict_all: Callable[[Sequence[Path]], Iterable[Prediction]],
    ) -> Iterator[Prediction]:
        """Yield a prediction for each file, in order: known ones, and new ones that are kept.

        A file whose size or time has changed is judged again.

        Args:
            paths: The files.
            predict_all: What judges those that are not known.
        """
        # Taken before a file is read: what changes later is judged again.
        stamps = {path: _stamp(path) for path in paths}
        for path in paths:
            if str(path) in self._known and self._known[str(path)][0] != stamps[path]:
                del self._known[str(path)]
        known = dict(self._known)
        new = iter(predict_all([path for path in paths if str(path) not in known]))
        with whole_file(self.path) as temporary, temporary.open("wb") as file:
            file.write(_encoded(self._header))
            file.writelines(_line(stamp, prediction) for stamp, prediction in known.values())
        with self.path.open("ab") as file:
            for path in paths:
                if str(path) in known:
                    yield known[str(path)][1]
                    continue
                prediction = next(new)
                file.write(_line(stamps[path], prediction))
                file.flush()
                yield prediction

    def remove(self) -> None:
        """Delete the file: the output is complete."""
        self.path.unlink(missing_ok=True)


def _encoded(record: dict[str, Any]) -> bytes:
    """Return a line; names that are not valid text are written with escapes."""
    return json.dumps(record).encode() + b"\n"


def _decoded(line: bytes) -> object:
    """Return the content of a line; None where it is not JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _line(stamp: Stamp, prediction: Prediction) -> bytes:
    """Return the line of a result."""
    return _encoded({"file": stamp, "prediction": asdict(prediction)})


def _stamp(path: Path) -> Stamp:
    """Return size and time of a file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


def _weights(model: str) -> list[Stamp]:
    """Return the stamps of a model: they change when it is trained again."""
    path = find_model(model)
    files = [path] if path.is_file() else [path / GRAPH, *weight_files(path)]
    return [_stamp(file) for file in files]


def _prediction(record: dict[str, Any]) -> Prediction:
    """Build a prediction from its JSON."""
    reason = record["reason"]
    typed = {
        "status": Status(record["status"]),
        "reason": None if reason is None else _reason(reason),
        "warnings": tuple(map(_reason, record["warnings"])),
        "segments": tuple(EmotionSegment(**one) for one in record["segments"]),
        "channels": tuple(map(_prediction, record.get("channels", ()))),
    }
    return Prediction(**(record | typed))


def _reason(record: dict[str, Any] | str) -> Reason:
    """Build a reason from its JSON; version 0.1.0 wrote the line that is printed."""
    if isinstance(record, str):
        word, _, rest = record.partition(": ")
        sentence, *details = rest.split("; ")
        return Reason(word, sentence, tuple(details))
    return Reason(record["word"], record["sentence"], tuple(record["details"]))
