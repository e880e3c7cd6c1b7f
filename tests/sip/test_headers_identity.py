"""Headers that say who calls (RFC 3323, RFC 3325), who was called first (RFC 5806, RFC 7044, RFC 7544), and what a registration gave us."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sip.diversion import Diversion, HistoryEntry, diversions, history
from firmware.sip.entity_tag import entity_tag
from firmware.sip.headers import NameAddr, canonical
from firmware.sip.identity import ANONYMOUS, RemoteParty, asserted_identities, hides_caller, privacy, remote_parties
from firmware.sip.message import Request, Response
from firmware.sip.outbound import flow_timer_s, instance, pub_gruu, reg_id, service_routes, temp_gruu, with_instance
from firmware.sip.reason import ReasonValue
from firmware.sip.uri import Uri

ALICE = NameAddr("", Uri("sip", "alice", host="example.com"))


def invite(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", Uri("sip", "door", host="example.com"), headers)


# --- identity


def test_asserted_identities_are_read() -> None:
    message = invite(
        ("P-Asserted-Identity", '"Cullen" <sip:fluffy@cisco.example>, <broken'),
        ("P-Asserted-Identity", "tel:+14085264000"),
    )
    assert [str(item) for item in asserted_identities(message)] == ["<tel:+14085264000>"]


def test_names_of_headers_keep_the_spelling_of_their_standards() -> None:
    names = ["Remote-Party-ID", "Content-ID", "Priv-Answer-Mode", "Refer-Sub", "Target-Dialog", "Flow-Timer", "P-Called-Party-ID"]
    assert [canonical(name.lower()) for name in names] == names


def test_two_asserted_identities_are_enough() -> None:
    message = invite(("P-Asserted-Identity", '"C, J" <sip:fluffy@cisco.example>, <tel:+14085264000>, <sip:x@y>'))
    assert [item.uri.scheme for item in asserted_identities(message)] == ["sip", "tel"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<sip:alice@example.com>;party=calling;screen=yes;privacy=off", RemoteParty(ALICE, "calling", is_screened=True)),
        ("<sip:alice@example.com>;party=called;privacy=full", RemoteParty(ALICE, "called", is_private=True)),
    ],
)
def test_a_remote_party_is_read_and_written(text: str, value: RemoteParty) -> None:
    assert RemoteParty.parse(text) == value
    assert str(value) == text


def test_a_remote_party_without_parameters_is_the_unscreened_caller() -> None:
    message = invite(("Remote-Party-ID", '"Alice" <sip:alice@example.com>;screen=maybe, <'))
    assert remote_parties(message) == ()
    message = invite(("Remote-Party-ID", '"Alice" <sip:alice@example.com>;screen=maybe;party=x'))
    assert remote_parties(message) == (RemoteParty(ALICE._replace(display="Alice")),)


@pytest.mark.parametrize(
    ("text", "values", "hides"),
    [("id", {"id"}, True), ("Header ; critical", {"header", "critical"}, True), ("none", {"none"}, False), ("history", {"history"}, False),
     ("@; user", {"user"}, True), ("", set(), False)],
)  # fmt: skip
def test_privacy_is_a_set_of_wishes(text: str, values: set[str], hides: bool) -> None:
    message = invite(("Privacy", text), ("From", str(ALICE)))
    assert privacy(message) == values
    assert hides_caller(message) is hides


def test_the_anonymous_caller_of_rfc_3323_is_written() -> None:
    assert str(ANONYMOUS) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert hides_caller(invite(("From", f"{ANONYMOUS};tag=1")))
    assert not hides_caller(invite())


# --- diversion


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<sip:alice@example.com>;reason=user-busy", Diversion(ALICE, "user-busy")),
        ("<sip:alice@example.com>;reason=no-answer;counter=3", Diversion(ALICE, "no-answer", 3)),
    ],
)
def test_a_diversion_is_read_and_written(text: str, value: Diversion) -> None:
    assert Diversion.parse(text) == value
    assert str(value) == text


def test_a_diversion_without_sense_in_its_parameters_is_unknown() -> None:
    assert Diversion.parse('<sip:alice@example.com>;counter=many;reason="what now"') == Diversion(ALICE)


def test_diversions_come_the_last_first_and_broken_ones_are_passed_over() -> None:
    bob = NameAddr("", Uri("sip", "bob", host="example.com"))
    message = invite(
        ("Diversion", "<sip:bob@example.com>;reason=no-answer, <sip:"), ("Diversion", "<sip:bob@example.com>;reason=no-answer"),
        ("Diversion", "<sip:alice@example.com>;reason=unconditional"),
    )  # fmt: skip
    assert diversions(message) == (Diversion(bob, "no-answer"), Diversion(ALICE, "unconditional"))
    assert diversions(invite()) == ()


def test_history_tells_of_diversions_where_no_diversion_header_does() -> None:
    message = invite(
        ("History-Info", "<sip:alice@example.com>;index=1"),
        ("History-Info", "<sip:bob@example.com;cause=486>;index=1.1;mp=1, <sip:bob@192.0.2.4>;index=1.1.1;rc=1.1"),
        ("History-Info", "<sip:carol@example.com;cause=408>;index=1.2;mp=1.1"),
    )
    assert [(item.address.uri.user, item.reason) for item in diversions(message)] == [("bob", "no-answer"), ("alice", "user-busy")]


def test_history_of_the_older_standard_has_the_reason_at_the_one_who_diverted() -> None:
    message = invite(
        ("History-Info", "<sip:alice@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:bob@example.com>;index=1.1"),
        ("History-Info", "<sip:bob@example.com?Reason=Q.850%3Bcause%3D17>;index=1.1.1, <sip:carol@example.com>;index=1.2"),
    )
    assert diversions(message) == (Diversion(ALICE, "unconditional"),)


def test_history_entries_show_their_place_and_failure() -> None:
    text = '"A" <sip:alice@example.com?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22>;index=1.2;rc=1'
    (entry,) = history(invite(("History-Info", f"{text}, <sip:x@y>, <sip:x@y>;index=1..2")))
    assert isinstance(entry, HistoryEntry)
    assert (entry.position, entry.mapped_from, entry.cause) == ((1, 2), (1,), None)
    assert entry.failure == ReasonValue("SIP", 302, "Moved")
    assert HistoryEntry.parse("<sip:alice@example.com?Reason=%3B>;index=1").failure is None


# --- registration: flows, GRUUs, paths


def test_the_contact_of_a_flow_is_written_and_read() -> None:
    urn = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
    contact = with_instance(NameAddr("", Uri("sip", "line1", host="192.0.2.2")), urn, 1)
    assert str(contact) == f'<sip:line1@192.0.2.2>;+sip.instance="<{urn}>";reg-id=1'
    assert (instance(contact), reg_id(contact)) == (urn, 1)
    assert reg_id(with_instance(contact, urn)) == 1


def test_the_gruus_of_rfc_5627_are_read() -> None:
    contact = NameAddr.parse(
        '<sip:callee@192.0.2.1>;pub-gruu="sip:callee@example.com;gr=urn:uuid:f81d4fae";'
        'temp-gruu="sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr";+sip.instance="<urn:uuid:f81d4fae>";expires=3600'
    )
    assert pub_gruu(contact) == Uri.parse("sip:callee@example.com;gr=urn:uuid:f81d4fae")
    temporary = temp_gruu(contact)
    assert temporary is not None
    assert temporary.param("gr") == ""
    assert instance(contact) == "urn:uuid:f81d4fae"


def test_contact_parameters_without_sense_are_none() -> None:
    contact = NameAddr.parse('<sip:a@b>;+sip.instance="x";reg-id=0;pub-gruu="x"')
    assert (instance(contact), reg_id(contact), pub_gruu(contact), temp_gruu(contact)) == (None, None, None, None)


def test_routes_of_a_registration_are_read_whole_or_not_at_all() -> None:
    answer = Response(200, "OK", (("Service-Route", "<sip:s1;lr>"), ("Flow-Timer", "120")))
    assert [str(item) for item in service_routes(answer)] == ["<sip:s1;lr>"]
    assert flow_timer_s(answer) == 120
    assert (service_routes(Response(200, "")), flow_timer_s(Response(200, ""))) == ((), None)
    with pytest.raises(RemoteProtocolError):
        service_routes(Response(200, "OK", (("Service-Route", "<sip:s1;lr>, <sip:"),)))
    with pytest.raises(RemoteProtocolError):
        service_routes(Response(200, "OK", (("Service-Route", ",".join(["<sip:p>"] * 71)),)))


# --- publication


def test_entity_tags_are_tokens_that_stand_once() -> None:
    assert entity_tag(Response(200, "OK", (("SIP-ETag", "dx200xyz"),))) == "dx200xyz"
    assert entity_tag(Response(200, "OK")) is None
    for headers in ((("SIP-ETag", "a b"),), (("SIP-ETag", "a"), ("SIP-ETag", "b")), (("SIP-ETag", "x" * 257),)):
        with pytest.raises(RemoteProtocolError):
            entity_tag(Response(200, "OK", headers))
