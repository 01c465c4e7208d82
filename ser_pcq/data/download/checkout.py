"""A corpus that its owner keeps in a git repository: one commit of it, checked by git itself."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ser_pcq.data.download.connection import DownloadError
from ser_pcq.data.download.releases import Checkout


def git_commands(source: Checkout, folder: Path) -> list[list[str]]:
    """Return the commands that fetch a commit into a folder, as a person could type them.

    Only that commit is fetched, without history, and of Git LFS only what is needed.

    Args:
        source: What to fetch.
        folder: Where to.
    """
    git = ["git", "-C", str(folder)]
    commands = [
        ["git", "init", "--quiet", str(folder)],
        [*git, "fetch", "--depth=1", source.url, source.commit],
        [*git, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "FETCH_HEAD"],
    ]
    if source.lfs is not None:
        # What the checkout writes are pointers; `pull` puts the files in their place.
        commands.insert(1, [*git, "lfs", "install", "--local", "--skip-smudge"])
        commands += [
            [*git, "config", "remote.origin.url", source.url],
            [*git, "lfs", "pull", f"--include={source.lfs}"],
        ]
    return commands


def checkout(source: Checkout, folder: Path, say: Callable[[str], None], page: str) -> None:
    """Fetch a commit into a folder, continuing where an earlier try stopped; drop the history.

    Args:
        source: What to fetch.
        folder: Where to; of an earlier try, or new.
        say: Takes a line for the person at the terminal.
        page: Where the corpus can be had by hand, for the messages.

    Raises:
        DownloadError: When git or git-lfs is missing or fails.
    """
    commands = git_commands(source, folder)
    typed = "\n".join(f"  {shlex.join(command)}" for command in commands)
    if missing := _missing(source):
        raise DownloadError(
            f"this corpus is kept in a git repository, and {missing} is not installed",
            do=f"install {missing} and run this command again, or see {page}; it runs:\n{typed}",
        )
    say(f"fetching commit {source.commit} with git:\n{typed}")
    for command in commands:
        _run(command, page)
    shutil.rmtree(folder / ".git", ignore_errors=True)


def _missing(source: Checkout) -> str:
    """Return the program that is needed and not there; empty if none."""
    if shutil.which("git") is None:
        return "git"
    if source.lfs is None:
        return ""
    found = subprocess.run(["git", "lfs", "version"], capture_output=True, check=False)
    return "git-lfs" if found.returncode else ""


def _run(command: list[str], page: str) -> None:
    """Run git. At a terminal it shows its progress; else its last line says why it failed."""
    shown = sys.stderr.isatty()
    done = subprocess.run(
        command,
        # A private repository would ask for a password, and wait for ever if no one typed one.
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if shown else subprocess.DEVNULL,
        stderr=None if shown else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or "").strip().splitlines()
        raise DownloadError(
            f"git failed ({lines[-1]})" if lines else "git failed",
            given=shlex.join(command),
            do="check the connection and run this command again, which continues where it stopped, "
            f"or download by hand from {page}",
        )
