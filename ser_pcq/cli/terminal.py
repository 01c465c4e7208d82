"""What every command shares: how it is built, what it shows at a terminal, how it ends.

Exit codes: 0 all well, 1 an error that the message explains, 2 wrong usage, 130 interrupted.
"""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ser_pcq.errors import SerError
from ser_pcq.processes import Progress, no_progress
from ser_pcq.version import __version__


def new_app(**options: Any) -> typer.Typer:
    """Build a Typer application with the settings that all commands share."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


def show_version(wanted: bool) -> None:
    """Print the version and stop, when `--version` was given."""
    if wanted:
        typer.echo(f"ser-pcq {__version__}")
        raise typer.Exit()


VERSION_OPTION: Any = typer.Option(
    False, "--version", callback=show_version, is_eager=True, help="Print the version and stop."
)


def choice(flag: str, names: Iterable[str], text: str) -> Any:
    """Build an option that takes one of the names of a registry."""
    known = list(names)

    def check(name: str | None) -> str | None:
        if name is None or name in known:
            return name
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, known))}")

    return typer.Option(flag, metavar=f"<{'|'.join(known)}>", callback=check, help=text)


def say(message: str) -> None:
    """Write one line for the person at the terminal, to stderr: stdout is for data."""
    typer.echo(message, err=True)


def standard_input(what: str) -> io.BufferedReader:
    """Return standard input for bytes; remark that it is a terminal.

    Args:
        what: What is then read.

    Raises:
        SerError: When it is closed.
    """
    if sys.stdin is None:
        raise SerError("standard input is closed", do="give it something to read")
    if sys.stdin.isatty():
        say(f"ser-predict: reading {what}; is a pipe missing?")
    return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Yield a function of (done, total) that draws a bar on stderr, where that is a terminal."""
    if not sys.stderr.isatty():  # importing rich takes longer than judging a file
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(title), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def waiting(title: str) -> Iterator[None]:
    """Show on stderr, where that is a terminal, that work of unknown length is in progress."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(title):
        yield


def quiet_libraries() -> None:
    """Hide what decoders in C print from the terminal: results report it in clearer words.

    They write to file descriptor 2; Python still writes to the former target of it.
    """
    real = os.dup(2)
    sys.stderr = os.fdopen(real, "w", buffering=1, errors="backslashreplace")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    os.close(silent)


def end_tidily() -> None:
    """When asked to end (SIGTERM), remove temporary files first, as after Ctrl-C."""

    def leave(number: int, frame: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def run(app: Callable[[], Any], name: str) -> None:
    """Run a command; turn a `SerError` into one line on stderr and exit code 1."""
    try:
        app()
    except SerError as error:
        say(f"{name}: {error}")
        sys.exit(1)
    except ModuleNotFoundError as error:
        # Only predicting works with what a plain installation brings.
        if error.name is None or error.name.partition(".")[0] == "ser_pcq":
            raise
        extras = "train,export" if name == "ser-export" else "train"
        say(f"{name}: this needs the package {error.name}; pip install 'ser-pcq[{extras}]'")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output is gone (for example `| head`): there is nothing to report.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        say(f"{name}: {error.filename or 'a file'} cannot be read or written ({error.strerror})")
        sys.exit(1)
