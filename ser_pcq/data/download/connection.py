"""A request over HTTP: what the server answered, or why there was no answer, in plain words.

Proxies are taken from the environment (`https_proxy` and so on), as `urllib` does.
"""

import http.client
import json
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ser_pcq.errors import SerError
from ser_pcq.version import __version__

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try, after a connection that brought nothing new."""

_BLOCK = 1 << 18
_LARGEST_JSON = 64 << 20
_LONGEST_WAIT = 120.0  # s; a server may ask for more, a person would not wait
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
T = TypeVar("T")
_NO_WAY = (socket.gaierror, ConnectionRefusedError)


class DownloadError(SerError):
    """A corpus that cannot be downloaded, or is not what its owner published."""


class UnreachableError(DownloadError):
    """A host that does not answer: no other file of it would come either."""


class PassingError(Exception):
    """Something went wrong that another try may put right.

    Attributes:
        wait: Seconds that the server asks to be left alone, at least.
    """

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


@dataclass(frozen=True)
class Link:
    """How to reach a host, and whom to tell.

    Attributes:
        say: Takes a line for the person at the terminal.
        hint: What to do when the host cannot be reached, as a phrase.
        pauses: Seconds before each further try.
    """

    say: Callable[[str], None]
    hint: str
    pauses: Sequence[float] = PAUSES


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to http, where anybody could change the file."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(
                "the server redirects to an address without encryption",
                given=newurl,
                accepted="an address with https",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Response(AbstractContextManager["Response"]):
    """What a server answered.

    Attributes:
        status: 200 all of it, 206 a part, 416 no such part.
        start: First byte of a part; None for all of it.
        total: Size of the whole file in bytes; None where the server does not say.
        validator: Changes when the file changes: a strong entity tag or a date; empty if none.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        headers = raw.headers
        self.status = int(raw.status)
        etag, date = headers.get("ETag", ""), headers.get("Last-Modified", "")
        # A weak tag may stay the same although bytes differ.
        self.validator: str = date if not etag or etag.startswith("W/") else etag
        length = headers.get("Content-Length", "")
        self.start: int | None = None
        self.total: int | None = int(length) if self.status == 200 and length.isdigit() else None
        if part := _RANGE.fullmatch(headers.get("Content-Range", "").strip()):
            self.start = int(part[1]) if part[1] else None
            self.total = int(part[2]) if part[2] != "*" else None

    def read(self, size: int) -> bytes:
        """Read up to so many bytes, as they come; none at the end.

        Raises:
            PassingError: When the connection breaks or falls silent.
        """
        try:
            return bytes(self._raw.read1(size))
        except (OSError, http.client.HTTPException) as error:
            raise PassingError(f"the connection broke ({_reason(error)})") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._raw.close()


def connect(url: str, headers: Mapping[str, str], hint: str) -> Response:
    """Send a request and wait for the beginning of the answer.

    Args:
        url: Address, with http or https.
        headers: Of the request.
        hint: What to do when the host cannot be reached, for the message.

    Raises:
        PassingError: When another try may help.
        DownloadError: When it would not.
    """
    request = urllib.request.Request(
        url,
        headers={
            "User-Agent": f"ser-pcq/{__version__}",
            # Sizes and ranges are those of the file, not of a compressed form of it.
            "Accept-Encoding": "identity",
            **headers,
        },
    )
    host = urlsplit(url).netloc
    try:
        opener = urllib.request.build_opener(_NoDowngrade)
        return Response(opener.open(request, timeout=TIMEOUT))
    except HTTPError as error:
        if error.code == 416:
            return Response(error)
        error.close()
        if error.code in _PASSING:
            raise PassingError(_answered(host, error), _wait(error)) from None
        raise DownloadError(_answered(host, error), given=url, do=hint) from None
    except (OSError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            wrong = f"the certificate of {host} is not to be trusted"
            raise DownloadError(wrong, given=cause.verify_message, do=hint) from None
        if isinstance(cause, _NO_WAY):
            wrong = f"{host} cannot be reached ({_reason(cause)})"
            raise UnreachableError(wrong, do=f"check the connection, or {hint}") from None
        raise PassingError(f"no answer from {host} ({_reason(cause)})") from None


def fetch_json(url: str, link: Link) -> Any:
    """Fetch a JSON document of up to 64 MiB.

    Raises:
        DownloadError: When it cannot be reached or is not JSON.
    """

    def receive() -> bytes:
        with connect(url, {"Accept": "application/json"}, link.hint) as response:
            data = b"".join(iter(lambda: response.read(_BLOCK), b""))
            if response.total is not None and len(data) < response.total:
                raise PassingError("the connection broke off")
            return data[: _LARGEST_JSON + 1]

    data = persist(receive, link, url)
    try:
        if len(data) > _LARGEST_JSON:
            raise ValueError
        return json.loads(data)
    except ValueError:
        raise DownloadError(
            "the host does not describe its files as it used to", given=url, do=link.hint
        ) from None


def persist(
    action: Callable[[], T], link: Link, url: str, reached: Callable[[], int] = lambda: 0
) -> T:
    """Do something again while the connection breaks, pausing longer each time.

    Args:
        action: Raises `PassingError` when another try may help.
        link: Whom to tell, and the pauses.
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
                    do="run the command again to go on where it broke off, or " + link.hint,
                ) from None
            pause = max(link.pauses[tries], broken.wait)
            link.say(f"{broken}; trying again in {pause:g} s")
            time.sleep(pause)
            tries += 1


def readable(size: float) -> str:
    """Return a number of bytes as a person reads it: `39.98 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} TB"


def _answered(host: str, error: HTTPError) -> str:
    """Say what a server answered instead of the file."""
    return f"{host} answers {error.code} {error.reason}".rstrip()


def _wait(error: HTTPError) -> float:
    """Return the seconds that a server asks to be left alone, within reason."""
    seconds = error.headers.get("Retry-After", "") if error.headers else ""
    return min(float(seconds), _LONGEST_WAIT) if seconds.isdigit() else 0.0


def _reason(error: object) -> str:
    """Return the words of an error of the operating system, or its kind where it has none."""
    words = getattr(error, "strerror", None) or str(error)
    return words or type(error).__name__
