"""What the grammar generates is read, and what is written is read back as the same value."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.headers import NameAddr, Via
from firmware.sip.message import Request, make_response, parse_message
from firmware.sip.uri import Uri
from tests.searching import examples
from tests.sip import strategies


@given(strategies.uris)
def test_every_uri_of_the_grammar_is_read_and_written_back(text: str) -> None:
    uri = Uri.parse(text)
    scheme, _, rest = text.partition(":")
    assert Uri.parse(str(uri)) == uri
    assert uri.equivalent(uri)
    if "[" not in text:  # IPv6 references may be spelled in several ways
        assert str(uri) == f"{scheme.lower()}:{rest}"


@given(strategies.addresses)
def test_every_address_of_the_grammar_is_read_and_written_back(text: str) -> None:
    value = NameAddr.parse(text.replace("\r\n", ""))
    assert NameAddr.parse(str(value)) == value


@given(strategies.vias)
def test_every_via_of_the_grammar_is_read_and_written_back(text: str) -> None:
    via = Via.parse(text.replace("\r\n", ""))
    assert Via.parse(str(via)) == via


@settings(max_examples=examples(25))  # whole messages take long to draw; the parts have tests of their own
@given(strategies.requests())
def test_every_request_of_the_grammar_is_read_written_and_answered(data: bytes) -> None:
    message = parse_message(data)
    assert isinstance(message, Request)
    assert parse_message(message.to_bytes()) == message
    answer = make_response(message, 200, to_tag="t")
    assert parse_message(answer.to_bytes()) == answer
    assert answer.vias == message.vias
    assert answer.to.tag == (message.to.tag or "t") or message.to.tag == ""
    assert answer.cseq == message.cseq


@settings(max_examples=examples(25))
@given(strategies.requests(), st.data())
def test_a_damaged_request_is_refused_in_order_or_read(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    damage = draw.draw(st.binary(max_size=3))
    try:
        message = parse_message(data[:at] + damage + data[at + 1 :])
    except RemoteProtocolError:
        return
    assert parse_message(message.to_bytes()) == message


@given(st.text(max_size=40))
def test_any_text_is_a_uri_an_address_a_via_or_refused(text: str) -> None:
    for parse in (Uri.parse, NameAddr.parse, NameAddr.parse_list, Via.parse, Via.parse_list):
        try:
            parse(text)
        except RemoteProtocolError:
            continue
