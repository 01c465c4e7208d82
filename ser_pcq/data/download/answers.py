"""What a server answered, or why there was no answer, in plain words."""

import http.client
import socket
import ssl
from typing import Any
from urllib.parse import urljoin, urlsplit

from ser_pcq.errors import SerError

_LONGEST_WAIT = 120.0  # s; a server may ask for more, a person would not wait
_PASSING = (408, 425, 429, 500, 502, 503, 504)
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


def why_broken(error: Exception, url: str, hint: str) -> Exception:
    """Return the error that says why a connection failed.

    Args:
        error: A `requests.RequestException`.
        url: What was asked for.
        hint: What to do when the host cannot be reached, for the message.

    Returns:
        A `PassingError` when another try may help, else a `DownloadError`.
    """
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
