"""The cuts that every header needs (RFC 3261 §25.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0068", 68), ("4294967296", 2**32), ("0" * 300 + "7", 7)])
def test_a_number_may_have_leading_zeros_and_any_size(text: str, value: int) -> None:
    assert grammar.number(text, "x") == value


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1_000", "0x1", "٣", "1.5", "9" * 5000])
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.number(text, "x")


@pytest.mark.parametrize("text", ["", "0", "65536", "000005060", "5060x", "-1"])
def test_a_port_is_from_1_to_65535(text: str) -> None:
    assert (grammar.port("1"), grammar.port("65535"), grammar.port("05060")) == (1, 65535, 5060)
    with pytest.raises(RemoteProtocolError):
        grammar.port(text)


@pytest.mark.parametrize(
    "text", ["2001:db8::9:1", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.10", "1:2:3:4:5:6:192.0.2.1", "2001:db8::192.0.2.1"]
)
def test_ipv6_addresses_are_accepted(text: str) -> None:
    assert grammar.ipv6(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ":", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::::", "12345::", "g::", "1:2:3:4:5:6:7::8", "::1.2.3", "::1.2.3.256",
     "::1.2.3.4.5", "1.2.3.4", "::1%eth0", ":1:2:3:4:5:6:7:8", "1.2.3.4::"],
)  # fmt: skip
def test_what_is_no_ipv6_address_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.ipv6(text)


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_accepted_short_and_long(address: object) -> None:
    assert grammar.ipv6(str(address)) == str(address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("h", ("h", None)), ("h : 5060", ("h", 5060)), ("[::1]", ("::1", None)), ("[::1] : 9", ("::1", 9)), ("192.0.2.1:1", ("192.0.2.1", 1))],
)
def test_host_and_port_are_told_apart(text: str, expected: tuple[str, int | None]) -> None:
    assert grammar.host_port(text) == expected


@pytest.mark.parametrize("text", ["", ":5060", "h:", "h:0", "[::1", "[::1]x", "[::1]:", "::1", "a b", "h:1:2", "[h]", "ho/st", "hä"])
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.host_port(text)


@pytest.mark.parametrize(
    ("text", "inner"),
    [('""', ""), ('"a b"', "a b"), (r'"a\"b"', 'a"b'), (r'"\\"', "\\"), (r'"\\\""', '\\"'), (r'"a\b"', "ab"), ("token", "token")],
)
def test_quoted_pairs_are_resolved(text: str, inner: str) -> None:
    assert grammar.unquote(text) == inner
    if text[:1] == '"':
        assert grammar.quoted_end(text) == len(text)


@pytest.mark.parametrize("text", ['"', '"a', r'"a\"', r'"\\\"', r'"a\\\"'])
def test_a_quoted_string_without_end_is_noticed(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.quoted_end(text)


@given(st.text())
def test_what_is_quoted_is_one_quoted_string_and_comes_back(text: str) -> None:
    quoted = grammar.quote(text)
    assert grammar.quoted_end(quoted) == len(quoted)
    assert grammar.unquote(quoted) == text


def test_commas_in_quotes_and_brackets_separate_nothing() -> None:
    assert grammar.split_list('"a,b" <sip:c,d@e>, <sip:f> ;x="g,\\"h" ,i') == ['"a,b" <sip:c,d@e>', '<sip:f> ;x="g,\\"h"', "i"]


@pytest.mark.parametrize("text", ["", ",", "a,", ",a", "a,,b", "a, ,b", '"a,b', "<a,b"])
def test_an_empty_value_or_an_open_quote_in_a_list_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.split_list(text)


def test_a_list_has_a_limit() -> None:
    most = grammar.LIST_ITEMS_MAX
    assert len(grammar.split_list(",".join("a" * most))) == most
    with pytest.raises(RemoteProtocolError):
        grammar.split_list(",".join("a" * (most + 1)))


def test_parameters_are_read_with_and_without_value_and_spaces() -> None:
    params = grammar.parameters(' ; a ; B = c;d="x;y=\\"z\\"" ;branch=z9hG4bK-a==')
    assert params == (("a", None), ("B", "c"), ("d", '"x;y=\\"z\\""'), ("branch", "z9hG4bK-a=="))
    assert [grammar.find(params, name) for name in ("a", "b", "d", "e")] == ["", "c", 'x;y="z"', None]


@pytest.mark.parametrize("text", [";", ";;a", ";a;", ";a=", "x;a", ";a b", ';a="b', ';a="b"c', ";=b", ";a=b c", ";a=ä", ";a=b,c"])
def test_broken_parameters_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.parameters(text)


def test_parameters_have_a_limit() -> None:
    most = grammar.PARAMETERS_MAX
    assert len(grammar.parameters(";a" * most)) == most
    with pytest.raises(RemoteProtocolError):
        grammar.parameters(";a" * (most + 1))


def test_a_parameter_is_replaced_in_its_place_or_added_at_the_end() -> None:
    params = grammar.parameters(";Rport;x=1")
    assert grammar.joined(grammar.replaced(params, "rport", "5060")) == ";Rport=5060;x=1"
    assert grammar.joined(grammar.replaced(params, "received", "192.0.2.1")) == ";Rport;x=1;received=192.0.2.1"


def test_escapes_are_resolved_as_utf_8() -> None:
    assert grammar.unescape("%41%c3%a4+%25") == "Aä+%"
    assert grammar.unescape("%ff") == "\ufffd"
    grammar.check_escapes("%41")
    for text in ("%", "%4", "%4g", "a%%41"):
        with pytest.raises(RemoteProtocolError):
            grammar.check_escapes(text)
