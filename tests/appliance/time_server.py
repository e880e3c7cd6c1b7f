"""The least of a time server: answers each SNTP question with this machine's time (RFC 4330 §6), until it is closed."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PORT = 123
QUESTION_BYTES = 48
SINCE_1900_S = 2_208_988_800  # from NTP's beginning to that of Unix time
LISTEN_S = 0.2


@contextmanager
def time_server(host: str) -> Iterator[None]:
    """Answer at `host` as long as the context lasts."""
    ended = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((host, PORT))
        listening.settimeout(LISTEN_S)
        thread = threading.Thread(target=_serve, args=(listening, ended))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _serve(listening: socket.socket, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            question, asker = listening.recvfrom(QUESTION_BYTES)
        except TimeoutError:
            continue
        if len(question) == QUESTION_BYTES:
            listening.sendto(answer(question, time.time()), asker)


def answer(question: bytes, now_s: float) -> bytes:
    """The reply to one question: stratum 1, the question's own time stamp given back as originate."""
    seconds, rest = divmod(now_s + SINCE_1900_S, 1)
    stamp = struct.pack(">II", int(seconds), int(rest * (1 << 32)))
    head = struct.pack(">BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"LOCL")  # no warning, version 4, server
    return head + stamp + question[40:48] + stamp + stamp
