"""Who is in a conference (RFC 4575)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.conference_info import (
    JOINING_METHODS,
    STATES,
    STATUSES,
    USERS_MAX,
    ConferenceInfo,
    Endpoint,
    MediaEntry,
    User,
    decode,
    encode,
)
from tests.sip.strategies import xml_texts as texts

INFO = ConferenceInfo(
    "sips:conf233@example.com", 1, "full", "Front door", 3, 2, is_active=True, is_locked=False,
    users=(
        User("sip:bob@example.com", "Bob Hoskins", (
            Endpoint("sip:bob@pc33.example.com", "Bob's laptop", "disconnected", "dialed-out",
                     (MediaEntry("1", "audio", "34567", "432424", "sendrecv"),)),
        )),
        User("sip:alice@example.com", state="deleted"),
    ),
)  # fmt: skip
BODY = """<?xml version="1.0" encoding="UTF-8"?>
<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sips:conf233@example.com" state="full" version="1">
  <conference-description>
    <subject>Front door</subject>
    <maximum-user-count>3</maximum-user-count>
  </conference-description>
  <conference-state>
    <user-count>2</user-count>
    <active>true</active>
    <locked>false</locked>
  </conference-state>
  <users>
    <user entity="sip:bob@example.com" state="full">
      <display-text>Bob Hoskins</display-text>
      <endpoint entity="sip:bob@pc33.example.com" state="full">
        <display-text>Bob's laptop</display-text>
        <status>disconnected</status>
        <joining-method>dialed-out</joining-method>
        <media id="1">
          <type>audio</type>
          <label>34567</label>
          <src-id>432424</src-id>
          <status>sendrecv</status>
        </media>
      </endpoint>
    </user>
    <user entity="sip:alice@example.com" state="deleted"/>
  </users>
</conference-info>
"""


def test_a_document_is_written_and_read() -> None:
    assert encode(INFO).decode() == BODY
    assert decode(BODY.encode()) == INFO


def test_what_is_not_told_is_none() -> None:
    assert decode(b"<conference-info/>") == ConferenceInfo("", 0)
    body = (
        b"<conference-info><conference-state><active>perhaps</active></conference-state>"
        b"<users><user><endpoint><status>lost</status></endpoint></user></users></conference-info>"
    )
    assert decode(body) == ConferenceInfo("", 0, users=(User("", endpoints=(Endpoint(""),)),))


@pytest.mark.parametrize(
    "inside",
    [
        b' version="x">',
        b' state="half">',
        b'><users><user state="half"/></users>',
        b"><conference-state><user-count>many</user-count></conference-state>",
        b"><users>" + b"<user/>" * (USERS_MAX + 1) + b"</users>",
    ],
)
def test_nonsense_is_refused(inside: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(b"<conference-info" + inside + b"</conference-info>")


maybe = st.none() | texts
media = st.builds(MediaEntry, texts, maybe, maybe, maybe, maybe)
endpoints = st.builds(
    Endpoint, texts, maybe, st.none() | st.sampled_from(STATUSES), st.none() | st.sampled_from(JOINING_METHODS),
    st.lists(media, max_size=2).map(tuple), st.sampled_from(STATES),
)  # fmt: skip
users = st.builds(User, texts, maybe, st.lists(endpoints, max_size=2).map(tuple), st.sampled_from(STATES))
counts = st.none() | st.integers(0, 2**31 - 1)


@given(
    st.builds(
        ConferenceInfo, texts, st.integers(0, 2**31 - 1), st.sampled_from(STATES), maybe, counts, counts, st.none() | st.booleans(),
        st.none() | st.booleans(), st.lists(users, max_size=2).map(tuple),
    )
)  # fmt: skip
def test_documents_survive_writing(info: ConferenceInfo) -> None:
    assert decode(encode(info)) == info
