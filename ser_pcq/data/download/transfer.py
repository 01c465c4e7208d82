"""One file over HTTP: resumed where it broke off, checked before it gets its name.

While a file is on its way it is called `NAME.part`. A later run continues with that part, provided
that a checksum proves in the end that the halves belong together.
"""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ser_pcq.data.download.connection import (
    Counter,
    DownloadError,
    Link,
    PassingError,
    persist,
    readable,
    receive,
)
from ser_pcq.data.download.releases import RemoteFile

_LARGEST_JSON = 64 << 20
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def transfer(
    file: RemoteFile, folder: Path, link: Link, progress: Callable[[int], None] = lambda done: None
) -> Path:
    """Fetch a file into a folder; one that is there already is only checked.

    Args:
        file: What to fetch.
        folder: Where to; made where it does not exist.
        link: Where messages go, and how patient to be.
        progress: Called with the number of bytes that are there.

    Returns:
        Path of the file.

    Raises:
        DownloadError: When the host cannot be reached, refuses, or sends something else than the
            release; when the disk is too small.
    """
    target = folder / file.name
    if target.is_file():
        check(target, file, "move it elsewhere, then run the command again")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    persist(lambda: _receive(file, part, link, progress), link, file.url, lambda: _size(part))
    if file.checksum is None:
        link.say(
            f"warning: no checksum of {file.name} is published, so nothing proves that it came "
            f"unchanged; write this down to recognise it: {digest(part, 'sha256')}"
        )
    part.replace(target)
    return target


def fetch_json(url: str, link: Link) -> Any:
    """Fetch a JSON document of up to 64 MiB.

    Raises:
        DownloadError: When it cannot be reached or is not JSON.
    """

    def fetched() -> bytes:
        out = io.BytesIO()
        accept = {"Accept": "application/json"}
        receive(url, Counter(out, _LARGEST_JSON), out, link.hint, accept)
        return out.getvalue()

    try:
        return json.loads(persist(fetched, link, url))
    except ValueError:
        raise DownloadError(
            "the host does not describe its files as it used to", given=url, do=link.hint
        ) from None


def check(path: Path, file: RemoteFile, do: str) -> None:
    """Compare a file with what its publisher states of it.

    Raises:
        DownloadError: When size or checksum differ.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        raise DownloadError(
            f"{file.name} has the wrong size",
            given=f"{size} bytes ({path})",
            accepted=f"{file.size} bytes",
            do=do,
        )
    if file.checksum is None:
        return
    found = digest(path, file.checksum.partition(":")[0])
    if found != file.checksum:
        raise DownloadError(
            f"{file.name} has the wrong checksum: it is damaged, or not the published file",
            given=f"{found} ({path})",
            accepted=file.checksum,
            do=do,
        )


def digest(path: Path, algorithm: str) -> str:
    """Return the checksum of a file, as `RemoteFile.checksum`."""
    import pooch

    return f"{algorithm}:{pooch.file_hash(str(path), alg=algorithm)}"


def require_room(folder: Path, size: int, what: str) -> None:
    """Make sure that a disk has room for so many bytes.

    Raises:
        DownloadError: When it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DownloadError(
            f"the disk has too little room for {what}",
            given=f"{readable(free)} free at {folder}",
            accepted=f"{readable(size)}",
            do="make room, or choose a folder on another disk",
        )


def _receive(file: RemoteFile, part: Path, link: Link, progress: Callable[[int], None]) -> None:
    """Fetch what is missing of a file into its part, and check it."""
    have = 0 if file.checksum is None else _size(part)
    if file.size is not None and have > file.size:
        have = 0
    if not have or have != file.size:
        with part.open("r+b" if have else "wb") as out:
            out.seek(have)
            rest = {"Range": f"bytes={have}-"} if have else {}
            counter = Counter(out, file.size, progress)
            receive(file.url, counter, out, link.hint, rest, lambda r: _begin(r, file, out, part))
    try:
        if not _size(part) and file.size != 0:
            raise DownloadError("the server sent an empty file", given=file.url, do=link.hint)
        check(part, file, "it was deleted; run the command again, or later if that repeats")
    except DownloadError:
        part.unlink()
        if have:
            what = f"what had come of {file.name} before does not belong to it"
            raise PassingError(what) from None
        raise


def _begin(response: Any, file: RemoteFile, out: IO[bytes], part: Path) -> None:
    """Go to where the bytes of an answer belong; refuse an answer that is not about the file."""
    have = out.tell()
    if response.status_code == 200:
        out.seek(0)
        out.truncate()
        have, length = 0, response.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
    else:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if response.status_code != 206 or found is None or int(found[1]) != have:
            part.unlink()
            raise PassingError("the server does not have the rest of the file that was begun")
        total = int(found[2])
    if None not in (file.size, total) and file.size != total:
        part.unlink()
        raise DownloadError(
            f"the server offers another file than was published as {file.name}",
            given=f"{total} bytes at {file.url}",
            accepted=f"{file.size} bytes",
            do="look on its page whether there is a new version",
        )
    if total is not None:
        require_room(part.parent, total - have, file.name)


def _size(path: Path) -> int:
    """Return the size of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
