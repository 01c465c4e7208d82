"""What every corpus module says of its corpus, and what these modules have in common."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError

_LFS_POINTER = b"version https://git-lfs"
_LFS_SIZE = 1024  # bytes; a pointer file has about 130


@dataclass(frozen=True)
class Corpus:
    """A corpus that can be prepared by name.

    Attributes:
        name: As commands take it, in lower case.
        title: As its owners write it.
        prepare: From the released tree to its utterances. Options of the corpus have defaults.
        language: Of the speech.
        licence: Short, as in a table.
        size: Utterances, speakers and hours of the complete release, in words.
        labels: The emotions that `prepare` gives without options.
        protocol: The speaker-independent protocol of its literature, in words.
        home: Address of the page where the owner offers it.
        citation: Who is to be named.
    """

    name: str
    title: str
    prepare: Callable[[Path], Prepared]
    language: str
    licence: str
    size: str
    labels: tuple[str, ...]
    protocol: str
    home: str
    citation: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """Utterances of each emotion in the complete release; empty where it is not fixed."""


class Generator(Protocol):
    """Makes a corpus of synthetic sounds."""

    def __call__(
        self, out_dir: Path, *, seed: int = 0, speakers: int = 4, per_class: int = 3
    ) -> Path:
        """Make the corpus in `out_dir`, the same for the same seed, and return its folder."""


def count_notes(
    utterances: Iterable[Utterance],
    emotions: Mapping[str, int],
    speakers: Mapping[str, int] | None = None,
) -> list[str]:
    """Say how utterances differ from the complete release, one line each; none when they do not.

    Args:
        utterances: What was found.
        emotions: Emotion to the number of its utterances in the complete release.
        speakers: The same by speaker, where it is known.
    """
    found = list(utterances)
    notes = []
    for what, expected in (("emotion", emotions), ("speaker", speakers or {})):
        counts = Counter(str(getattr(u, what)) for u in found) if expected else Counter()
        notes += [
            f"{what} {name}: {counts[name]} utterances, {expected.get(name, 0)} in the complete "
            "release"
            for name in (*expected, *sorted(set(counts) - set(expected)))
            if counts[name] != expected.get(name, 0)
        ]
    if notes:
        total = f"{len(found)} utterances, {sum(emotions.values())} in the complete release"
        notes.insert(0, total)
    return notes


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """List the files of a folder that match, sorted; hidden ones are left out.

    Hidden files include the `._name.wav` that macOS leaves on foreign disks.
    """
    return sorted(p for p in folder.glob(pattern) if not p.name.startswith(".") and p.is_file())


def refuse_lfs_pointers(paths: Sequence[Path], corpus: str) -> None:
    """Refuse Git LFS pointers: small text files in the place of the audio.

    Raises:
        DataError: When any of the files is one.
    """
    pointers = [p for p in paths if p.stat().st_size < _LFS_SIZE and _starts_as_pointer(p)]
    if pointers:
        raise DataError(
            f"files of {corpus} are Git LFS pointers, not the audio itself",
            given=f"{len(pointers)} of {len(paths)} files, such as {pointers[0]}",
            do="fetch the audio: install git-lfs, then run `git lfs pull` in the repository",
        )


def _starts_as_pointer(path: Path) -> bool:
    """Say whether a file begins as a pointer does."""
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER


_GLIMPSE = 4096  # bytes from the middle of a file: enough to distinguish two recordings


def take_once(files: Iterable[tuple[str, Path]]) -> tuple[dict[str, Path], list[str]]:
    """Take one file for each id, where a tree holds a corpus more than once.

    Args:
        files: Id and file; of several files of an id the one in the fewest folders is taken.

    Returns:
        Id to file, sorted by id; and a note where files were left out.

    Raises:
        DataError: When two files of an id differ.
    """
    by_id: dict[str, list[Path]] = defaultdict(list)
    for name, path in sorted(files, key=lambda f: (len(f[1].parts), f[1])):
        by_id[name].append(path)
    twice = {name: paths for name, paths in by_id.items() if len(paths) > 1}
    for name, (first, *others) in twice.items():
        for other in others:
            if glimpse(first) != glimpse(other):
                raise DataError(
                    f"two files are {name}, and they differ",
                    given=f"{first} and {other}",
                    accepted="one file for each recording, or exact copies of it",
                    do="move the one that is not part of the corpus elsewhere",
                )
    notes = []
    if twice:
        first, second = next(iter(twice.values()))[:2]
        notes.append(
            f"{len(twice)} recordings are there more than once, such as {first} and {second}: "
            "one of each was taken"
        )
    return {name: by_id[name][0] for name in sorted(by_id)}, notes


def glimpse(path: Path) -> tuple[int, bytes]:
    """Return the size of a file in bytes, and some of them: enough to distinguish recordings."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, (size - _GLIMPSE) // 2))
        return size, file.read(_GLIMPSE)
