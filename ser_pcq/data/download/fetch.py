"""Files over HTTP, fetched by pooch: with several tries, resumed, and checked before use.

While a file is on its way it is called `NAME.part`. A later run goes on with that part, provided
that a checksum proves in the end that the halves belong together.

Proxies are taken from the environment (`https_proxy` and so on), as `requests` does.
"""

import io
import json
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from ser_pcq.data.download.answers import (
    DownloadError,
    PassingError,
    UnreachableError,
    heed,
    readable,
    why_broken,
)
from ser_pcq.data.download.releases import Checksum, RemoteFile
from ser_pcq.version import __version__

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try, after a connection that brought nothing new."""

_BLOCK = 1 << 16  # bytes; a break loses at most so many
_LARGEST_JSON = 64 << 20
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
T = TypeVar("T")


@dataclass(frozen=True)
class Link:
    """How to reach a host, and where messages go.

    Attributes:
        say: Takes a line for the person at the terminal.
        hint: What to do when the host cannot be reached, as a phrase.
        pauses: Seconds before each further try.
    """

    say: Callable[[str], None]
    hint: str
    pauses: Sequence[float] = PAUSES


def require_pooch() -> None:
    """Make sure that what fetches files is installed.

    Raises:
        DownloadError: When it is not.
    """
    try:
        import pooch  # noqa: F401
    except ImportError as error:
        raise DownloadError(
            "downloading needs the package pooch, which is not installed",
            do="install it: pip install 'ser-pcq[download]'",
        ) from error


def fetch(
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
            f"warning: nobody publishes a checksum of {file.name}, so nothing proves that it came "
            f"unchanged; write this down to recognise it: sha256 {digest(part, 'sha256')}"
        )
    part.replace(target)
    return target


def fetch_json(url: str, link: Link) -> Any:
    """Fetch a JSON document of up to 64 MiB.

    Raises:
        DownloadError: When it cannot be reached or is not JSON.
    """

    def receive() -> bytes:
        out = io.BytesIO()
        headers = {"Accept": "application/json"}
        _transfer(url, out, link, headers, lambda response: None, _Counter(out, _LARGEST_JSON))
        return out.getvalue()

    try:
        return json.loads(persist(receive, link, url))
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
    import pooch

    return str(pooch.file_hash(str(path), alg=algorithm))


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


def persist(
    action: Callable[[], T], link: Link, url: str, reached: Callable[[], int] = lambda: 0
) -> T:
    """Do something again while the connection breaks, pausing longer each time.

    Args:
        action: Raises `PassingError` when another try may help.
        link: Where messages go, and the pauses.
        url: For the message.
        reached: How far it has come; when that grows the pauses begin anew.

    Raises:
        UnreachableError: When all tries are used up.
    """
    best, tries = reached(), 0
    while True:
        try:
            return action()
        except PassingError as broken:
            if reached() > best:
                best, tries = reached(), 0
            if tries == len(link.pauses):
                raise UnreachableError(
                    f"the download failed {tries + 1} times: {broken}",
                    given=url,
                    do=f"run the command again to go on where it broke off, or {link.hint}",
                ) from None
            pause = max(link.pauses[tries], broken.wait)
            link.say(f"{broken}; trying again in {pause:g} s")
            time.sleep(pause)
            tries += 1


class _Counter:
    """The progress bar that pooch moves: passes on how far it is, and stops what never ends."""

    def __init__(
        self, out: IO[bytes], most: int | None, progress: Callable[[int], None] = lambda done: None
    ) -> None:
        self.total = 0  # pooch sets it
        self._out, self._most, self._progress = out, most, progress

    def update(self, size: int) -> None:
        """Look how much is written; pooch itself counts whole blocks only."""
        done = self._out.tell()
        if self._most is not None and done > self._most:
            raise DownloadError(
                "the server sends more bytes than the file has", given=f"{done} of {self._most}"
            )
        self._progress(done)

    def reset(self) -> None:
        """Do nothing: the bytes that were written are still there."""

    def close(self) -> None:
        """Do nothing: the caller closes its own bar."""


def _transfer(
    url: str,
    out: IO[bytes],
    link: Link,
    headers: dict[str, str],
    begin: Callable[[Any], None],
    counter: _Counter,
) -> None:
    """Write what a host sends; `begin` sees its answer before the first byte is written."""
    import pooch
    import requests

    def answered(response: Any, **_: Any) -> None:
        if heed(response, link.hint):
            begin(response)

    downloader = pooch.HTTPDownloader(
        progressbar=counter,
        chunk_size=_BLOCK,
        timeout=TIMEOUT,
        headers={
            "User-Agent": f"ser-pcq/{__version__}",
            # Sizes and ranges are those of the file, not of a compressed form of it.
            "Accept-Encoding": "identity",
            **headers,
        },
        hooks={"response": answered},
    )
    try:
        downloader(url, out, None)
    except requests.RequestException as error:
        raise why_broken(error, url, link.hint) from None


def _receive(file: RemoteFile, part: Path, link: Link, progress: Callable[[int], None]) -> None:
    """Fetch what is missing of a file into its part, and check it."""
    have = 0 if file.checksum is None else _size(part)
    if file.size is not None and have > file.size:
        have = 0
    if not have or have != file.size:
        with part.open("r+b" if have else "wb") as out:
            out.seek(have)
            headers = {"Range": f"bytes={have}-"} if have else {}
            counter = _Counter(out, file.size, progress)
            _transfer(file.url, out, link, headers, lambda r: _begin(r, file, out, part), counter)
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
