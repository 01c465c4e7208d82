"""Which files of a folder are recordings."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ser_pcq.audio.headers.foreign import MEDIA_SUFFIXES

AUDIO_SUFFIXES = frozenset(
    MEDIA_SUFFIXES
    | {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au"}
    | {".snd", ".caf", ".w64", ".rf64", ".sph", ".nist"}
)
"""What `find_audio` looks for in folders, in lower case. A file that is named itself may have any
ending, as its content decides."""


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the audio files below a folder, each real folder once, so that links cannot loop."""
    # A folder that cannot be listed is kept like a file: it is refused on reading, and the files
    # beside it are not lost.
    locked: list[Path] = []

    def keep(error: OSError) -> None:
        locked.append(Path(error.filename))

    seen = set()
    for root, folders, names in os.walk(folder, onerror=keep, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            # `._name.wav` is what macOS leaves on foreign disks: not audio, despite its name.
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(root, name)
    yield from locked


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the audio files that `paths` name, each once.

    A folder means the audio files below it, sorted, without hidden ones. Anything else is kept as
    it is and in its place, even if it does not exist or cannot be listed: reading it will say what
    is wrong.

    Args:
        paths: Files and folders.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        # Not Path.is_dir(), which raises where a folder on the way may not be entered.
        is_folder = os.path.isdir(path)  # noqa: PTH112
        for file in sorted(_walk(path)) if is_folder else [path]:
            # Not Path.resolve(), which would take a link and its target for one file.
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100
    return list(found.values())
