"""Header names and typed values: Via, addresses, CSeq."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sip.headers import CSEQ_MAX, CSeq, NameAddr, Via, canonical
from firmware.sip.uri import Uri


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("v", "Via"), ("V", "Via"), ("via", "Via"), ("CALL-ID", "Call-ID"), ("i", "Call-ID"), ("cseq", "CSeq"), ("k", "Supported"),
        ("www-authenticate", "WWW-Authenticate"), ("x-my-HEADER", "X-My-Header"), ("x", "Session-Expires"), ("C%6Fntact", "C%6fntact"),
        ("Z", "Z"),
    ],
)  # fmt: skip
def test_a_header_has_one_name_whatever_its_spelling(given: str, name: str) -> None:
    assert canonical(given) == name
    assert canonical(name) == name


def test_a_via_is_taken_apart() -> None:
    via = Via.parse("SIP/2.0/udp pc33.atlanta.com:5066;branch=z9hG4bK77;received=192.0.2.1;rport=9988;ttl=16")
    assert (via.transport, via.host, via.port) == ("UDP", "pc33.atlanta.com", 5066)
    assert (via.branch, via.received, via.rport, via.param("ttl"), via.param("maddr")) == ("z9hG4bK77", "192.0.2.1", 9988, "16", None)


def test_rport_is_asked_for_told_or_absent() -> None:
    texts = {";rport": 0, ";rport=5060": 5060, "": None, ";rport=x": 0, ";rport=99999": 0, ";rport=123456": 0}
    assert {text: Via.parse(f"SIP/2.0/UDP h{text}").rport for text in texts} == texts


def test_an_ipv6_via_is_written_with_brackets_and_its_received_without() -> None:
    via = Via.parse("SIP/2.0/TCP [2001:db8::9:1]:5070;rport").with_param("received", "2001:db8::9:255").with_param("rport", "5")
    assert str(via) == "SIP/2.0/TCP [2001:db8::9:1]:5070;rport=5;received=2001:db8::9:255"
    assert via.host == "2001:db8::9:1"


def test_an_empty_branch_is_none() -> None:
    assert Via.parse("SIP/2.0/UDP h").branch is None
    assert Via.parse("SIP/2.0/UDP h;branch").branch is None


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/3.0/UDP h", "HTTP/2.0/UDP h", "SIP/2.0 h", "SIP/2.0/U<P h", "SIP/2.0/UDP h i",
     "SIP/2.0/UDP h;;x", "SIP/2.0/UDP :5060", "SIP/2.0/UDP h:0", "SIP/2.0/ UDP", "SIP / 2.0 / h", "SIP/2.0/UDP [::1;x"],
)  # fmt: skip
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Via.parse(text)


ALICE = Uri("sip", "alice", host="h")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sip:alice@h", NameAddr("", ALICE)),
        ("<sip:alice@h>", NameAddr("", ALICE)),
        ("sip:alice@h;tag=1", NameAddr("", ALICE, (("tag", "1"),))),
        ("sip:alice@h ; tag=1", NameAddr("", ALICE, (("tag", "1"),))),
        ("<sip:alice@h;lr>;tag=1", NameAddr("", Uri("sip", "alice", host="h", params=(("lr", None),)), (("tag", "1"),))),
        ("Alice<sip:alice@h>", NameAddr("Alice", ALICE)),
        ("Alice  Liddell  <sip:alice@h> ;x", NameAddr("Alice  Liddell", ALICE, (("x", None),))),
        ('"A, \\"B\\" <c>" <sip:alice@h>', NameAddr('A, "B" <c>', ALICE)),
        ('""<sip:alice@h>', NameAddr("", ALICE)),
        ("Müller (Tür) <sip:alice@h>", NameAddr("Müller (Tür)", ALICE)),
        ('<sip:alice@h>;+sip.instance="<urn:uuid:1>";q=0.5', NameAddr("", ALICE, (("+sip.instance", '"<urn:uuid:1>"'), ("q", "0.5")))),
    ],
)
def test_addresses_are_read_in_every_form(text: str, value: NameAddr) -> None:
    assert NameAddr.parse(text) == value
    assert NameAddr.parse(str(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "<>", "<sip:a@b", "sip:a@b>", '"x" sip:a@b', '"x <sip:a@b>', "a, b <sip:a@b>", "<sip:a@b>x", "<sip:a@b>;", "< sip:a@b>",
     "<sip:a@b >", "sip:a@b?x=y", 'x"y" <sip:a@b>', "<<sip:a@b>>", "x\\y <sip:a@b>", "sip:a@b;tag=", "<sip:a@b>tag=1"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddr.parse(text)


def test_a_list_of_addresses_is_split_at_its_own_commas_only() -> None:
    found = NameAddr.parse_list('"a,b" <sip:1@h;x=1>,<sip:2@h?a=b>;q=1 , sip:3@h')
    assert [address.uri.user for address in found] == ["1", "2", "3"]


def test_a_tag_is_read_set_and_replaced() -> None:
    bare = NameAddr.parse("<sip:alice@h>;x=1")
    assert bare.tag is None
    assert str(bare.with_tag("7")) == "<sip:alice@h>;x=1;tag=7"
    assert str(NameAddr.parse("<sip:alice@h>;TAG=1").with_tag("7")) == "<sip:alice@h>;TAG=7"


def test_control_characters_in_a_display_name_are_written_as_quoted_pairs() -> None:
    assert str(NameAddr("a\x00b\x7f", ALICE)) == '"a\\\x00b\\\x7f" <sip:alice@h>'


def test_a_cseq_is_read_and_written() -> None:
    assert CSeq.parse("0009 \t INVITE") == CSeq(9, "INVITE")
    assert str(CSeq.parse(f"{CSEQ_MAX} BYE")) == f"{CSEQ_MAX} BYE"


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "1 INVITE x", "x INVITE", "-1 INVITE", f"{CSEQ_MAX + 1} INVITE", "1 INV<ITE", "1INVITE"]
)
def test_what_is_no_cseq_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        CSeq.parse(text)
