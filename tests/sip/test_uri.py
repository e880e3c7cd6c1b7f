"""URIs: reading, writing, comparing (RFC 3261 §19.1)."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sip.uri import REMEMBERED_CHARS_MAX, URI_CHARS_MAX, Uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@atlanta.com",
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sips:1212@gateway.com",
        "sip:alice@192.0.2.4",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:user@[2001:db8::10]:5070;lr",
        "sip:*43#@pbx.local",
        "sip:door@my_host:5060",
        "tel:+49-30-1234;phone-context=+49",
        "urn:service:sos",
    ],
)
def test_the_examples_of_the_rfc_and_of_practice_come_back_as_written(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_the_parts_of_a_uri_stand_where_they_belong() -> None:
    assert Uri.parse("SIP:al%20ice:pw@[::1]:5061;transport=TLS;lr?a=b&c=") == Uri(
        "sip", "al%20ice", "pw", "::1", 5061, (("transport", "TLS"), ("lr", None)), (("a", "b"), ("c", ""))
    )
    assert Uri.parse("tel:+1234;ext=5") == Uri("tel", "+1234", params=(("ext", "5"),))
    assert Uri.parse("Mailto:a@b") == Uri("mailto", opaque="a@b")


@pytest.mark.parametrize(
    "text",
    [
        "", "sip", "sip:", ":x", "1sip:x", "sip:@host", "sip:a@", "sip:a@b@c", "sip:host:", "sip:host:99999", "sip:2001:db8::10",
        "sip:a b@c", "sip:a@b;", "sip:a@b;;lr", "sip:a@b;x=", "sip:a@b?", "sip:a@b?x", "sip:a@b?=y", "sip:%4@b", "sip:a@b;%zz", "sip:ä@b",
        "sip:a@b\r\nX: y", "sip:a@b;x=<y>", 'sip:"a"@b', "tel:", "tel:abcxyz", "http://a b", "http:<a>", " sip:a@b", "sip:a@b ",
        "sip:\\a@b", "tel:+1;", "x:\x00",
    ],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Uri.parse(text)


def test_a_uri_has_a_longest_length_and_a_largest_number_of_parameters() -> None:
    Uri.parse("sip:" + "a" * (URI_CHARS_MAX - 4))
    for text in ("sip:" + "a" * (URI_CHARS_MAX - 3), "sip:a" + ";b" * 65, "sip:a?" + "&".join(["b=c"] * 65)):
        with pytest.raises(RemoteProtocolError):
            Uri.parse(text)


def test_parameters_are_found_whatever_their_case_and_escapes() -> None:
    uri = Uri.parse("sip:a@b;LR;%74ransport=%75dp")
    assert (uri.param("lr"), uri.param("transport"), uri.param("maddr")) == ("", "udp", None)
    assert str(uri.with_param("lr", None).with_param("ob", None)) == "sip:a@b;LR;%74ransport=%75dp;ob"


def test_headers_can_be_taken_off() -> None:
    assert str(Uri.parse("sip:a@b;lr?x=y").without_headers()) == "sip:a@b;lr"


# RFC 3261 §19.1.4, its own examples.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        ("sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
    ],
)
def test_equivalent_uris_of_the_rfc(one: str, other: str) -> None:
    assert Uri.parse(one).equivalent(Uri.parse(other))
    assert Uri.parse(other).equivalent(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:biloxi.com", "sip:bob@biloxi.com"),
        ("urn:a", "urn:b"),
    ],
)
def test_uris_that_are_not_equivalent(one: str, other: str) -> None:
    assert not Uri.parse(one).equivalent(Uri.parse(other))


def test_a_uri_that_was_read_before_is_the_same_and_a_broken_one_stays_broken() -> None:
    assert Uri.parse("sip:anna@door.example") is Uri.parse("sip:anna@door.example")
    long = f"sip:{'a' * REMEMBERED_CHARS_MAX}@door.example"
    assert Uri.parse(long) == Uri.parse(long)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            Uri.parse("sip:a@b@c")
