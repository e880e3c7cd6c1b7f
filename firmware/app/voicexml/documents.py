"""Whence a menu's documents and sounds come, and where its answers go: its own file or server, and the servers that are listed.

Blocks, and belongs on a thread. Everything is bounded: size, time, redirections. A document from a server never reaches a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlencode, urljoin, urlsplit

from firmware.config.schema import VoiceXml
from firmware.deadline import Deadline
from firmware.outlets.voicexml.faults import BAD_FETCH, Thrown

if TYPE_CHECKING:
    import ssl

DOCUMENT_BYTES_MAX: Final = 65_535  # what the XML parser takes
SOUND_BYTES_MAX: Final = 3_000_000  # half a minute at 48 kHz
REDIRECTIONS_MAX: Final = 3
GET_AGAIN: Final = (301, 302, 303)  # as browsers do; RFC 9110 §15.4 allows it
AS_BEFORE: Final = (307, 308)
PORTS: Final = {"http": 80, "https": 443}


class Wanted(NamedTuple):
    """A document or sound, with the fields of a form."""

    url: str
    method: str = "get"
    fields: Sequence[tuple[str, str]] = ()
    bytes_max: int = DOCUMENT_BYTES_MAX


class Library:
    """What one menu may load."""

    def __init__(self, settings: VoiceXml, document: str, user_agent: str) -> None:
        self._settings = settings
        self._user_agent = user_agent
        self._folder: Path | None = None
        self.start = document
        servers = list(settings.servers)
        if "://" in document:
            servers.append(document)
        else:
            self._folder = Path(document).resolve().parent
            self.start = Path(document).resolve().as_uri()
        self._origins = {_origin(urlsplit(server)) for server in servers}

    def load(self, wanted: Wanted) -> tuple[str, bytes]:
        """Where it came from in the end, and its bytes. Raises Thrown: error.badfetch, with the status where there was one."""
        try:
            url = urlsplit(wanted.url)
            if url.scheme == "file":
                return wanted.url, self._file(url, wanted)
            return self._over_http(wanted)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a port that is none
            raise Thrown(BAD_FETCH, f"{wanted.url[:200]}: {str(error) or type(error).__name__}") from error

    def _file(self, url: SplitResult, wanted: Wanted) -> bytes:
        path = Path(unquote(url.path)).resolve()
        if self._folder is None or url.netloc or not path.is_relative_to(self._folder):
            raise Thrown(BAD_FETCH, f"{wanted.url[:200]}: only files beside the menu's own document are read")
        if wanted.method != "get" or wanted.fields:
            raise Thrown(BAD_FETCH, f"{wanted.url[:200]}: nothing can be submitted to a file")
        with path.open("rb") as file:
            body = file.read(wanted.bytes_max + 1)
        return self._whole(body, wanted)

    def _over_http(self, wanted: Wanted) -> tuple[str, bytes]:
        with Deadline(self._settings.fetch_s) as deadline:
            return self._followed(wanted, deadline)

    def _followed(self, wanted: Wanted, deadline: Deadline) -> tuple[str, bytes]:
        url, method, form = wanted.url, wanted.method.upper(), urlencode(wanted.fields)
        for _ in range(REDIRECTIONS_MAX + 1):
            parts = urlsplit(url)
            if _origin(parts) not in self._origins:
                raise Thrown(BAD_FETCH, f"{url[:200]}: this server is not listed in voicexml.servers")
            connection = self._connection(parts)
            deadline.govern(connection)
            with closing(connection), closing(self._answer(connection, parts, method, form)) as answer:
                if answer.status in (*GET_AGAIN, *AS_BEFORE):
                    url = urljoin(url, answer.getheader("Location", ""))
                    method, form = (method, form) if answer.status in AS_BEFORE else ("GET", "")
                    continue
                if answer.status != 200:
                    raise Thrown(f"{BAD_FETCH}.http.{answer.status}", f"{url[:200]}: the server answers {answer.status}")
                return url, self._whole(answer.read(wanted.bytes_max + 1), wanted)
        raise Thrown(BAD_FETCH, f"{wanted.url[:200]}: more than {REDIRECTIONS_MAX} redirections")

    def _connection(self, parts: SplitResult) -> HTTPConnection:
        if parts.scheme.lower() == "https":
            return HTTPSConnection(parts.hostname or "", parts.port, timeout=self._settings.fetch_s, context=self._trust())
        return HTTPConnection(parts.hostname or "", parts.port, timeout=self._settings.fetch_s)

    def _trust(self) -> ssl.SSLContext:
        from firmware.app.trust import trusting

        return trusting(self._settings.ca)

    def _answer(self, connection: HTTPConnection, parts: SplitResult, method: str, form: str) -> HTTPResponse:
        headers = {"Accept": "application/voicexml+xml, audio/wav, */*;q=0.1"}
        if self._user_agent:
            headers["User-Agent"] = self._user_agent
        query = parts.query
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif form:
            query = f"{query}&{form}" if query else form
        connection.request(
            method, (parts.path or "/") + (f"?{query}" if query else ""), body=form if method == "POST" else None, headers=headers
        )
        return connection.getresponse()

    def _whole(self, body: bytes, wanted: Wanted) -> bytes:
        if len(body) > wanted.bytes_max:
            raise Thrown(BAD_FETCH, f"{wanted.url[:200]}: more than {wanted.bytes_max} bytes")
        return body


def _origin(url: SplitResult) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454 §4): whom a TLS certificate, or the network, vouches for."""
    scheme = url.scheme.lower()
    return scheme, (url.hostname or "").lower(), url.port or PORTS.get(scheme)
