"""The control socket as its clients meet it: mode, limits, follow, the command-line client."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware.app.control import client
from firmware.app.control.client import EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, control
from firmware.app.control.protocol import LINE_BYTES_MAX, ControlError, Json, Request, request_line
from firmware.app.control.server import CLIENTS_MAX, FOLLOW_LINES_MAX, REQUESTS_BURST, ControlServer, Follower, peer_uid


async def echo(request: Request) -> Json:
    if request.verb == "fail":
        raise ControlError("not_found", "no such thing")
    return list(request.args)


def with_server(path: Path, scenario: Callable[[ControlServer], Awaitable[None]], clock_s: Callable[[], float] = lambda: 0.0) -> None:
    async def run() -> None:
        server = ControlServer(path, echo, clock_s)
        await server.start()
        try:
            await scenario(server)
        finally:
            await server.close()

    asyncio.run(run())


async def ask(path: Path, *lines: bytes) -> list[bytes]:
    """Send all lines, then read to the end."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"".join(lines))
    writer.write_eof()
    answers = (await reader.read()).splitlines()
    writer.close()
    return answers


def test_only_the_owner_may_open_the_socket_and_it_goes_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario(_: ControlServer) -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        assert await ask(path, request_line("say", ("a",))) == [b'{"id":null,"ok":true,"result":["a"]}']

    with_server(path, scenario)
    assert not path.exists()


def test_the_kernel_names_the_user_at_the_other_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()


def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.app.control.server.peer_uid", lambda _: os.getuid() + 4242)

    async def scenario(_: ControlServer) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control")
        assert json.loads(await reader.read())["error"] == "forbidden"
        writer.close()

    with_server(tmp_path / "control", scenario)


def test_a_failed_request_leaves_the_conversation_open(tmp_path: Path) -> None:
    async def scenario(_: ControlServer) -> None:
        answers = await ask(tmp_path / "control", b"nonsense\n", b"\n", request_line("fail", ()), request_line("say", ()))
        assert [json.loads(line).get("error") for line in answers] == ["bad_request", "bad_request", "not_found", None]

    with_server(tmp_path / "control", scenario)


def test_a_line_beyond_the_limit_ends_the_conversation(tmp_path: Path) -> None:
    async def scenario(_: ControlServer) -> None:
        answers = await ask(tmp_path / "control", b"x" * (LINE_BYTES_MAX + 1) + b"\n")
        assert [json.loads(line)["error"] for line in answers] == ["bad_request"]

    with_server(tmp_path / "control", scenario)


def test_a_client_gone_wild_is_slowed_down(tmp_path: Path) -> None:
    async def scenario(_: ControlServer) -> None:
        answers = await ask(tmp_path / "control", *[request_line("say", ())] * (int(REQUESTS_BURST) + 3))
        assert [json.loads(line).get("error") for line in answers] == [None] * int(REQUESTS_BURST) + ["too_fast"] * 3

    with_server(tmp_path / "control", scenario)


def test_the_client_that_is_one_too_many_is_told_so(tmp_path: Path) -> None:
    async def scenario(_: ControlServer) -> None:
        held = [await asyncio.open_unix_connection(tmp_path / "control") for _ in range(CLIENTS_MAX)]
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control")
        assert json.loads(await reader.read())["error"] == "too_many"
        for each in (*(held_writer for _, held_writer in held), writer):
            each.close()

    with_server(tmp_path / "control", scenario)


def test_a_follower_gets_each_event_and_is_forgotten_when_it_goes(tmp_path: Path) -> None:
    async def scenario(server: ControlServer) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control")
        writer.write(request_line("events", ()))
        assert json.loads(await reader.readline())["ok"]
        while not server.followed:
            await asyncio.sleep(0)
        server.publish(b'{"event":"One"}\n')
        server.publish(b'{"event":"Two"}\n')
        assert [await reader.readline(), await reader.readline()] == [b'{"event":"One"}\n', b'{"event":"Two"}\n']
        writer.close()
        while server.followed:
            await asyncio.sleep(0)

    with_server(tmp_path / "control", scenario)


def test_a_slow_follower_learns_how_much_it_missed() -> None:
    async def scenario() -> list[bytes]:
        follower = Follower()
        for number in range(FOLLOW_LINES_MAX + 5):
            follower.put(b"%d\n" % number)
        lines = [await follower.get() for _ in range(FOLLOW_LINES_MAX + 1)]
        follower.put(b"again\n")
        return [*lines[-2:], await follower.get()]

    assert asyncio.run(scenario()) == [b"%d\n" % (FOLLOW_LINES_MAX - 1), b'{"event":"Missed","count":5}\n', b"again\n"]


def test_the_socket_of_a_killed_daemon_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))

    async def scenario(_: ControlServer) -> None:
        assert len(await ask(path, request_line("say", ()))) == 1

    with_server(path, scenario)


def test_the_socket_of_a_living_daemon_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario(_: ControlServer) -> None:
        second = ControlServer(path, echo, lambda: 0.0)
        with pytest.raises(OSError, match="another station listens"):
            await second.start()
        assert len(await ask(path, request_line("say", ()))) == 1

    with_server(path, scenario)


@pytest.mark.parametrize("turns", range(5))
def test_who_comes_in_while_the_daemon_ends_is_let_go(tmp_path: Path, turns: int) -> None:
    """However far the loop is with a new client, its connection ends with the server and not with the process."""
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:

        async def scenario(_: ControlServer) -> None:
            client.connect(str(path))
            for _turn in range(turns):
                await asyncio.sleep(0)

        with_server(path, scenario)
        client.settimeout(0)
        try:
            last = client.recv(1)
        except ConnectionResetError:
            last = b""  # it was never accepted
        assert last == b""


def run_client(path: Path, verb: str, *args: str) -> tuple[int, str]:
    out = io.StringIO()
    return control(path, verb, args, out), out.getvalue()


def test_the_command_line_client_prints_the_reply_and_exits_by_it(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario(_: ControlServer) -> None:
        assert await asyncio.to_thread(run_client, path, "say", "x") == (EXIT_OK, '{"id":null,"ok":true,"result":["x"]}\n')
        code, text = await asyncio.to_thread(run_client, path, "fail")
        assert (code, json.loads(text)["error"]) == (EXIT_REFUSED, "not_found")

    with_server(path, scenario)


def test_the_command_line_client_follows_until_the_daemon_ends(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario(server: ControlServer) -> None:
        client = asyncio.create_task(asyncio.to_thread(run_client, path, "events"))
        while not server.followed:
            await asyncio.sleep(0)
        server.publish(b'{"event":"One"}\n')
        await asyncio.sleep(0)
        await server.close()
        code, text = await client
        assert code == EXIT_OK
        assert text.splitlines()[1:] == ['{"event":"One"}']

    with_server(path, scenario)


def test_a_daemon_that_was_broken_into_moves_no_cursor_of_roots_terminal() -> None:
    out = io.StringIO()
    client._show(b'{"a":"\x1b]0;x\x07\xff"}\r\n', out)
    assert out.getvalue() == '{"a":"\\x1b]0;x\\x07\\xff"}\\x0d\n'


def test_without_a_daemon_the_client_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_client(tmp_path / "nobody", "status") == (EXIT_UNREACHABLE, "")
    assert "Is `portero run` up" in capsys.readouterr().err
