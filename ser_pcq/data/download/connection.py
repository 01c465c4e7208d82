"""A request over HTTP, made by pooch: the answer, or in plain words why it failed.

Proxies are taken from the environment (`https_proxy` and so on), as `requests` does.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from ser_pcq.errors import SerError
from ser_pcq.version import __version__

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try, after a connection that brought nothing new."""

_BLOCK = 1 << 16  # bytes; a break loses at most so many
_LONGEST_WAIT = 120.0  # s; a server may ask for more, a person would not wait
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_NO_WAY = (socket.gaierror, ConnectionRefusedError)
T = TypeVar("T")


class DownloadError(SerError):
    """A corpus that cannot be downloaded, or is not what its owner published."""


class UnreachableError(DownloadError):
    """A host that does not answer: its other files cannot be fetched either."""


class PassingError(Exception):
    """A failure after which another try may succeed.

    Attributes:
        wait: Seconds that the server asks to be left alone, at least.
    """

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


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


class Counter:
    """The progress bar that pooch moves: it passes on how far a file is, and stops an endless one.

    Args:
        out: What is written to.
        most: The bytes that may come; None where that is not known.
        progress: Called with the number of bytes written.
    """

    total = 0  # pooch sets it

    def __init__(
        self, out: IO[bytes], most: int | None, progress: Callable[[int], None] = lambda done: None
    ) -> None:
        self._out, self._most, self._progress = out, most, progress

    def update(self, size: int) -> None:
        """Look how much is written, since pooch counts whole blocks only."""
        done = self._out.tell()
        if self._most is not None and done > self._most:
            raise DownloadError(
                "the server sends more bytes than the file has", given=f"{done} of {self._most}"
            )
        self._progress(done)

    def reset(self) -> None:
        """Do nothing: what is written stays written."""

    def close(self) -> None:
        """Do nothing: the caller closes its own bar."""


def require_pooch() -> None:
    """Make sure that pooch is installed.

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


def receive(
    url: str,
    counter: Counter,
    out: IO[bytes],
    hint: str,
    headers: Mapping[str, str],
    begin: Callable[[Any], None] = lambda response: None,
) -> None:
    """Write what a host sends.

    Args:
        url: Address, with http or https.
        counter: Counts what is written.
        out: Where to.
        hint: What to do when the host does not send it, for the message.
        headers: Of the request.
        begin: Called with the answer, a `requests.Response`, before its first byte is written.

    Raises:
        PassingError: When another try may help.
        DownloadError: When it would not.
    """
    import pooch
    import requests

    def answered(response: Any, **_: Any) -> None:
        if heed(response, hint):
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
        raise _why_broken(error, url, hint) from None


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
                    do=f"run the command again to continue where it broke off, or {link.hint}",
                ) from None
            pause = max(link.pauses[tries], broken.wait)
            link.say(f"{broken}; trying again in {pause:g} s")
            time.sleep(pause)
            tries += 1


def heed(response: Any, hint: str) -> bool:
    """Look at an answer before its content is read.

    Args:
        response: A `requests.Response`.
        hint: What to do when the host does not send the file, for the message.

    Returns:
        Whether content follows; not where the answer is a redirect.

    Raises:
        PassingError: When the server asks for another try.
        DownloadError: When it refuses, or redirects from https to http, where anybody could change
            the file.
    """
    host = urlsplit(response.url).netloc
    if response.is_redirect:
        new = urljoin(response.url, response.headers["Location"])
        if urlsplit(response.url).scheme == "https" != urlsplit(new).scheme:
            raise DownloadError(
                "the server redirects to an address without encryption",
                given=new,
                accepted="an address with https",
            )
        return False
    answer = f"{host} answers {response.status_code} {response.reason}".rstrip()
    if response.status_code in _PASSING:
        seconds = response.headers.get("Retry-After", "")
        wait = min(float(seconds), _LONGEST_WAIT) if seconds.isdigit() else 0.0
        raise PassingError(answer, wait)
    # 416: what is asked for lies beyond the end of the file.
    if not response.ok and response.status_code != 416:
        raise DownloadError(answer, given=response.url, do=hint)
    return True


def _why_broken(error: Exception, url: str, hint: str) -> Exception:
    """Return the error that says why a connection failed; a passing one if a try may help."""
    import requests

    host = urlsplit(url).netloc
    cause = _cause(error)
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(cause, ssl.SSLCertVerificationError):
        wrong = f"the certificate of {host} is not to be trusted"
        return DownloadError(wrong, given=cause.verify_message, do=hint)
    if isinstance(cause, _NO_WAY):
        wrong = f"{host} cannot be reached ({words})"
        return UnreachableError(wrong, do=f"check the connection, or {hint}")
    if isinstance(cause, http.client.IncompleteRead) and isinstance(cause.expected, int):
        # urllib3 gives the number of bytes where http.client has the bytes themselves.
        come = cause.partial if isinstance(cause.partial, int) else len(cause.partial)
        total = readable(come + cause.expected)
        return PassingError(f"the connection broke off after {readable(come)} of {total}")
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    if isinstance(error, broken):
        return PassingError(f"no answer from {host} ({words})")
    return DownloadError(f"{host} does not send the file ({words})", given=url, do=hint)


def _cause(error: BaseException) -> BaseException:
    """Return the error below all that wrap it: requests wraps urllib3, which wraps sockets."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error


def readable(size: float) -> str:
    """Return a number of bytes as a person reads it: `39.98 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} TB"
