"""Servers that do each step in time and never come to an end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from firmware.app.voicexml.documents import Library, Wanted
from firmware.config.schema import VoiceXml, Webhook
from firmware.deadline import Deadline, TooSlowError
from firmware.errors import WebhookError
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.webhook import post

LIMIT_S = 0.2  # until a server is given up: nothing else ends these tests
ENDLESS = {
    "a head of ever more continuations": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a line that comes sign by sign": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
}
SLOW_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"


@contextmanager
def server(begin: bytes, more: bytes) -> Iterator[int]:
    """Its port. It says `begin`, and then `more` every millisecond until it is hung up on."""
    is_over = threading.Event()

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            peer.recv(65_536)
            try:
                peer.sendall(begin)
                while not is_over.wait(0.001):
                    peer.sendall(more)
            except OSError:
                return

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("said", ENDLESS.values(), ids=ENDLESS)
def test_a_webhook_is_given_up(said: tuple[bytes, bytes]) -> None:
    with server(*said) as port, pytest.raises(WebhookError, match=r"webhook house: too slow: it took more than 0\.6 s"):
        post(Webhook(name="house", url=f"http://127.0.0.1:{port}/", timeout_s=LIMIT_S), b"{}", "")


@pytest.mark.parametrize("said", [*ENDLESS.values(), SLOW_BODY], ids=[*ENDLESS, "a body"])
def test_a_document_of_a_menu_is_given_up(said: tuple[bytes, bytes]) -> None:
    with server(*said) as port, pytest.raises(Thrown, match=r"too slow: it took more than 0\.2 s"):
        Library(VoiceXml(fetch_s=LIMIT_S), f"http://127.0.0.1:{port}/menu", "").load(Wanted(f"http://127.0.0.1:{port}/menu"))


def test_an_end_that_comes_by_the_deadline_is_no_whole_answer(tmp_path: Path) -> None:
    """An answer without a length ends with its connection: what is cut off must not be taken for all of it."""
    with server(b"HTTP/1.1 200 OK\r\n\r\n", b"x") as port, pytest.raises(Thrown, match="too slow"):
        Library(VoiceXml(fetch_s=LIMIT_S), f"http://127.0.0.1:{port}/menu", "").load(Wanted(f"http://127.0.0.1:{port}/menu"))


def test_what_begins_after_the_deadline_ends_at_once() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        with pytest.raises(TooSlowError), Deadline(0.0) as deadline:
            until_over_and_watch(deadline, ours)
        assert ours.recv(1) == b""


def until_over_and_watch(deadline: Deadline, connection: socket.socket) -> None:
    deadline._timer.join()
    deadline.watch(connection)


def test_what_ends_in_time_ends_as_it_does() -> None:
    with Deadline(60.0):
        pass
    with pytest.raises(HTTPException, match="as it is"), Deadline(60.0):
        raise HTTPException("as it is")
