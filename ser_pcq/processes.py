"""A function over many inputs in processes of their own: one that crashes loses only itself.

A decoder written in C can take its whole process down. The processes are started afresh (`spawn`),
have one thread each for numbers, print nothing, leave Ctrl-C to their parent, and end with it.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from ser_pcq.errors import SerError

T = TypeVar("T")
R = TypeVar("R")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Crash:
    """What stands in the place of a result.

    Attributes:
        reason: The signal that ended the process, or the exception.
    """

    reason: str


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
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[R | Crash]:
    """Call a function with each item, in `jobs` processes; see `each_isolated`.

    Args:
        function: At the top level of a module that can be imported.
        items: Its inputs, which can be pickled.
        jobs: How many processes, from 1.
        on_progress: Called with (done, total).

    Returns:
        The result for each item, in their order; a `Crash` where there is none.

    Raises:
        SerError: When processes cannot be started at all.
    """
    results: list[R | Crash] = []
    for result in each_isolated(function, items, jobs=jobs):
        results.append(result)
        on_progress(len(results), len(items))
    return results


def each_isolated(
    function: Callable[[T], R], items: Sequence[T], *, jobs: int
) -> Iterator[R | Crash]:
    """Yield what a function makes of each item, in order, as soon as it is there.

    When a process crashes, the few items that were under way are tried one by one, each in a fresh
    process, so that the one that is to blame is known and the others have their results. Few
    results wait at any time: whoever takes them slowly slows the processes down.

    Args:
        function: At the top level of a module that can be imported; so a script that calls this
            needs `if __name__ == "__main__"`.
        items: Its inputs, which can be pickled.
        jobs: How many processes, from 1.

    Raises:
        SerError: When processes cannot be started at all.
    """
    results: dict[int, R | Crash] = {}
    waiting = deque(range(len(items)))
    n_told = 0
    while n_told < len(items):
        for index, result in _until_crash(function, items, waiting, jobs, results):
            results[index] = result
            while n_told in results:
                yield results.pop(n_told)
                n_told += 1


def _until_crash(
    function: Callable[[T], R],
    items: Sequence[T],
    waiting: deque[int],
    jobs: int,
    untold: Sized,
) -> Iterator[tuple[int, R | Crash]]:
    """Work off what waits up to a crash, then what was under way in it; see `_in_pool`."""
    suspects: list[int] = []
    yield from _in_pool(function, items, waiting, jobs, suspects, untold)
    for index in suspects:
        yield index, _alone(function, items[index])


def _in_pool(
    function: Callable[[T], R],
    items: Sequence[T],
    waiting: deque[int],
    jobs: int,
    suspects: list[int],
    untold: Sized,
) -> Iterator[tuple[int, R | Crash]]:
    """Work off the items that wait until none are left or a process crashes; yield results.

    Args:
        function: What to call.
        items: All of them.
        waiting: Which are left, in order.
        jobs: How many processes.
        suspects: Gets the items that were under way in a crash.
        untold: The results that wait for an earlier one.
    """
    context = multiprocessing.get_context("spawn")
    workers = max(1, min(jobs, len(waiting)))
    running: dict[Future[R], int] = {}
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        try:
            while waiting or running:
                # Few at a time: they are all under suspicion when a process crashes, and all that
                # is waited for after Ctrl-C.
                while waiting and len(running) < 2 * workers and len(untold) < 8 * workers:
                    with _interrupts_held():
                        running[pool.submit(function, items[waiting[0]])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        raise error
                    index = running.pop(future)
                    yield index, _told(error) if error else future.result()
        except BrokenProcessPool:
            suspects += sorted(running.values())


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment: a process that is started in it never hears of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(error: BaseException) -> Crash:
    """Return what an exception says."""
    return Crash(f"{type(error).__name__}: {error}")


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
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _alone(function: Callable[[T], R], item: T) -> R | Crash:
    """Call a function in a process that does nothing else."""
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(function, item, writer), daemon=True)
    with _interrupts_held():
        process.start()
    writer.close()
    has_begun = False
    try:
        has_begun = reader.recv()
        result: R | Crash = reader.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        if code < 0:
            return Crash(f"{signal.Signals(-code).name} ended its process")
        if has_begun:
            return Crash(f"its process ended itself, with exit code {code}")
        raise SerError(
            "a worker process ends before it begins",
            given=f"exit code {code}",
            do='in a script of your own, call this under `if __name__ == "__main__"`',
        ) from None
    finally:
        process.kill()
        process.join()
        reader.close()
    return result


def _send(function: Callable[[Any], Any], item: Any, writer: Connection) -> None:
    """Send the result of a function, or what it raised."""
    _start()
    writer.send(True)
    try:
        result = function(item)
    except Exception as error:
        result = _told(error)
    writer.send(result)
    writer.close()
