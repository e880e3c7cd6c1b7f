"""Fuzz every header value on its own: URI, address, Via, CSeq, Reason, media type, date, INFO digits."""

from __future__ import annotations

from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.sip import grammar
    from firmware.sip.body import dtmf_relay
    from firmware.sip.date import parse_date
    from firmware.sip.headers import CSeq, NameAddr, Via
    from firmware.sip.media_type import MediaType
    from firmware.sip.reason import ReasonValue, WarningValue
    from firmware.sip.uri import Uri

from tests.fuzz.runner import run, torture_seeds

# Values that must come back equal when written and read again.
ROUND_TRIPS: tuple[Callable[[str], object], ...] = (
    Uri.parse,
    NameAddr.parse,
    Via.parse,
    CSeq.parse,
    MediaType.parse,
    ReasonValue.parse,
    WarningValue.parse,
)


def one_input(data: bytes) -> None:
    """The bytes as one header value, read by everything that reads values. Values reach the readers without CR and LF."""
    text = data.decode(errors="replace").replace("\r", "").replace("\n", "").strip(" \t")
    for parse in ROUND_TRIPS:
        try:
            value = parse(text)
        except RemoteProtocolError:
            continue
        assert parse(str(value)) == value, (parse, text)
    for check in (NameAddr.parse_list, Via.parse_list, parse_date, grammar.split_list, grammar.ipv6, grammar.host_port):
        try:
            check(text)
        except RemoteProtocolError:
            continue
    assert grammar.unquote(grammar.quote(text)) == text
    try:
        digit = dtmf_relay.decode(data)
    except RemoteProtocolError:
        return
    assert dtmf_relay.decode(dtmf_relay.encode(digit)) == digit


def seeds() -> list[bytes]:
    """Every header value and start line of the torture messages."""
    values = {b"Signal=5\r\nDuration=160\r\n", b"Q.850;cause=16", b'305 h "x"', b"Sat, 13 Nov 2010 23:29:00 GMT"}
    for message in torture_seeds():
        for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            values.add(line.partition(b":")[2].strip())
            values.update(line.split(b" ")[1:2])
    return sorted(values)


def main() -> None:
    """Run the fuzzer."""
    run("headers", one_input, seeds())


if __name__ == "__main__":
    main()
