"""One file over HTTP: resumed where it broke off, checked before it gets its name.

While a file is on its way it is called `NAME.part`; `NAME.part.json` says of which state of which
address it is a part (RFC 9110, section 13.1.5), so that halves of two files are never joined.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ser_pcq.data.download.connection import (
    DownloadError,
    Link,
    PassingError,
    Response,
    connect,
    persist,
    readable,
)
from ser_pcq.data.download.releases import Checksum, RemoteFile
from ser_pcq.files import write_json

_BLOCK = 1 << 18


class _Part:
    """The beginning of a file, and what it is the beginning of."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._origin = target.with_name(f"{target.name}.part.json")

    def size(self) -> int:
        """Return how many bytes are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> dict[str, str]:
        """Return address and validator (entity tag or date); empty where they are not known."""
        try:
            return dict(json.loads(self._origin.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def begin(self, url: str, validator: str) -> None:
        """Note what the bytes to come belong to."""
        write_json(self._origin, {"url": url, "validator": validator})

    def drop(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Give the file its name."""
        self.path.replace(target)
        self._origin.unlink(missing_ok=True)


def transfer(
    file: RemoteFile, folder: Path, link: Link, progress: Callable[[int], None] = lambda done: None
) -> Path:
    """Fetch a file into a folder, going on from an earlier part; one that is there is only checked.

    Args:
        file: What to fetch.
        folder: Where to; made where it does not exist.
        link: Whom to tell, and how patient to be.
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
    part = _Part(target)
    persist(lambda: _receive(file, part, link, progress), link, file.url, part.size)
    if part.path.stat().st_size == 0 and file.size != 0:
        part.drop()
        raise DownloadError("the server sent an empty file", given=file.url, do=link.hint)
    try:
        check(part.path, file, "it was deleted; run the command again, or later if that repeats")
    except DownloadError:
        part.drop()
        raise
    if file.checksum is None:
        link.say(
            f"warning: nobody publishes a checksum of {file.name}, so nothing proves that it came "
            f"unchanged; write this down to recognise it: sha256 {digest(part.path, 'sha256')}"
        )
    part.finish(target)
    return target


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
    found = Checksum(file.checksum.algorithm, digest(path, file.checksum.algorithm))
    if found != file.checksum:
        raise DownloadError(
            f"{file.name} has the wrong checksum: it is damaged, or not the published file",
            given=f"{found} ({path})",
            accepted=file.checksum,
            do=do,
        )


def digest(path: Path, algorithm: str) -> str:
    """Return the checksum of a file in hexadecimal digits."""
    with path.open("rb") as file:
        # Not for secrecy: md5 is what many archives publish.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


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


def _receive(file: RemoteFile, part: _Part, link: Link, progress: Callable[[int], None]) -> None:
    """Fetch what is missing of a file into its part."""
    origin = part.origin()
    validator = origin.get("validator", "")
    # A part of unknown state may only be gone on with where a checksum decides in the end.
    known = origin.get("url") == file.url and (validator or file.checksum is not None)
    have = part.size() if known else 0
    if file.size is not None and have > file.size:
        have = 0
    if have and have == file.size:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and validator:
        headers["If-Range"] = validator
    with connect(file.url, headers, link.hint) as response:
        if response.status == 416:
            if have and response.total == have and file.size is None:
                return
            part.drop()
            raise PassingError("the server does not have the rest of the file that was begun")
        have = _start(response, have, validator, part)
        total = _agreed_size(file, response)
        if total is not None:
            require_room(part.path.parent, total - have, file.name)
        part.begin(file.url, response.validator)
        _store(response, part, have, total, progress)


def _start(response: Response, have: int, validator: str, part: _Part) -> int:
    """Return where the bytes of a response begin in the file."""
    if response.status == 200:
        return 0
    changed = validator and response.validator and response.validator != validator
    if response.status != 206 or response.start != have or changed:
        part.drop()
        raise PassingError("the server sent another part of the file than was asked for")
    return have


def _agreed_size(file: RemoteFile, response: Response) -> int | None:
    """Return the size of the whole file, on which publisher and server must agree."""
    if None not in (file.size, response.total) and file.size != response.total:
        raise DownloadError(
            f"the server offers another file than was published as {file.name}",
            given=f"{response.total} bytes at {file.url}",
            accepted=f"{file.size} bytes",
            do="look on its page whether there is a new version",
        )
    return response.total if file.size is None else file.size


def _store(
    response: Response,
    part: _Part,
    have: int,
    total: int | None,
    progress: Callable[[int], None],
) -> None:
    """Write what comes, after the bytes that are there."""
    with part.path.open("ab" if have else "wb") as out:
        progress(have)
        while block := response.read(_BLOCK):
            out.write(block)
            have += len(block)
            progress(have)
            if total is not None and have > total:
                break
    if total is not None and have > total:
        part.drop()
        raise DownloadError(
            "the server sent more bytes than the file has", given=f"{have} of {total} bytes"
        )
    if total is not None and have < total:
        raise PassingError(f"the connection broke off after {readable(have)} of {readable(total)}")
