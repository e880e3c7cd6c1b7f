"""Presence (RFC 3863, RFC 4480), composing (RFC 3994) and the camera's picture request (RFC 5168)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body import is_composing, media_control, pidf
from firmware.sip.body.is_composing import IsComposing
from firmware.sip.body.media_control import STREAMS_MAX, MediaControl
from firmware.sip.body.pidf import CLOSED, ON_THE_PHONE, OPEN, TUPLES_MAX, Presence, PresenceTuple
from tests.sip.strategies import xml_texts as texts

# --- pidf

PHONE = PresenceTuple("bs35r9", OPEN, "im:someone@mobilecarrier.example", ("Don't disturb",), "2001-10-27T16:49:29Z")


def test_presence_is_written_and_read() -> None:
    presence = Presence("pres:someone@example.com", (PHONE,), ("I'll be in Tokyo",), (ON_THE_PHONE,))
    body = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" \
xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:someone@example.com">
  <tuple id="bs35r9">
    <status>
      <basic>open</basic>
    </status>
    <contact>im:someone@mobilecarrier.example</contact>
    <note>Don't disturb</note>
    <timestamp>2001-10-27T16:49:29Z</timestamp>
  </tuple>
  <note>I'll be in Tokyo</note>
  <dm:person id="person">
    <rpid:activities>
      <rpid:on-the-phone/>
    </rpid:activities>
  </dm:person>
</presence>
"""
    assert pidf.encode(presence).decode() == body
    assert pidf.decode(body.encode()) == presence
    assert presence.is_open


def test_presence_with_prefixes_and_old_activities_is_read() -> None:
    body = b"""<impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf" xmlns:ep="urn:x" entity="sip:a@b">
      <impp:tuple id="1"><impp:status><impp:basic>CLOSED</impp:basic><ep:activities><ep:away/><ep:note>x</ep:note></ep:activities>
      </impp:status></impp:tuple><impp:tuple id="2"><impp:status/></impp:tuple></impp:presence>"""
    presence = pidf.decode(body)
    assert presence == Presence("sip:a@b", (PresenceTuple("1", CLOSED), PresenceTuple("2")), (), ("away",))
    assert not presence.is_open


tuples = st.builds(
    PresenceTuple,
    texts,
    st.sampled_from([OPEN, CLOSED, None]),
    st.none() | texts,
    st.lists(texts, max_size=2).map(tuple),
    st.none() | texts,
)


@given(
    st.builds(
        Presence, texts, st.lists(tuples, max_size=3).map(tuple), st.lists(texts, max_size=2).map(tuple),
        st.lists(st.sampled_from(["away", "busy", "meal"]), unique=True).map(tuple),
    )
)  # fmt: skip
def test_presence_survives_writing(presence: Presence) -> None:
    assert pidf.decode(pidf.encode(presence)) == presence


def test_too_many_tuples_and_other_documents_are_refused() -> None:
    assert len(pidf.decode(b"<presence>" + b"<tuple/>" * TUPLES_MAX + b"</presence>").tuples) == TUPLES_MAX
    for body in (b"<presence>" + b"<tuple/>" * (TUPLES_MAX + 1) + b"</presence>", b"<absence/>"):
        with pytest.raises(RemoteProtocolError):
            pidf.decode(body)


# --- isComposing


def test_composing_is_written_and_read() -> None:
    value = IsComposing(is_active=True, content_type="text/plain", refresh_s=90, last_active="2003-01-27T10:43:00Z")
    body = """<?xml version="1.0" encoding="UTF-8"?>
<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">
  <state>active</state>
  <lastactive>2003-01-27T10:43:00Z</lastactive>
  <contenttype>text/plain</contenttype>
  <refresh>90</refresh>
</isComposing>
"""
    assert is_composing.encode(value).decode() == body
    assert is_composing.decode(body.encode()) == value


def test_unknown_states_of_composing_are_idle_and_none_is_refused() -> None:
    assert is_composing.decode(b"<isComposing><state>dreaming</state></isComposing>") == IsComposing(is_active=False)
    assert is_composing.decode(is_composing.encode(IsComposing(is_active=False))) == IsComposing(is_active=False)
    for body in (b"<isComposing/>", b"<isComposing><state>idle</state><refresh>soon</refresh></isComposing>"):
        with pytest.raises(RemoteProtocolError):
            is_composing.decode(body)


# --- media control


def test_a_picture_request_is_written_and_read() -> None:
    body = """<?xml version="1.0" encoding="UTF-8"?>
<media_control>
  <vc_primitive>
    <to_encoder>
      <picture_fast_update/>
    </to_encoder>
    <stream_id>7</stream_id>
  </vc_primitive>
</media_control>
"""
    assert media_control.encode(MediaControl(picture_fast_update=True, stream_ids=("7",))).decode() == body
    assert media_control.decode(body.encode()) == MediaControl(picture_fast_update=True, stream_ids=("7",))


def test_a_picture_request_as_phones_send_it_is_read() -> None:
    body = (
        b'<?xml version="1.0" encoding="utf-8" ?>\r\n<media_control><vc_primitive><to_encoder><picture_fast_update>\r\n'
        b"</picture_fast_update></to_encoder></vc_primitive></media_control>"
    )
    assert media_control.decode(body) == MediaControl(picture_fast_update=True)
    error = media_control.encode(MediaControl(error="no such stream"))
    assert media_control.decode(error) == MediaControl(error="no such stream")
    many = body.replace(b"</vc", b"<stream_id>1</stream_id>" * 20 + b"</vc")
    assert len(media_control.decode(many).stream_ids) == STREAMS_MAX


@pytest.mark.parametrize("body", [b"", b"<media_control/>", b"<media_control><vc_primitive><to_encoder/></vc_primitive></media_control>"])
def test_a_media_control_that_asks_for_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        media_control.decode(body)
