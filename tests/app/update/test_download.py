"""Bundles over HTTPS, from a server that may be anybody."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firmware.app.update import download
from firmware.app.update.download import Fetched, fetch
from firmware.app.update.installing import Nothing, Tools
from firmware.app.update.installing import fetch as fetch_and_install
from firmware.app.update.ledger import Ledger
from firmware.config.schema import Update
from firmware.errors import BundleRefusedError, UpdateError
from tests.app.update.flashed import NEW, WELL, Writer, flashed
from tests.net.authority import Authority

BUNDLE = bytes(range(256)) * 1000
ETAG = '"one"'


class Server(BaseHTTPRequestHandler):
    """A web server with one bundle and some bad manners."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        match self.path:
            case "/bundle" if self.headers.get("If-None-Match") == ETAG:
                self._reply(304, b"")
            case "/bundle":
                self._reply(200, BUNDLE, ETag=ETAG)
            case "/elsewhere":
                self._reply(302, b"", Location="/bundle")
            case "/downgrade":
                self._reply(302, b"", Location="http://127.0.0.1/bundle")
            case "/short":
                self._reply(200, BUNDLE, length=2 * len(BUNDLE))
            case "/huge":
                self._reply(200, b"", length=1 << 40)
            case "/slow":
                self.send_response(200)
                self.end_headers()
                while not self.server.is_over.wait(0.001):  # type: ignore[attr-defined]  # see below
                    self.wfile.write(b"x")
            case "/name":
                self._reply(200, BUNDLE, ETag='"on\x01e"')
            case "/endless":
                self._reply(200, BUNDLE, length=None)
            case _:
                self._reply(404, b"")

    def _reply(self, status: int, body: bytes, length: int | None = -1, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[ThreadingHTTPServer]:
    certificate, key = authority.issue("web", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as web:
        web.is_over = threading.Event()  # type: ignore[attr-defined]  # the handlers' way to hear of it
        web.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # who hangs up on it is the test
        web.socket = context.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield web
        web.is_over.set()  # type: ignore[attr-defined]
        web.shutdown()
        thread.join()


@pytest.fixture
def url(server: ThreadingHTTPServer) -> str:
    Server.asked = []
    return f"https://127.0.0.1:{server.server_address[1]}"


def test_a_bundle_comes_whole_and_with_its_name(url: str, authority: Authority, tmp_path: Path) -> None:
    target = tmp_path / "update/bundle"
    assert fetch(f"{url}/elsewhere", target, ca=Path(authority.pem), seen="") == Fetched(target, ETAG)
    assert target.read_bytes() == BUNDLE
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_was_seen_is_not_loaded_again(url: str, authority: Authority, tmp_path: Path) -> None:
    assert fetch(f"{url}/bundle", tmp_path / "bundle", ca=Path(authority.pem), seen=ETAG) is None
    assert fetch(f"{url}/bundle", tmp_path / "bundle", ca=Path(authority.pem), seen='"older"') is not None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/missing", "the server answers 404"),
        ("/downgrade", "https:// alone"),
        ("/short", "IncompleteRead|the connection ended after 256000 of 512000 bytes"),
        ("/huge", "1048576 MB are more than a bundle has"),
        ("/endless", "it does not end after 0 MB"),
    ],
)
def test_a_server_with_bad_manners_leaves_nothing_behind(
    url: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    if path == "/endless":
        monkeypatch.setattr(download, "BUNDLE_BYTES_MAX", len(BUNDLE) - 1)
    with pytest.raises(UpdateError, match=said):
        fetch(url + path, tmp_path / "bundle", ca=Path(authority.pem), seen="")
    assert list(tmp_path.iterdir()) == []


def test_a_slow_server_is_given_up(url: str, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(UpdateError, match="too slow"):
        fetch(f"{url}/bundle", tmp_path / "bundle", ca=Path(authority.pem), seen="", limit_s=-1.0)


def test_a_server_that_sends_an_octet_now_and_then_is_given_up(url: str, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(UpdateError, match=r"too slow: it took more than 0\.5 s"):
        fetch(f"{url}/slow", tmp_path / "bundle", ca=Path(authority.pem), seen="", limit_s=0.5)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_could_not_be_sent_back_is_none(url: str, authority: Authority, tmp_path: Path) -> None:
    assert fetch(f"{url}/name", tmp_path / "bundle", ca=Path(authority.pem), seen="") == Fetched(tmp_path / "bundle", "")


def test_a_full_disk_is_noticed_before_anything_is_loaded(
    url: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ROOM_BYTES", 1 << 60)
    with pytest.raises(UpdateError, match="MB are free, and the bundle has 0"):
        fetch(f"{url}/bundle", tmp_path / "bundle", ca=Path(authority.pem), seen="")


def test_a_server_that_nobody_vouches_for_is_not_believed(url: str, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "Another authority")
    for ca in (None, Path(other.pem)):
        with pytest.raises(UpdateError, match="the server's certificate is not trusted"):
            fetch(f"{url}/bundle", tmp_path / "bundle", ca=ca, seen="")
    assert Server.asked == []
    with pytest.raises(UpdateError, match="no certificate can be read there"):
        fetch(f"{url}/bundle", tmp_path / "bundle", ca=tmp_path / "missing.pem", seen="")


@pytest.mark.parametrize("address", ["http://127.0.0.1/bundle", "ftp://127.0.0.1/x", "file:///etc/shadow", "https:///x", "bundle"])
def test_only_https_is_an_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(UpdateError, match="https:// alone"):
        fetch(address, tmp_path / "bundle", ca=None, seen="")


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UpdateError, match="refused"):
        fetch("https://127.0.0.1:1/bundle", tmp_path / "bundle", ca=None, seen="")


def test_the_schedule_loads_a_bundle_once_whether_it_is_taken_or_refused(url: str, authority: Authority, tmp_path: Path) -> None:
    device = flashed(tmp_path)
    wanted = Update(url=f"{url}/bundle", ca=authority.pem)
    old, new = Writer(device, "0.1"), Writer(device)
    refused = Tools(info=old.info, install=old.install)
    assert isinstance(fetch_and_install(device, f"{url}/bundle", wanted, WELL, scheduled=True, tools=refused), Nothing)
    assert fetch_and_install(device, f"{url}/bundle", wanted, WELL, scheduled=True, tools=refused) == Nothing("the server has nothing new")
    with pytest.raises(BundleRefusedError, match="older"):
        fetch_and_install(device, f"{url}/bundle", wanted, WELL, scheduled=False, tools=refused)
    device.remember(Ledger())
    tools = Tools(info=new.info, install=new.install)
    assert fetch_and_install(device, f"{url}/bundle", wanted, WELL, scheduled=True, tools=tools) == NEW
    assert device.ledger.seen == ETAG
    assert [each.name for each in device.data.iterdir()] == ["ledger.json"]
