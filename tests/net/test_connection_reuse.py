"""Requests of ours on connections that others opened to us (RFC 5923)."""

from __future__ import annotations

import pytest

from firmware.sip.events import SendFailed
from tests.net.loops import run
from tests.net.test_stream import bench, call, message


@pytest.mark.parametrize("reuses_accepted", [True, False])
def test_a_connection_that_was_opened_to_us_carries_requests_of_ours_where_that_is_allowed(*, reuses_accepted: bool) -> None:
    async def main() -> None:
        b = await bench(reuses_accepted=reuses_accepted)
        reader, writer = await call(b)
        writer.write(message(b"body"))
        await b.received()
        there = b.hop(writer.get_extra_info("sockname")[1])  # as a Contact names it: no flow
        b.tcp.send(there, b"BYE")
        if reuses_accepted:
            assert await reader.readexactly(3) == b"BYE"
        else:
            failed = await b.news.get()
            assert isinstance(failed, SendFailed)  # nobody listens at the far end of a connection
            assert failed.hop == there
        writer.close()
        await b.tcp.close()

    run(main())
