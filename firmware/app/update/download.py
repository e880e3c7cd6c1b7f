"""A bundle from its address: HTTPS alone, bounded in size and time, kept only when it is whole. What it is, its signature says.

The server's name for the file's state (ETag, RFC 9110 §8.8.3) is remembered, so that an address is asked every day and a bundle comes once.
"""

from __future__ import annotations

import os
import shutil
import ssl
from email.message import Message
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from firmware.app.trust import trusting
from firmware.deadline import Deadline, TooSlowError
from firmware.errors import UpdateError

BUNDLE_BYTES_MAX = 320 << 20  # a slot's 256 MB, kernel and initial RAM disk
ROOM_BYTES = 32 << 20  # that stay free for the door's journal
STEP_S_MAX = 30.0  # without a byte
WHOLE_S_MAX = 7200.0  # a bundle over 150 kbit/s
CHUNK_BYTES = 1 << 16
ETAG_MAX = 256


class Fetched(NamedTuple):
    """The file, and the server's name for its state, which may be empty."""

    file: Path
    etag: str


class _SecureRedirects(HTTPRedirectHandler):
    """Follows a redirection, but not out of HTTPS."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message[str, str], newurl: str) -> Request | None:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # typeshed wants what it itself gives


class _Governed(HTTPSHandler):
    """Makes connections that end at a deadline, for redirections as well."""

    def __init__(self, context: ssl.SSLContext, deadline: Deadline) -> None:
        super().__init__(context=context)
        self._tls = context
        self._deadline = deadline

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._connection, req)  # type: ignore[arg-type]  # typeshed wants every parameter of HTTPConnection

    def _connection(self, host: str, /, *, timeout: float) -> HTTPSConnection:
        made = HTTPSConnection(host, context=self._tls, timeout=timeout)
        self._deadline.govern(made)
        return made


def check_address(url: str) -> None:
    """Raises UpdateError for an address that is not HTTPS."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UpdateError(f"{url}: bundles come over https:// alone, or from a file")


def fetch(url: str, target: Path, *, ca: Path | None, seen: str, limit_s: float = WHOLE_S_MAX) -> Fetched | None:
    """Load `url` into `target`; None when the server still has what it called `seen`. Raises UpdateError; nothing is left behind then."""
    check_address(url)
    headers = {"User-Agent": "Portero", "Accept": "application/octet-stream"}
    half = target.with_suffix(".half")
    if seen:
        headers["If-None-Match"] = seen
    try:
        target.unlink(missing_ok=True)  # what a power cut left takes the room of the new one
        asked = Request(url, headers=headers)  # noqa: S310 -- checked above
        with Deadline(limit_s) as deadline, _opener(ca, deadline).open(asked, timeout=STEP_S_MAX) as answer:
            _take(answer, half, url)
            etag = _etag(answer)
        half.rename(target)
        return Fetched(target, etag)
    except HTTPError as error:
        error.close()
        if error.code == 304 and seen:  # RFC 9110 §15.4.5: not modified
            return None
        raise UpdateError(f"{url}: the server answers {error.code}") from error
    except URLError as error:
        raise UpdateError(f"{url}: {_reason(error.reason)}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise UpdateError(f"{url}: {_reason(error)}") from error
    finally:
        half.unlink(missing_ok=True)


def _etag(answer: HTTPResponse) -> str:
    """The server's name for the state, which is sent back to it one day: on one line and in plain signs, or none."""
    etag = str(answer.headers.get("ETag", ""))
    return etag if len(etag) <= ETAG_MAX and etag.isascii() and etag.isprintable() else ""


def _opener(ca: Path | None, deadline: Deadline) -> OpenerDirector:
    try:
        context = trusting(None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise UpdateError(f"{ca}: no certificate can be read there: {error}") from error
    return build_opener(ProxyHandler({}), _Governed(context, deadline), _SecureRedirects())


def _take(answer: HTTPResponse, half: Path, url: str) -> None:
    """Read the body to its end, into `half`. Raises UpdateError, OSError, HTTPException."""
    announced = answer.headers.get("Content-Length", "")
    size = int(announced) if announced.isdecimal() else 0
    if size > BUNDLE_BYTES_MAX:
        raise UpdateError(f"{url}: {size >> 20} MB are more than a bundle has ({BUNDLE_BYTES_MAX >> 20})")
    half.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(half.parent).free
    if size + ROOM_BYTES > free:
        raise UpdateError(f"{half.parent}: only {free >> 20} MB are free, and the bundle has {size >> 20}")
    got = 0
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        while chunk := answer.read1(CHUNK_BYTES):
            got += len(chunk)
            if got > BUNDLE_BYTES_MAX:
                raise UpdateError(f"{url}: it does not end after {BUNDLE_BYTES_MAX >> 20} MB")
            file.write(chunk)
        os.fsync(file.fileno())
    if got < size:
        raise UpdateError(f"{url}: the connection ended after {got} of {size} bytes")


def _reason(error: object) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not trusted: {error.verify_message}"
        case TooSlowError():
            return str(error)
        case TimeoutError():
            return f"no answer within {STEP_S_MAX:.0f} s"
        case OSError(strerror=str(words)) if words:
            return words
        case _:
            return str(error) or type(error).__name__
