"""Results of a long job as they come, so that one that was interrupted goes on where it was."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ser_pcq import __version__
from ser_pcq.errors import SerError
from ser_pcq.predict import PredictOptions
from ser_pcq.prediction import EmotionSegment, Prediction

SUFFIX = ".unfinished"
"""What is added to the name of an output for the name of its journal."""


def journal_of(output: Path) -> Path:
    """Return where the results of an output that is not complete are kept."""
    return output.with_name(output.name + SUFFIX)


class Journal:
    """A file with a line for each result; the first line says how they were made.

    Args:
        path: Where it lies.
        options: How files are judged.
        resume: Go on with what is there.

    Raises:
        SerError: When there is one already and `resume` is not wanted, or it was made with other
            options.
    """

    def __init__(self, path: Path, options: PredictOptions, *, resume: bool = False) -> None:
        self.path = path
        self._header = {"ser-pcq": __version__, **asdict(options)}
        self._known: dict[str, tuple[list[int] | None, Prediction]] = {}
        if not path.exists():
            return
        if not resume:
            raise SerError(
                "an earlier job was interrupted",
                given=f"{path} holds its results",
                do="go on with --resume, or delete that file",
            )
        self._read()

    def __len__(self) -> int:
        """How many results are known."""
        return len(self._known)

    def _read(self) -> None:
        """Take over the results that are there; the last line may have been cut off."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        try:
            header = json.loads(lines[0]) if lines else self._header
        except ValueError:
            header = {}
        if header != self._header:
            changed = sorted(k for k in self._header if header.get(k) != self._header[k])
            raise SerError(
                "the interrupted job was another one",
                given=f"{self.path}, which differs in {', '.join(changed)}",
                do="call it with the same options, or delete that file",
            )
        for line in lines[1:]:
            try:
                record = json.loads(line)
                stamp, prediction = record["file"], _prediction(record["prediction"])
            except (ValueError, KeyError, TypeError):
                break
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
        known = {}
        for path in paths:
            stamp, prediction = self._known.get(str(path), (None, None))
            if prediction is not None and stamp == _stamp(path):
                known[path] = prediction
        new = iter(predict_all([path for path in paths if path not in known]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        begun = [self._header, *(self._record(path, known[path]) for path in known)]
        # Written anew: what was cut off or has changed is gone.
        with self.path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in begun)
            file.flush()
            for path in paths:
                if path in known:
                    yield known[path]
                    continue
                prediction = next(new)
                file.write(json.dumps(self._record(path, prediction)) + "\n")
                file.flush()
                yield prediction

    def _record(self, path: Path, prediction: Prediction) -> dict[str, Any]:
        """Return a line."""
        return {"file": _stamp(path), "prediction": asdict(prediction)}

    def remove(self) -> None:
        """Delete the file: the output is complete."""
        self.path.unlink(missing_ok=True)


def _stamp(path: Path) -> list[int] | None:
    """Return size and time of a file; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


def _prediction(record: dict[str, Any]) -> Prediction:
    """Build a prediction from its JSON."""
    segments = tuple(EmotionSegment(**one) for one in record.pop("segments"))
    warnings = tuple(record.pop("warnings"))
    return Prediction(**record, warnings=warnings, segments=segments)
