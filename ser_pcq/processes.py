"""A function over many inputs in several processes: when one fails, only its input is lost.

A decoder written in C can crash, or never come back. The processes are started afresh (`spawn`),
have one thread each for numbers, print nothing, leave Ctrl-C to their parent, and end with it.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ser_pcq.errors import Reason, SerError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

T = TypeVar("T")
R = TypeVar("R")

TIMEOUT = 300.0
"""s without a sign of life after which an input is given up, unless another limit is given."""

_AHEAD = 8  # results for each process that may wait for an earlier one
_PATIENCE = 5.0  # s that the operating system gets to end a process
_PULSE = 0.5  # s between signs of life, at least
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Progress(Protocol):
    """Is called with how much of something is done."""

    def __call__(self, done: float, total: float | None, /) -> None:
        """Take how much is done, and how much there is; None where that is not known."""


def no_progress(done: float, total: float | None, /) -> None:
    """Show nothing: the `Progress` of callers that do not need one."""


@dataclass(frozen=True)
class Crash:
    """What takes the place of a result.

    Attributes:
        reason: `crashed` with the signal that ended the process, or the exception; `timeout` when
            it was given up.
    """

    reason: Reason


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_isolated(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    jobs: int,
    timeout: float = TIMEOUT,
    on_progress: Progress = no_progress,
) -> list[R | Crash]:
    """Return all results of `each_isolated`; `on_progress` takes items done and items in all."""
    results: list[R | Crash] = []
    for result in each_isolated(function, items, jobs=jobs, timeout=timeout):
        results.append(result)
        on_progress(len(results), len(items))
    return results


def each_isolated(
    function: Callable[[T], R], items: Iterable[T], *, jobs: int, timeout: float = TIMEOUT
) -> Iterator[R | Crash]:
    """Yield the result of a function for each item, in order, as soon as it is known.

    An item whose process ends is tried once more in a fresh one, since memory may have been short.
    One whose process gives no sign of life for `timeout` is given up, and the process killed. A
    sign of life is a call of `sign_of_life`, which every block that is decoded makes: a recording
    of hours takes as long as it needs. Items are taken as they are needed, and few results wait at
    any time: whoever takes them slowly slows the processes down.

    Args:
        function: At the top level of a module that can be imported; so a script that calls this
            needs `if __name__ == "__main__"`.
        items: Its inputs, which can be pickled.
        jobs: How many processes, from 1.
        timeout: The longest time without a sign of life, s.

    Raises:
        SerError: When processes cannot be started at all.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    n_workers = max(1, jobs)
    workers = [_Worker(function, timeout) for _ in range(n_workers)]
    # As many as threads, so that there is always one. Few items start few processes.
    idle = list(workers)

    def call(item: T) -> R | Crash:
        worker = idle.pop()
        try:
            return worker.call(item)
        finally:
            idle.append(worker)

    ahead: deque[Future[R | Crash]] = deque()
    # A thread for each process waits for its answers. Ctrl-C is left to the main thread, by what
    # these threads start as well.
    hold = partial(signal.pthread_sigmask, signal.SIG_BLOCK, {signal.SIGINT})
    with ThreadPoolExecutor(n_workers, initializer=hold) as threads:
        try:
            for item in items:
                ahead.append(threads.submit(call, item))
                while ahead and (len(ahead) == _AHEAD * n_workers or ahead[0].done()):
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.end()


def sign_of_life() -> None:
    """Report, in a process of `each_isolated`, that work continues; elsewhere do nothing."""
    global _last_sign
    if _parent is not None and time.monotonic() - _last_sign > _PULSE:
        _last_sign = time.monotonic()
        _parent.send(_Alive())


_parent: "Connection | None" = None  # in a process of `each_isolated`
_last_sign = 0.0
_starting = threading.Lock()  # `multiprocessing` starts and reaps processes from one thread only


class _Alive:
    """What `sign_of_life` sends."""


class _Worker(Generic[T, R]):
    """A process that calls a function with one item after the other, and is replaced when it ends.

    Args:
        function: What it calls.
        timeout: The longest time without a sign of life, s.
    """

    def __init__(self, function: Callable[[T], R], timeout: float) -> None:
        self._function, self._timeout = function, timeout
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._is_over = False

    def call(self, item: T) -> R | Crash:
        """Return the result for an item; `SerError` when no process can be started."""
        reason = ""
        for _ in range(2):
            pipe = self._begin()
            if pipe is None:
                break
            try:
                pipe.send(item)
                return self._answer(pipe)
            except (EOFError, OSError):
                reason = _cause(self._kill(has_ended=True))
        return Crash(Reason("crashed", reason))

    def _begin(self) -> "Connection | None":
        """Start the process unless it runs; None when it is not wanted any more."""
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        with _starting:
            if self._is_over or self._pipe is not None:
                return None if self._is_over else self._pipe
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_work, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
            pipe = self._pipe
        try:
            pipe.send(self._function)
            pipe.recv()  # what it imports takes as long as it needs
        except (EOFError, OSError):
            raise SerError(
                "a worker process ends before it begins",
                given=_cause(self._kill(has_ended=True)),
                do='in a script of your own, call this under `if __name__ == "__main__"`',
            ) from None
        return pipe

    def _answer(self, pipe: "Connection") -> R | Crash:
        """Wait for the result; `EOFError` or `OSError` when the process ends."""
        waited = 0.0
        while waited < self._timeout:
            # In short steps: time in which this process is stopped (Ctrl-Z) does not count.
            step = min(1.0, self._timeout - waited)
            if not pipe.poll(step):
                waited += step
                continue
            answer: R | Crash | _Alive = pipe.recv()
            if not isinstance(answer, _Alive):
                return answer
            waited = 0.0
        self._kill(has_ended=False)
        return Crash(Reason("timeout", f"nothing happened for {self._timeout:g} s"))

    def _kill(self, *, has_ended: bool) -> int:
        """End the process, if it has not ended by itself; return its exit code."""
        with _starting:
            process, self._process, self._pipe = self._process, None, None
            if process is None:
                return 0
            if has_ended:
                process.join(_PATIENCE)  # its own exit code says more than that of a kill
            process.kill()
            process.join(_PATIENCE)
            return process.exitcode or 0

    def end(self) -> None:
        """End the process for good; whoever waits for its answer gets a `Crash`."""
        self._is_over = True
        self._kill(has_ended=False)


def _cause(code: int) -> str:
    """Say how a process ended, by its exit code."""
    if code < 0:
        return f"{signal.Signals(-code).name} ended its process"
    return f"its process ended itself, with exit code {code}"


def _start() -> None:
    """Prepare a process, before it imports numpy."""
    for name in _THREADS:
        os.environ[name] = "1"
    # Decoders complain of what is reported anyway.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    os.close(silent)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent to end, however it does, and end this process then."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(pipe: "Connection") -> None:
    """Take a function, call it with items as they come, and send each result."""
    global _parent
    _start()
    _parent = pipe
    function = pipe.recv()
    pipe.send(_Alive())
    # The parent is gone when nothing more comes, or the pipe cannot be written to.
    with suppress(EOFError, BrokenPipeError):
        while True:
            _answer(pipe, function)


def _answer(pipe: "Connection", function: Callable[[object], object]) -> None:
    """Take an item, and send the result of the function, or what it raised."""
    item = pipe.recv()
    try:
        result = function(item)
    except Exception as error:
        result = _raised(error)
    try:
        pipe.send(result)
    except BrokenPipeError:
        raise
    except Exception as error:  # it cannot be pickled
        pipe.send(_raised(error))


def _raised(error: Exception) -> Crash:
    """Return what takes the place of a result where there is an exception."""
    return Crash(Reason("crashed", f"{type(error).__name__}: {error}"))
