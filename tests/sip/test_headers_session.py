"""Headers that change what a session does: timers, reliable provisional responses, transfers, dialogs named elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.header_values import readable
from firmware.sip.headers import CSeq, NameAddr, canonical
from firmware.sip.message import Request, Response
from firmware.sip.rack import RSEQ_MAX, RAck, rack, rseq
from firmware.sip.refer_to import method_of, refer_sub, refer_to, referred_by
from firmware.sip.replaces import Join, Replaces, TargetDialog, join, join_in, replaces, replaces_in, target_dialog
from firmware.sip.session_timer import SessionExpires, min_se, session_expires
from firmware.sip.uri import Uri
from tests.sip.strategies import call_ids, tokens

DOOR = Uri("sip", "door", host="example.com")


def request(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", DOOR, tuple([(canonical(name), value) for name, value in headers]))


# --- session timer


@pytest.mark.parametrize(
    ("text", "value"),
    [("1800", SessionExpires(1800)), ("4000;refresher=uac", SessionExpires(4000, "uac")), ("90;refresher=uas", SessionExpires(90, "uas"))],
)
def test_a_session_interval_is_read_and_written(text: str, value: SessionExpires) -> None:
    assert SessionExpires.parse(text) == value
    assert str(value) == text


def test_a_session_interval_is_read_with_blanks_and_foreign_parameters() -> None:
    assert SessionExpires.parse("1800 ; Refresher = UAS ;x=1") == SessionExpires(1800, "uas")
    assert SessionExpires.parse("99999999999;refresher=both") == SessionExpires(2**32 - 1)


@pytest.mark.parametrize("text", ["", "x", "-1", "1800 s", "1800;refresher="])
def test_what_is_no_session_interval_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        SessionExpires.parse(text)


def test_session_headers_of_a_message_are_read_or_passed_over() -> None:
    message = request(("Session-Expires", "600"), ("Min-SE", "120;x=y"))
    assert (session_expires(message), min_se(message)) == (SessionExpires(600), 120)
    broken = request(("Session-Expires", "soon"), ("Min-SE", "x"))
    assert (session_expires(broken), min_se(broken)) == (None, None)


# --- reliable provisional responses


def test_the_rack_of_rfc_3262_is_read_and_written() -> None:
    value = RAck(776656, CSeq(1, "INVITE"))
    assert RAck.parse("776656 1 INVITE") == value
    assert str(value) == "776656 1 INVITE"
    assert RAck.parse(" 776656\t 1  INVITE") == value


@pytest.mark.parametrize("text", ["", "1", "1 2", "0 1 INVITE", f"{RSEQ_MAX + 1} 1 INVITE", "1 x INVITE", "1 2 INVITE x"])
def test_what_is_no_rack_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        RAck.parse(text)


def test_a_response_number_is_read_and_zero_refused() -> None:
    assert rseq(Response(183, "", (("RSeq", "988789"),))) == 988789
    assert rseq(Response(180, "")) is None
    with pytest.raises(RemoteProtocolError):
        rseq(Response(183, "", (("RSeq", "0"),)))
    with pytest.raises(RemoteProtocolError):
        rack(request(("RAck", "1 1 INVITE"), ("RAck", "2 1 INVITE")))


# --- dialogs named elsewhere


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r", Replaces("98732@sip.example.com", "ff87ff", "r33th4x0r")),
        ("87134@171.161.34.23;to-tag=24796;from-tag=0;early-only", Replaces("87134@171.161.34.23", "24796", "0", early_only=True)),
        ("12adf2f34456gs5;to-tag=12345;from-tag=54321", Join("12adf2f34456gs5", "12345", "54321")),
        ("fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544", TargetDialog(
            "fa77as7dad8-sd98ajzz@host.example.com", "kkaz-", "6544")),
    ],
)  # fmt: skip
def test_the_dialogs_of_rfc_3891_3911_and_4538_are_read_and_written(text: str, value: Replaces | Join | TargetDialog) -> None:
    assert type(value).parse(text) == value
    assert str(value) == text


@given(call_ids, tokens, tokens, st.booleans())
def test_replaces_survives_writing_also_inside_a_refer_to(call_id: str, to_tag: str, from_tag: str, early_only: bool) -> None:
    value = Replaces(call_id, to_tag, from_tag, early_only)
    assert Replaces.parse(str(value)) == value
    target = NameAddr.parse(str(NameAddr("", DOOR.with_header("Replaces", str(value)))))
    assert replaces_in(target.uri) == value


@pytest.mark.parametrize(
    "text",
    ["", "a@b", "a@b;to-tag=1", "a@b;from-tag=1", "a@b;to-tag=1;from-tag", "a@b;to-tag=1;to-tag=2;from-tag=3", "a@;to-tag=1;from-tag=2",
     "a b;to-tag=1;from-tag=2", ";to-tag=1;from-tag=2"],
)  # fmt: skip
def test_a_dialog_without_exactly_one_tag_of_each_kind_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Replaces.parse(text)
    with pytest.raises(RemoteProtocolError):
        Join.parse(text)


def test_two_replaces_are_refused_and_none_is_none() -> None:
    text = "a@b;to-tag=1;from-tag=2"
    assert replaces(request()) is None
    assert replaces(request(("Replaces", text))) == Replaces("a@b", "1", "2")
    assert join(request(("Join", text))) == Join("a@b", "1", "2")
    assert target_dialog(request(("Target-Dialog", "a@b;remote-tag=1;local-tag=2"))) == TargetDialog("a@b", "2", "1")
    with pytest.raises(RemoteProtocolError):
        replaces(request(("Replaces", text), ("Replaces", text)))


# --- transfer


def test_the_refer_to_of_an_attended_transfer_is_read() -> None:
    text = "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>"
    target = refer_to(request(("Refer-To", text)))
    assert method_of(target) == "INVITE"
    assert replaces_in(target.uri) == Replaces("12345@192.168.118.3", "12345", "5FFE-3994")
    assert join_in(target.uri) is None
    assert target.uri.without_headers() == Uri.parse("sip:dave@denver.example.org")


def test_a_refer_to_written_by_us_has_its_header_escaped() -> None:
    uri = DOOR.with_header("Join", "a@b;to-tag=1;from-tag=2")
    assert str(uri) == "sip:door@example.com?Join=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2"
    assert join_in(Uri.parse(str(uri))) == Join("a@b", "1", "2")


def test_a_refer_to_may_name_another_method() -> None:
    assert method_of(refer_to(request(("r", "<sip:carol@example.com;method=SUBSCRIBE?Event=dialog>")))) == "SUBSCRIBE"


def test_exactly_one_refer_to_is_required() -> None:
    line = ("Refer-To", "<sip:carol@example.com>")
    for headers in ((), (line, line), (("Refer-To", "carol"),)):
        with pytest.raises(RemoteProtocolError):
            refer_to(request(*headers))


def test_referred_by_keeps_the_reference_to_its_proof() -> None:
    text = '<sip:referror@referror.example>;cid="20398823.2UWQFN309shb3@referror.example"'
    value = referred_by(request(("b", text)))
    assert value is not None
    assert value.param("cid") == "20398823.2UWQFN309shb3@referror.example"
    assert str(value) == text
    assert referred_by(request(("Referred-By", "<broken"))) is None


@pytest.mark.parametrize(("text", "expected"), [("false", False), ("TRUE ;x=1", True), ("maybe", None)])
def test_refer_sub_is_true_false_or_nothing(text: str, expected: bool | None) -> None:
    assert refer_sub(request(("Refer-Sub", text))) is expected


def test_of_very_many_values_only_the_first_are_read() -> None:
    message = request(("Contact", ",".join(["<sip:a@b>"] * 500)))
    assert len(readable(message, "Contact", NameAddr.parse)) == 128
