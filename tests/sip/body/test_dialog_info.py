"""The lamp on the resident's phone: dialog-info documents (RFC 4235)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.dialog_info import (
    DIALOGS_MAX,
    DIRECTIONS,
    EVENTS,
    FULL,
    PARTIAL,
    STATES,
    DialogEntry,
    DialogInfo,
    DialogName,
    Participant,
    decode,
    encode,
    merge,
)
from tests.sip.strategies import xml_texts as texts

DATA = Path(__file__).parent.parent.parent / "data" / "sip"
DOOR = DialogInfo(
    3,
    FULL,
    "sip:door@example.com",
    (
        DialogEntry(
            "as7d900as8", "confirmed", "replaced", 200, "initiator", "a84b4c76e66710", "1928301774", "a6c85cf",
            Participant("sip:door@example.com", "Front <Door>", "sip:door@192.0.2.1", (("+sip.rendering", "yes"),)),
            Participant("sip:flat@example.com", "", "sip:flat@192.0.2.2"),
            42, DialogName("old", "1", "2"), "sip:carol@example.com",
        ),
    ),
)  # fmt: skip
DOOR_BODY = """<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="full" entity="sip:door@example.com">
  <dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="a6c85cf" direction="initiator">
    <state event="replaced" code="200">confirmed</state>
    <duration>42</duration>
    <replaces call-id="old" local-tag="1" remote-tag="2"/>
    <referred-by>sip:carol@example.com</referred-by>
    <local>
      <identity display="Front &lt;Door&gt;">sip:door@example.com</identity>
      <target uri="sip:door@192.0.2.1">
        <param pname="+sip.rendering" pval="yes"/>
      </target>
    </local>
    <remote>
      <identity>sip:flat@example.com</identity>
      <target uri="sip:flat@192.0.2.2"/>
    </remote>
  </dialog>
</dialog-info>
"""


def test_a_document_is_written_and_read() -> None:
    assert encode(DOOR).decode() == DOOR_BODY
    assert decode(DOOR_BODY.encode()) == DOOR


def test_the_early_dialog_of_rfc_4235_is_read() -> None:
    body = b"""<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="partial" entity="sip:alice@example.com">
  <dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="hh76a" direction="initiator">
    <state event="rejected" code="486"> Terminated </state></dialog>
  <dialog id="2"><state>trying</state><remote/></dialog></dialog-info>"""
    first = DialogEntry("as7d900as8", "terminated", "rejected", 486, "initiator", "a84b4c76e66710", "1928301774", "hh76a")
    assert decode(body) == DialogInfo(1, PARTIAL, "sip:alice@example.com", (first, DialogEntry("2", "trying", remote=Participant())))


def test_a_document_without_namespace_and_with_unknown_words_is_read() -> None:
    body = b'<dialog-info state="full"><dialog id="1" direction="up"><state event="x" code="9999">early</state><x/></dialog></dialog-info>'
    assert decode(body) == DialogInfo(0, FULL, "", (DialogEntry("1", "early", code=699),))


def test_a_target_without_uri_keeps_its_parameters_when_written() -> None:
    info = decode((DATA / "target-without-uri.xml").read_bytes())  # found by the fuzzer
    assert info.dialogs[0].local == Participant(display="A", target_params=(("x", "y"),))
    assert decode(encode(info)) == info


said = st.just("") | texts
participants = st.builds(Participant, said, said, said, st.lists(st.tuples(texts, texts), max_size=2).map(tuple))
entries = st.builds(
    DialogEntry, texts, st.sampled_from(STATES), st.none() | st.sampled_from(EVENTS), st.none() | st.integers(100, 699),
    st.none() | st.sampled_from(DIRECTIONS), st.none() | texts, st.none() | texts, st.none() | texts, st.none() | participants,
    st.none() | participants, st.none() | st.integers(0, 2**31 - 1), st.none() | st.builds(DialogName, texts, texts, texts),
    st.none() | texts,
)  # fmt: skip
infos = st.builds(DialogInfo, st.integers(0, 2**31 - 1), st.sampled_from([FULL, PARTIAL]), texts, st.lists(entries, max_size=3).map(tuple))


@given(infos)
def test_documents_survive_writing(info: DialogInfo) -> None:
    assert decode(encode(info)) == info


@pytest.mark.parametrize(
    "inside",
    [
        b'version="1"><dialog id="1"><state>early</state></dialog>',
        b'version="x" state="full">',
        b'state="half">',
        b'state="full"><dialog id="1"/>',
        b'state="full"><dialog id="1"><state>asleep</state></dialog>',
        b'state="full"><dialog id="1"><state code="x">early</state></dialog>',
        b'state="full"><dialog id="1"><state>early</state><duration>long</duration></dialog>',
        b'state="full">' + b'<dialog id="1"><state>early</state></dialog>' * (DIALOGS_MAX + 1),
    ],
)
def test_nonsense_is_refused(inside: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(b"<dialog-info " + inside + b"</dialog-info>")


def test_partial_documents_add_up() -> None:
    start = DialogInfo(0, FULL, "sip:a@b", (DialogEntry("1", "early"), DialogEntry("2", "terminated")))
    assert merge(None, start) == start
    second = merge(start, DialogInfo(1, PARTIAL, "sip:a@b", (DialogEntry("1", "confirmed"), DialogEntry("3", "trying"))))
    assert second == DialogInfo(1, FULL, "sip:a@b", (DialogEntry("1", "confirmed"), DialogEntry("3", "trying")))
    assert merge(second, start) == second


def test_a_missing_document_asks_for_a_full_one() -> None:
    start = DialogInfo(0, FULL, "sip:a@b")
    assert merge(None, DialogInfo(0, PARTIAL, "sip:a@b")) is None
    assert merge(start, DialogInfo(2, PARTIAL, "sip:a@b")) is None
    assert merge(start, DialogInfo(2, FULL, "sip:a@b")) == DialogInfo(2, FULL, "sip:a@b")
