"""Earlier results beside the recordings of a job, without holding either as a whole."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from ser_pcq.inference.inputs import NamedFile
from ser_pcq.inference.jobs.record import Stamp, is_retried, read_line, stamp_of
from ser_pcq.inference.prediction import Prediction

Asked = str | Path | NamedFile
A = TypeVar("A", bound=Asked)

Key = tuple[str | None, str]
"""The id of an utterance, if there is one, and the path."""

_AHEAD = 1000
"""Known results that may wait for one that is being judged."""


def key_of(one: Asked) -> Key:
    """Return what a recording is known by."""
    if isinstance(one, NamedFile):
        return one.utterance, one.entry or str(one.path)
    return None, str(one)


class EarlierResults:
    """The results of a journal, which has them in the order of the recordings, mostly.

    What is passed over stays in memory until it is asked for: much of it only when the order of
    the recordings has changed, or there are new ones.

    Args:
        file: The journal, behind its header.
        end: Where its lines end, bytes.
    """

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self._passed: dict[Key, deque[tuple[Stamp, Prediction]]] = {}

    def find(self, key: Key, stamp: Stamp) -> Prediction | None:
        """Return the result for a recording, each only once.

        None where there is none, the file or the part of it was another one then, or what kept it
        from being judged may be gone.
        """
        then, prediction = self._next(key)
        if then != stamp or prediction is None or is_retried(prediction):
            return None
        return prediction

    def _next(self, key: Key) -> tuple[Stamp, Prediction | None]:
        """Return the next result of a recording."""
        if passed := self._passed.get(key):
            found = passed.popleft()
            if not passed:
                del self._passed[key]
            return found
        while self._file.tell() < self._end:
            one = read_line(self._file.readline())
            if one is None:
                continue
            there = (one[1].utterance, one[1].path)
            if there == key:
                return one
            self._passed.setdefault(there, deque()).append(one)
        return None, None


@dataclass(frozen=True)
class Step(Generic[A]):
    """A recording of a job.

    Attributes:
        recording: Which.
        stamp: Of its file, before it is read: what changes later is judged again.
        known: Its earlier result; None where it has to be judged.
    """

    recording: A
    stamp: Stamp
    known: Prediction | None


def in_order(
    recordings: Iterable[A],
    earlier: EarlierResults,
    predict_all: Callable[[Iterator[A]], Iterable[Prediction]],
) -> Iterator[tuple[Step[A], Prediction]]:
    """Yield each recording with its result, in order: the earlier one, or a new one.

    `predict_all` gets those to judge one by one, and may take several before it gives a result. It
    is called again after a long row of known ones, so that few of them wait.

    Raises:
        ValueError: When `predict_all` gives fewer results than it got recordings.
    """
    steps = (_step(one, earlier) for one in recordings)
    waiting: deque[Step[A]] = deque()
    fresh: deque[A] = deque()  # those of them to judge that `predict_all` did not get yet

    def pull() -> bool:
        step = next(steps, None)
        if step is not None:
            waiting.append(step)
            if step.known is None:
                fresh.append(step.recording)
        return step is not None

    def to_judge() -> Iterator[A]:
        n_known = 0
        while fresh or (n_known < _AHEAD and pull()):
            if fresh:
                n_known = 0
                yield fresh.popleft()
            else:
                n_known += 1

    results: Iterator[Prediction] = iter(())
    while waiting or pull():
        step = waiting[0]
        prediction = step.known or next(results, None)
        if prediction is None:
            results = iter(predict_all(to_judge()))
            prediction = next(results, None)
        if prediction is None:
            raise ValueError(f"predict_all gave no result for {step.recording}")
        waiting.popleft()
        yield step, prediction


def _step(one: A, earlier: EarlierResults) -> Step[A]:
    """Look a recording up."""
    stamp = stamp_of(one.file, one.span) if isinstance(one, NamedFile) else stamp_of(Path(one))
    return Step(one, stamp, earlier.find(key_of(one), stamp))
