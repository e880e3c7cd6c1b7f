"""Whence a menu may load, and where it may send: its own file's folder or server, those that are listed, and nothing else."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from firmware.app.voicexml.documents import DOCUMENT_BYTES_MAX, REDIRECTIONS_MAX, Library, Wanted
from firmware.config.schema import VoiceXml
from firmware.outlets.voicexml.faults import Thrown
from tests.net.authority import Authority


class Asked(BaseHTTPRequestHandler):
    """Answers as its path says, and remembers."""

    seen: list[tuple[str, str, str]]

    def _take(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self.seen.append((self.command, self.path, self.rfile.read(length).decode()))
        url = urlsplit(self.path)
        _, kind, *rest = url.path.split("/")
        if kind == "status" and rest[0] != "ok":
            self.send_response(int(rest[0]))
            self.send_header("Location", parse_qs(url.query).get("to", [self.path])[0])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            body = b"x" * int(rest[0]) if kind == "bytes" else b"<vxml/>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = _take  # noqa: N815 -- names of the library

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def server(certificate: tuple[str, str] | None = None) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Its origin and what it was asked; with a certificate and its key over TLS."""
    seen: list[tuple[str, str, str]] = []
    kind = type("Kept", (Asked,), {"seen": seen})
    with HTTPServer(("127.0.0.1", 0), kind) as running:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"{'http' if certificate is None else 'https'}://127.0.0.1:{running.server_port}", seen
        finally:
            running.shutdown()
            thread.join()


def library(document: str, *servers: str, ca: str | None = None) -> Library:
    return Library(VoiceXml(servers=servers, fetch_s=20.0, ca=ca), document, "Portero")


def refused(library_: Library, wanted: Wanted) -> str:
    with pytest.raises(Thrown) as caught:
        library_.load(wanted)
    return str(caught.value)


def test_a_file_and_what_lies_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "menus"
    (folder / "sounds").mkdir(parents=True)
    (folder / "house.vxml").write_bytes(b"<vxml/>")
    (folder / "sounds" / "a b.wav").write_bytes(b"RIFF")
    (tmp_path / "secret").write_text("hush")
    (folder / "link").symlink_to(tmp_path / "secret")
    found = library(str(folder / "house.vxml"))
    assert found.load(Wanted(found.start)) == (found.start, b"<vxml/>")
    assert found.load(Wanted(folder.as_uri() + "/sounds/a%20b.wav"))[1] == b"RIFF"
    for url in (f"{folder.as_uri()}/../secret", f"{folder.as_uri()}/link", "file:///etc/passwd", f"file://other{folder}/house.vxml"):
        assert "only files beside the menu's own document" in refused(found, Wanted(url))
    assert "nothing can be submitted to a file" in refused(found, Wanted(found.start, "post"))
    assert "No such file" in refused(found, Wanted(folder.as_uri() + "/nothing"))
    assert "more than 3 bytes" in refused(found, Wanted(found.start, bytes_max=3))


def test_a_document_from_a_server_reaches_no_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert "only files" in refused(library("https://menus.example/a.vxml"), Wanted((tmp_path / "x").as_uri()))


def test_forms_are_sent_as_get_or_post() -> None:
    with server() as (origin, seen):
        found = library(origin + "/ok")
        for method in ("get", "post"):
            found.load(Wanted(f"{origin}/ok?a=1", method, (("b", "x y"), ("c", "ä"))))
    assert seen == [("GET", "/ok?a=1&b=x+y&c=%C3%A4", ""), ("POST", "/ok?a=1", "b=x+y&c=%C3%A4")]


def test_only_servers_that_are_listed_are_asked_and_redirections_stay_there() -> None:
    with server() as (origin, seen), server() as (other, untouched):
        found = library("/etc/portero/house.vxml", origin)
        assert found.load(Wanted(origin + "/status/302?to=ok")) == (origin + "/status/ok", b"<vxml/>")
        assert "is not listed in voicexml.servers" in refused(found, Wanted(other + "/ok"))
        assert "is not listed" in refused(found, Wanted(f"{origin}/status/302?to={other}/ok"))
        assert "is not listed" in refused(found, Wanted(origin.replace("http:", "https:")))
        assert "is not listed" in refused(found, Wanted("recording:x"))
        assert untouched == []
        assert len(seen) == 3


def test_a_form_is_not_sent_twice_unless_the_server_says_so() -> None:
    with server() as (origin, seen):
        found = library(origin)
        found.load(Wanted(origin + "/status/303?to=/ok", "post", (("a", "1"),)))
        found.load(Wanted(origin + "/status/307?to=/ok", "post", (("a", "1"),)))
    assert [(method, body) for method, _, body in seen] == [("POST", "a=1"), ("GET", ""), ("POST", "a=1"), ("POST", "a=1")]


def test_what_a_server_answers_otherwise_is_an_event_with_its_status() -> None:
    with server() as (origin, seen):
        found = library(origin)
        assert refused(found, Wanted(origin + "/status/404")).startswith("error.badfetch.http.404: ")
        assert f"more than {DOCUMENT_BYTES_MAX} bytes" in refused(found, Wanted(f"{origin}/bytes/{DOCUMENT_BYTES_MAX + 1}"))
        assert len(found.load(Wanted(f"{origin}/bytes/{DOCUMENT_BYTES_MAX}"))[1]) == DOCUMENT_BYTES_MAX
        seen.clear()
        assert "redirections" in refused(found, Wanted(origin + "/status/302"))  # to itself
        assert len(seen) == REDIRECTIONS_MAX + 1


def test_a_server_that_is_not_there_is_an_event() -> None:
    with server() as (origin, _):
        pass
    assert refused(library(origin), Wanted(origin + "/ok")).startswith(f"error.badfetch: {origin}/ok: ")
    assert "Port could not be cast" in refused(library("/x"), Wanted("https://menus.example:port/"))


# --- TLS -------------------------------------------------------------------------------------------------------------------


def test_a_server_with_a_certificate_of_the_houses_own_authority_is_believed_and_nobody_elses(tmp_path: Path) -> None:
    house, stranger = Authority(tmp_path / "house"), Authority(tmp_path / "stranger")
    with server(house.issue("menus", "IP:127.0.0.1")) as (origin, seen):
        assert library(origin, ca=house.pem).load(Wanted(origin + "/ok", "post", (("a", "1"),))) == (origin + "/ok", b"<vxml/>")
        assert seen == [("POST", "/ok", "a=1")]
        assert "certificate verify failed" in refused(library(origin, ca=stranger.pem), Wanted(origin + "/ok"))
        assert "certificate verify failed" in refused(library(origin), Wanted(origin + "/ok")), "nor is it an authority of the system"
        assert "No such file" in refused(library(origin, ca=str(tmp_path / "none.pem")), Wanted(origin + "/ok"))
        assert len(seen) == 1, "nothing was told to whoever was not believed"


@pytest.mark.parametrize(
    ("names", "expired", "why"), [(("IP:127.0.0.2",), False, "not valid for '127.0.0.1'"), (("IP:127.0.0.1",), True, "has expired")]
)
def test_a_certificate_for_another_server_or_of_yesterday_is_refused(
    tmp_path: Path, names: tuple[str, ...], why: str, *, expired: bool
) -> None:
    house = Authority(tmp_path / "house")
    with server(house.issue("menus", *names, expired=expired)) as (origin, seen):
        assert why in refused(library(origin, ca=house.pem), Wanted(origin + "/ok"))
    assert seen == []


def test_what_began_over_tls_is_not_led_out_of_it(tmp_path: Path) -> None:
    house = Authority(tmp_path / "house")
    with server(house.issue("menus", "IP:127.0.0.1")) as (origin, _), server() as (plain, untouched):
        found = library(origin, ca=house.pem)
        assert "is not listed" in refused(found, Wanted(f"{origin}/status/302?to={plain}/ok"))
        assert "is not listed" in refused(found, Wanted(f"{origin}/status/302?to={origin.replace('https', 'http')}/ok"))
        assert found.load(Wanted(f"{origin}/status/307?to=/ok"))[0] == f"{origin}/ok"
    assert untouched == []
