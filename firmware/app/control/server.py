"""The daemon's side of the control socket: who may speak, how much, and how fast.

The socket's file belongs to the service and has mode 0600; the kernel's word on the peer (SO_PEERCRED, unix(7)) is checked as well,
because a file's mode can
be changed by a careless hand. Whoever may speak here can open the door.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from firmware.app.control.protocol import LINE_BYTES_MAX, ControlError, Json, Request, error_line, parse_request, reply_line
from firmware.listening import stop_listening

log = logging.getLogger("portero.control")

CLIENTS_MAX = 16  # a person, a follower or two and a test suite; each costs a file descriptor
REQUESTS_PER_S = 50.0  # a test suite in a hurry needs tens; a loop gone wild would need thousands
REQUESTS_BURST = 100.0
FOLLOW_LINES_MAX = 1000  # a follower that reads nothing for a thousand events is told how many it missed

Handler = Callable[[Request], Awaitable[Json]]


class Follower:
    """The bounded queue between the station's events and one `events` client; the oldest lines are kept, the missed ones counted."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(FOLLOW_LINES_MAX)
        self._missed = 0

    def put(self, line: bytes) -> None:
        if self._missed and not self._lines.empty():
            self._missed += 1
            return
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            self._missed += 1

    async def get(self) -> bytes:
        """The next line; after an overflow first the number of lines that were missed."""
        if self._missed and self._lines.empty():
            missed, self._missed = self._missed, 0
            return b'{"event":"Missed","count":%d}\n' % missed
        return await self._lines.get()


class ControlServer:
    """Listens at `path`; each request goes to `handle`, each event line to every follower."""

    def __init__(self, path: Path, handle: Handler, clock_s: Callable[[], float]) -> None:
        self._path = path
        self._handle = handle
        self._clock_s = clock_s
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._followers: set[Follower] = set()

    @property
    def followed(self) -> bool:
        """Whether anyone follows: an event need not be put into words otherwise."""
        return bool(self._followers)

    async def start(self) -> None:
        """Begin to listen. A socket file that a killed daemon left is removed; one that a living daemon listens at is an error
        (OSError).
        """
        _remove_stale(self._path)
        mask = os.umask(0o177)  # the file is 0600 from its first moment, not from a chmod later
        try:
            self._server = await asyncio.start_unix_server(self._accept, path=self._path, limit=LINE_BYTES_MAX)
        finally:
            os.umask(mask)

    def publish(self, line: bytes) -> None:
        for follower in self._followers:
            follower.put(line)

    async def close(self) -> None:
        """Stop listening, drop every client, remove the socket's file."""
        if self._server is None:
            return
        server, self._server = self._server, None
        await stop_listening((server,))
        clients = dict(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for writer in clients.values():
            writer.close()  # a conversation that never began could not do so itself
        await asyncio.sleep(0)
        for writer in clients.values():
            writer.transport.abort()  # nobody is waited for who does not read
        await asyncio.sleep(0)
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = peer_uid(writer.get_extra_info("socket"))
        if uid not in (0, os.getuid()):
            log.warning("control: refused user id %s", uid)
            writer.write(error_line(None, ControlError("forbidden", "only the station's own user and root may speak here")))
            writer.close()
        elif len(self._clients) >= CLIENTS_MAX:
            writer.write(error_line(None, ControlError("too_many", f"{CLIENTS_MAX} clients are connected already")))
            writer.close()
        else:
            task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
            self._clients[task] = writer
            task.add_done_callback(self._clients.pop)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bucket = _Bucket(self._clock_s)
        try:
            with suppress(ConnectionError):
                while line := await _read_line(reader, writer):
                    reply, request = await self._answer(line, bucket)
                    writer.write(reply)
                    await writer.drain()
                    if request is not None and request.verb == "events":
                        await self._follow(reader, writer)
                        break
        finally:
            writer.close()

    async def _answer(self, line: bytes, bucket: _Bucket) -> tuple[bytes, Request | None]:
        mark: int | str | None = None
        try:
            if not bucket.take():
                raise ControlError("too_fast", f"more than {REQUESTS_PER_S:.0f} requests a second")
            request = parse_request(line)
            mark = request.id
            return reply_line(mark, await self._handle(request)), request
        except ControlError as error:
            return error_line(mark, error), None

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send event lines until the client goes away; anything it still says is ignored."""
        follower = Follower()
        self._followers.add(follower)
        gone = asyncio.get_running_loop().create_task(reader.read(1))
        pump = asyncio.get_running_loop().create_task(_pump(follower, writer))
        try:
            await asyncio.wait((gone, pump), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._followers.discard(follower)
            gone.cancel()
            pump.cancel()
            await asyncio.gather(gone, pump, return_exceptions=True)


class _Bucket:
    """A token bucket: REQUESTS_BURST at once, REQUESTS_PER_S on average."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._tokens = REQUESTS_BURST
        self._at_s = clock_s()

    def take(self) -> bool:
        now_s = self._clock_s()
        self._tokens = min(REQUESTS_BURST, self._tokens + (now_s - self._at_s) * REQUESTS_PER_S)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


async def _read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next line without its end; empty at the end of the connection, also after a line that was too long."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return b""
    except asyncio.LimitOverrunError:
        writer.write(error_line(None, ControlError("bad_request", f"a line may have {LINE_BYTES_MAX} bytes")))
        return b""
    return line.strip() or b"null"


async def _pump(follower: Follower, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(await follower.get())
        await writer.drain()


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process at the other end, as the kernel knows it (SO_PEERCRED: pid, uid, gid)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


def _remove_stale(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(f"another station listens at {path}")
