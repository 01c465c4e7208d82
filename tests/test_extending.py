"""Extending: what the page says is done to a copy of the package, word for word, and then used."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import environment, write_scripts
from support.paths import ROOT

PAGE = ROOT / "docs" / "extending.md"

LIMITS = {
    "A block of the network": 3,
    "A corpus": 4,
    "An output format": 2,
    "A metric": 1,
}
"""Section to the files of the package that the addition may touch."""

NEW_FILE = re.compile(r"^`(\S+)`, new:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DIFF = re.compile(r"^```diff\n--- (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    return text


def patched(text: str, diff: str) -> str:
    """Apply the hunks, each of which must fit at exactly one place."""
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
        new = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
        assert text.count(old) == 1, f"fits {text.count(old)} times:\n{hunk}"
        text = text.replace(old, new)
    return text


def copy_of_the_checkout(folder: Path) -> Path:
    """Copy the package, and link what only is read."""
    ignored = shutil.ignore_patterns("__pycache__", "embedded")
    shutil.copytree(ROOT / "ser_pcq", folder / "ser_pcq", ignore=ignored)
    for name in ("ser_pcq/models/embedded", "examples", "recipes"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def changed_files(folder: Path) -> list[str]:
    """The files of the package in `folder` that are not in the checkout, or differ."""
    found = [p for p in (folder / "ser_pcq").rglob("*") if p.suffix in (".py", ".typed", ".toml")]
    names = [str(p.relative_to(folder)) for p in found if "__pycache__" not in p.parts]
    assert len(names) > 100
    return sorted(
        name
        for name in names
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != (folder / name).read_bytes()
    )


@pytest.mark.parametrize("title", LIMITS)
def test_an_addition_touches_few_files_and_works(title, tmp_path):
    text = section(title)
    folder = copy_of_the_checkout(tmp_path)
    for name, content in NEW_FILE.findall(text):
        assert not (folder / name).exists()
        (folder / name).write_text(content)
    for name, diff in DIFF.findall(text):
        (folder / name).write_text(patched((folder / name).read_text(), diff))

    changed = changed_files(folder)
    assert 0 < len(changed) <= LIMITS[title], changed
    said = re.search(rf"^\| \[{title.lower()}\].*\| (\d+) \|$", PAGE.read_text(), re.M | re.I)
    assert said is not None
    assert int(said[1]) == len(changed)

    (commands,) = COMMANDS.findall(text)
    (printed,) = PRINTED.findall(text)
    (tmp_path / "bin").mkdir()
    # Each a process that imports this copy.
    scripts = write_scripts(tmp_path / "bin", f'"{sys.executable}" -m ser_pcq.cli.{{}}')
    path = f"{scripts}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=folder,
        env=environment(PATH=path, PYTHONPATH=str(folder), XDG_CACHE_HOME=str(folder)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    missing = set(printed.splitlines()) - set(done.stdout.splitlines())
    assert not missing, done.stdout
    # The commands have not written into the checkout.
    assert changed_files(folder) == changed
