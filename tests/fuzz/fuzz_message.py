"""Fuzz whole messages: read, look at everything, write, read again, answer; and the same bytes as a stream."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.sip.framing import StreamFramer
    from firmware.sip.message import MalformedRequest, Request, make_response, parse_message
    from firmware.sip.reason import warnings

from tests.fuzz.runner import run, torture_seeds


def one_input(data: bytes) -> None:
    """Anything but RemoteProtocolError is a finding; so is a message that changes on its way out and in."""
    _stream(data)
    try:
        message = parse_message(data)
    except MalformedRequest as error:
        make_response(error.reply_to, error.status, to_tag="t").to_bytes()
        return
    except RemoteProtocolError:
        return
    _ = message.vias, message.via.branch, message.via.received, message.via.rport, message.from_.tag, message.to.tag, message.call_id
    _ = message.cseq, message.contacts, message.routes, message.record_routes, message.max_forwards
    _ = message.expires, message.min_expires, message.retry_after, message.content_type, warnings(message)
    for name, _value in message.headers:
        message.get_all(name)
    assert parse_message(message.to_bytes()) == message
    if isinstance(message, Request):
        answer = make_response(message, 200, to_tag="t")
        assert parse_message(answer.to_bytes()) == answer
        assert message.uri.equivalent(message.uri)


def _stream(data: bytes) -> None:
    framer = StreamFramer()
    half = len(data) // 2
    for part in (data[:half], data[half:]):
        try:
            items = framer.feed(part)
        except RemoteProtocolError:
            assert framer.lost
            return
        for item in items:
            assert item or not isinstance(item, bytes)
        assert framer.pending <= len(data)


def main() -> None:
    """Run the fuzzer."""
    run("message", one_input, torture_seeds())


if __name__ == "__main__":
    main()
