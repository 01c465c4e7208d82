"""Running commands: here in this process, or apart in a process of their own."""

import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from support.paths import ROOT

Done = subprocess.CompletedProcess[str]

COMMANDS = ("data", "train", "eval", "predict", "adapt", "export")
# Of a terminal that is so wide that no message is wrapped.
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
LIMIT = 300  # s, after which a command is taken to hang

# Where tests run in the background of a script, or under nohup, SIGINT is ignored, and whatever is
# started inherits that: a command that is to be interrupted is started through this.
_LISTENING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def module(name: str) -> str:
    """Return the module that `python -m` runs a command by."""
    return f"ser_pcq.cli.{name}"


def line(name: str, *args: object) -> list[str]:
    """Return the command line of a command: `line("data", "--help")`."""
    return [sys.executable, "-m", module(name), *map(str, args)]


def environment(**more: str) -> dict[str, str]:
    """Return the environment that commands are run in."""
    return {**os.environ, **ENVIRONMENT, **more}


def write_scripts(folder: Path, start: str) -> Path:
    """Write all commands into a folder, for a path; return the folder.

    Args:
        start: What a script runs, with {} for the name of the command.
    """
    for name in COMMANDS:
        script = folder / f"ser-{name}"
        script.write_text(f'#!/bin/sh\nexec {start.format(name)} "$@"\n')
        script.chmod(0o755)
    return folder


def run_apart(name: str, *args: object, cwd: Path = ROOT, **variables: str) -> Done:
    """Run a command in a process of its own, as a user does."""
    return subprocess.run(
        line(name, *args),
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def listening(arguments: Sequence[str]) -> list[str]:
    """Return a command line that starts another, which Ctrl-C interrupts whatever started it."""
    return [sys.executable, "-S", "-c", _LISTENING, *arguments]


@contextmanager
def started(
    arguments: Sequence[str], *, group: bool = False, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """Start a process that can be interrupted; end it with the test, however the test ends.

    Args:
        arguments: As `line` returns them.
        group: Whether it gets a session of its own, so that a signal can be sent to it and all
            that it has started; all of them are ended then.
        options: Of `subprocess.Popen`.
    """
    options = {"cwd": ROOT, "env": environment(), "start_new_session": group, **options}
    with subprocess.Popen(listening(arguments), **options) as process:
        try:
            yield process
        finally:
            if group:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()


def run_here(name: str, *args: object, cwd: Path = ROOT) -> Done:
    """Run a command in this process, which is seconds faster, and leave no trace of it here.

    What it and its children write is caught at the file descriptors.
    """
    arguments = [f"ser-{name}", *map(str, args)]
    entry = import_module("ser_pcq.cli.data.commands" if name == "data" else module(name)).main
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with ExitStack() as stack:
            stack.enter_context(_state())
            stack.enter_context(_limited(LIMIT))
            stack.enter_context(_streams(out, err))
            os.chdir(cwd)
            os.environ.update(ENVIRONMENT)
            sys.argv = arguments
            # As of an installed script; processes that it starts do not import pytest.
            sys.modules["__main__"] = types.ModuleType("__main__")
            code = exit_code(entry)
        return Done(arguments, code, _text(out), _text(err))


def exit_code(entry) -> int:
    """Call an entry point, and return what its process would end with."""
    try:
        entry()
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8").read()


@contextmanager
def _state() -> Iterator[None]:
    """Put back whatever a command may change in its process."""
    folder, variables = Path.cwd(), dict(os.environ)
    argv, main = sys.argv, sys.modules["__main__"]
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
    handlers = {number: signal.getsignal(number) for number in numbers}
    generators = _generators()
    with warnings.catch_warnings():
        _warn_as_python_does()
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(variables)
            sys.argv, sys.modules["__main__"] = argv, main
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for restore, state in generators:
                restore(state)


def _generators() -> list[tuple]:
    """Return the states of all global generators of random numbers, and how to set each."""
    states: list[tuple] = [(random.setstate, random.getstate())]
    if numpy := sys.modules.get("numpy"):
        states.append((numpy.random.set_state, numpy.random.get_state()))
    if torch := sys.modules.get("torch"):
        states.append((torch.set_rng_state, torch.get_rng_state()))
    return states


def _warn_as_python_does() -> None:
    """Print warnings to stderr, as a command does; pytest would collect them."""

    def show(message, category, filename, lineno, file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.showwarning = show
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raise where a command hangs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number, frame):
        raise TimeoutError(f"the command does not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def open_standard_streams() -> None:
    """Let Python write to and read from the descriptors 0 to 2 as they are now."""
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )


@contextmanager
def _streams(out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    """Let the standard streams be files, at the level of Python and of the system."""
    python = sys.stdin, sys.stdout, sys.stderr
    for stream in python[1:]:
        stream.flush()
    kept = [os.dup(number) for number in range(3)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, out.fileno(), err.fileno())):
        os.dup2(file, number)
    os.close(nothing)
    open_standard_streams()
    here = sys.stdin, sys.stdout, sys.stderr
    try:
        yield
    finally:
        # `quiet_libraries` gives the command another stderr.
        for stream in {*here, sys.stdin, sys.stdout, sys.stderr}:
            stream.close()
        sys.stdin, sys.stdout, sys.stderr = python
        for number, copy in enumerate(kept):
            os.dup2(copy, number)
            os.close(copy)
