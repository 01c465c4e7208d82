"""A corpus from its official record to an unpacked folder: all of it, or nothing."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from ser_pcq.data.corpora.corpus import Corpus
from ser_pcq.data.download.checkout import checkout
from ser_pcq.data.download.connection import PAUSES, DownloadError, Link, require_pooch
from ser_pcq.data.download.records import listed_files
from ser_pcq.data.download.releases import Release, RemoteFile
from ser_pcq.data.download.transfer import require_room, transfer
from ser_pcq.data.download.unpack import (
    corpus_root,
    is_archive,
    merge,
    safe_path,
    unpack,
    unpacked_size,
)

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""From a title and a number of bytes (None: unknown) to what takes the bytes that are done."""

_TAR_GROWTH = 2  # a tar does not say what it unpacks to; the archives in it lie there twice


def download(
    corpus: Corpus,
    release: Release,
    folder: Path,
    *,
    say: Callable[[str], None],
    progress: Progress,
    keep_archive: bool = False,
    pauses: Sequence[float] = PAUSES,
) -> Path:
    """Fetch a corpus and unpack it to `folder/NAME`.

    What was fetched so far is kept in `folder`, and a second call continues with it. `folder/NAME`
    appears when everything is complete.

    Args:
        corpus: What to fetch.
        release: Where it can be had.
        folder: Where to; made where it does not exist.
        say: Takes a line for the person at the terminal.
        progress: Shows how far it is.
        keep_archive: Keep the archives beside the unpacked corpus.
        pauses: Seconds before each further try when the connection breaks.

    Returns:
        `folder/NAME`.

    Raises:
        DownloadError: When the owner does not allow it, the host cannot be reached, or what comes
            is not what was published.
        DataError: When an archive cannot be unpacked safely.
    """
    target = folder / corpus.name
    licence = release.licence or corpus.licence
    if _is_there(corpus.title, release, target):
        say(f"{corpus.title} is complete already: {target}")
        return target
    if release.by_hand is not None:
        raise DownloadError(
            f"{corpus.title} cannot be downloaded by a program ({licence})",
            do=f"{release.by_hand}: {release.page}; then unpack it to {target}",
        )
    if release.checkout is None:
        require_pooch()
    for line in _announced(corpus, release, licence):
        say(line)
    with _made(folder):
        if release.checkout is not None:
            part = folder / f"{corpus.name}.part"
            checkout(release.checkout, part, say, release.page)
            part.replace(target)
        else:
            hint = f"download by hand from {release.page} and unpack it to {target}"
            archives = _obtain(release, target, Link(say, hint, pauses), progress)
            for archive in () if keep_archive else archives:
                archive.unlink()
    if words := lacking(release, target):
        say(f"warning: {target} is not as expected: {words}")
    return target


def _announced(corpus: Corpus, release: Release, licence: str) -> Iterator[str]:
    """Yield what a person should know before a download."""
    yield f"{corpus.title}, from {release.page}"
    yield f"licence, which you accept by using it: {licence}"
    yield f"to be cited: {corpus.citation}"
    if release.note:
        yield f"note: {release.note}"


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder; remove it again if it stays empty."""
    new = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"the folder cannot be made ({error.strerror})",
            given=folder,
            do="choose another one, in which you may write",
        ) from error
    try:
        yield
    finally:
        for made in new:
            with suppress(OSError):  # something is in it
                made.rmdir()


def lacking(release: Release, folder: Path) -> str:
    """Say what an unpacked corpus lacks; nothing when it is complete.

    Args:
        release: Says how many files there must be.
        folder: The unpacked corpus.
    """
    pattern, least = release.holds
    found = sum(p.is_file() and not p.name.startswith(".") for p in folder.glob(pattern))
    return f"{found} files {pattern}, {least} in the complete release" if found < least else ""


def _is_there(title: str, release: Release, target: Path) -> bool:
    """Return whether a corpus is complete; refuse a folder that holds anything else."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    if words := lacking(release, target):
        raise DownloadError(
            f"the folder holds something else, or only a part of {title}",
            given=f"{target}: {words}",
            do="move it elsewhere, or choose another folder",
        )
    return True


def _obtain(release: Release, target: Path, link: Link, progress: Progress) -> list[Path]:
    """Fetch the files of a release and put the corpus in its place; return the archives."""
    folder, part, pattern = target.parent, target.with_name(f"{target.name}.part"), release.holds[0]
    there = all(f.checksum and (folder / f.name).is_file() for f in release.files)
    # Archives that were fetched by hand are used too, and need no connection.
    files = release.files if release.files and there else listed_files(release, link)
    archives = _fetch(files, folder, part, link, progress)
    if archives:
        _put_in_place(archives, part, target, pattern, progress)
    else:
        corpus_root(part, pattern).replace(target)
    shutil.rmtree(part, ignore_errors=True)
    return archives


def _fetch(
    files: Sequence[RemoteFile], folder: Path, part: Path, link: Link, progress: Progress
) -> list[Path]:
    """Fetch archives to the folder and single recordings to `part`; return the archives."""
    places = {f.name: folder if is_archive(Path(f.name)) else part for f in files}
    missing = 0
    for file in files:
        place = safe_path(places[file.name], file.name, "the record")
        size = file.size or 0
        there = [p for p in (place, place.with_name(f"{place.name}.part")) if p.is_file()]
        missing += size - min(size, sum(p.stat().st_size for p in there))
        # It unpacks to its own size at least.
        missing += size if places[file.name] == folder else 0
    require_room(folder, missing, "the archive and what it unpacks to")
    sizes = [f.size for f in files]
    total = None if None in sizes else sum(s for s in sizes if s is not None)
    fetched, done = [], 0
    title = files[0].name if len(files) == 1 else f"{len(files)} files"
    with progress(f"fetching {title}", total) as update:
        for file in files:
            path = transfer(file, places[file.name], link, _after(done, update))
            done += path.stat().st_size
            update(done)
            if places[file.name] == folder:
                fetched.append(path)
    return fetched


def _after(before: int, update: Callable[[int], None]) -> Callable[[int], None]:
    """Return a function that counts bytes on from those of earlier files."""
    return lambda done: update(before + done)


def _put_in_place(
    archives: Sequence[Path], part: Path, target: Path, pattern: str, progress: Progress
) -> None:
    """Unpack to a temporary folder, add single recordings, and move all that to its place."""
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        for archive in archives:
            size = unpacked_size(archive)
            needed = _TAR_GROWTH * archive.stat().st_size if size is None else size
            require_room(target.parent, needed, f"what {archive.name} unpacks to")
            with progress(f"unpacking {archive.name}", size) as update:
                unpack(archive, temporary, update)
        if part.is_dir():
            merge(part, temporary)
        # mkdtemp makes folders for the owner only; a corpus gets the ordinary permissions.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        corpus_root(temporary, pattern).replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
