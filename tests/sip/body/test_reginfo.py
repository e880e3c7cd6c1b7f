"""What the registrar tells of its bindings (RFC 3680)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.reginfo import (
    CONTACT_EVENTS,
    CONTACTS_MAX,
    FULL,
    PARTIAL,
    ContactEntry,
    RegInfo,
    Registration,
    decode,
    encode,
    merge,
)
from tests.sip.strategies import xml_texts as texts

BODY = """<?xml version="1.0" encoding="UTF-8"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="1" state="full">
  <registration aor="sip:joe@example.com" id="a7" state="active">
    <contact id="76" state="active" event="registered" duration-registered="7322" expires="60" callid="c@d" cseq="2">
      <uri>sip:joe@pc34.example.com</uri>
      <display-name>Joe's &amp; door</display-name>
      <unknown-param name="+sip.instance">&lt;urn:uuid:1&gt;</unknown-param>
      <gr:pub-gruu uri="sip:joe@example.com;gr=urn:uuid:1"/>
      <gr:temp-gruu uri="sip:x@example.com;gr"/>
    </contact>
    <contact id="77" state="terminated" event="probation" retry-after="0">
      <uri>sip:joe@pc35.example.com</uri>
    </contact>
  </registration>
</reginfo>
"""
INFO = RegInfo(
    1,
    FULL,
    (
        Registration("sip:joe@example.com", "a7", "active", (
            ContactEntry(
                "76", "sip:joe@pc34.example.com", "active", "registered", 60, None, 7322, "c@d", 2, "Joe's & door",
                (("+sip.instance", "<urn:uuid:1>"),), "sip:joe@example.com;gr=urn:uuid:1", "sip:x@example.com;gr",
            ),
            ContactEntry("77", "sip:joe@pc35.example.com", "terminated", "probation", retry_after_s=0),
        )),
    ),
)  # fmt: skip


def test_a_document_is_written_and_read() -> None:
    assert encode(INFO).decode() == BODY
    assert decode(BODY.encode()) == INFO


def test_the_gruu_namespace_is_declared_only_where_it_is_used() -> None:
    assert b"gruuinfo" not in encode(RegInfo(0, PARTIAL, (Registration("sip:a@b", "1", "init"),)))


def test_unknown_events_are_none() -> None:
    body = b'<reginfo state="partial"><registration state="INIT"><contact state="active" event="moved"/></registration></reginfo>'
    assert decode(body) == RegInfo(0, PARTIAL, (Registration("", "", "init", (ContactEntry("", "", "active"),)),))


@pytest.mark.parametrize(
    "inside",
    [
        b"",
        b'<registration id="1"/>',
        b'<registration state="gone"/>',
        b'<registration state="active"><contact state="lost"/></registration>',
        b'<registration state="active"><contact state="active" expires="soon"/></registration>',
        b'<registration state="active">' + b'<contact state="active"/>' * (CONTACTS_MAX + 1) + b"</registration>",
    ],
)
def test_nonsense_is_refused(inside: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(b"<reginfo " + (b'state="full">' if inside else b">") + inside + b"</reginfo>")


seconds = st.none() | st.integers(0, 2**31 - 1)
contacts = st.builds(
    ContactEntry, texts, texts, st.sampled_from(["active", "terminated"]), st.none() | st.sampled_from(CONTACT_EVENTS), seconds, seconds,
    seconds, st.none() | texts, seconds, st.none() | texts, st.lists(st.tuples(texts, texts), max_size=2).map(tuple), st.none() | texts,
    st.none() | texts,
)  # fmt: skip
registrations = st.builds(Registration, texts, texts, st.just("active"), st.lists(contacts, max_size=2).map(tuple))


@given(st.builds(RegInfo, st.integers(0, 2**31 - 1), st.sampled_from([FULL, PARTIAL]), st.lists(registrations, max_size=2).map(tuple)))
def test_documents_survive_writing(info: RegInfo) -> None:
    assert decode(encode(info)) == info


def test_partial_documents_add_up_contact_by_contact() -> None:
    update = RegInfo(
        2, PARTIAL, (Registration("sip:joe@example.com", "a7", "active", (ContactEntry("78", "sip:x@y", "active", "created"),)),)
    )
    merged = merge(INFO, update)
    assert merged is not None
    assert [contact.id for contact in merged.registrations[0].contacts] == ["76", "78"]
    assert merge(merged, update) == merged
    gone = merge(merged, RegInfo(3, PARTIAL, (Registration("sip:joe@example.com", "a7", "terminated"),)))
    assert gone is not None
    assert [item.state for item in gone.registrations] == ["terminated"]
    empty = merge(gone, RegInfo(4, PARTIAL))
    assert empty == RegInfo(4, FULL)


def test_a_missing_document_asks_for_a_full_one() -> None:
    assert merge(None, RegInfo(0, PARTIAL)) is None
    assert merge(INFO, RegInfo(3, PARTIAL)) is None
    assert merge(INFO, RegInfo(9, FULL)) == RegInfo(9, FULL)
    assert merge(None, INFO) == INFO
