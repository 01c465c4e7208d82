"""A decoder that crashes, hangs or is slow, in whatever process starts with it on its path."""

import os
from pathlib import Path

from support.paths import ROOT

_STUB = """
import os, time, soundfile

before = soundfile.SoundFile.__init__

def init(self, file, *args, **options):
    if b"-crash" in file:
        os.abort()
    while b"-hang" in file:
        time.sleep(1)
    self.is_slow = b"-slow" in file
    before(self, file, *args, **options)

read = soundfile.SoundFile.read

def slow_read(self, *args, **options):
    if self.is_slow:
        time.sleep(0.7)
    return read(self, *args, **options)

soundfile.SoundFile.__init__ = init
soundfile.SoundFile.read = slow_read
"""


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a command whose decoder minds the names of files.

    One with `-crash` in its name ends the process, one with `-hang` never comes back, and one with
    `-slow` takes 0.7 s for each block.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_STUB)
    return {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
