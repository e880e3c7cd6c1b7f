"""firmware/net/connection.py: patience with whoever is at the other end, on a loop whose time flies."""

from __future__ import annotations

import asyncio

import pytest

from firmware.net import connection
from tests.net.loops import pause, run_flying
from tests.net.test_stream import Bench, bench, call, message, serving


async def lifetime_s(b: Bench, reader: asyncio.StreamReader) -> float:
    """How long, by the loop's clock, until the connection is gone."""
    begin_s = asyncio.get_running_loop().time()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    return asyncio.get_running_loop().time() - begin_s


@pytest.mark.parametrize(
    ("sent", "limit_s"),
    [
        (b"", connection.FIRST_MESSAGE_MAX_S),
        (message(length=50), connection.UNFINISHED_MAX_S),
        (message(), connection.IDLE_MAX_S),
        (message(b"whole") + b"OPTIONS sip", connection.UNFINISHED_MAX_S),
    ],
    ids=["silent", "unfinished", "idle", "second unfinished"],
)
def test_patience_with_a_silent_peer_ends(sent: bytes, limit_s: float) -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        writer.write(sent)
        assert limit_s - 1 < await lifetime_s(b, reader) < limit_s + 1
        writer.close()
        await b.tcp.close()

    run_flying(main())


def test_trickling_octets_do_not_prolong_an_unfinished_message() -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        gone = asyncio.create_task(lifetime_s(b, reader))
        loop = asyncio.get_running_loop()

        def trickle() -> None:
            if not gone.done():
                writer.write(b"O")
                loop.call_later(1, trickle)

        trickle()
        assert connection.UNFINISHED_MAX_S - 1 < await gone < connection.UNFINISHED_MAX_S + 1
        writer.close()
        await b.tcp.close()

    run_flying(main())


def test_a_finished_message_gives_new_patience() -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        writer.write(message(b"body")[:-2])
        asyncio.get_running_loop().call_later(5, writer.write, b"dy")
        assert (await b.received()).data == message(b"body")
        assert await lifetime_s(b, reader) > connection.IDLE_MAX_S - 1
        writer.close()
        await b.tcp.close()

    run_flying(main())


def test_a_connection_that_we_opened_is_kept_while_it_is_silent() -> None:
    async def main() -> None:
        b, server = await bench(), await serving()
        b.tcp.send(b.hop(server.port), b"register")
        reader, writer = await server.accepted.get()
        await pause(connection.IDLE_MAX_S * 5)
        b.tcp.send(b.hop(server.port), b"again")
        assert await reader.readexactly(13) == b"registeragain"
        writer.close()
        await b.tcp.close()
        await server.close()

    run_flying(main())


def test_a_server_that_does_not_answer_the_connection_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        b = await bench()

        async def never(*args: object, **kwargs: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(b.tcp.loop, "create_connection", never)
        begin_s = b.tcp.loop.time()
        b.tcp.send(b.hop(5060), b"x")
        assert "no connection within 4 s" in (await b.failed()).reason
        assert b.tcp.loop.time() - begin_s < 5
        await b.tcp.close()

    run_flying(main())
