"""Bodies of plain lines: sipfrag (RFC 3420) and message-summary (RFC 3842)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body import message_summary, sipfrag
from firmware.sip.body.message_summary import COUNT_MAX, MessageCount, MessageSummary
from firmware.sip.body.sipfrag import StatusFragment
from firmware.sip.uri import Uri


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        (b"SIP/2.0 100 Trying", StatusFragment(100, "Trying")),
        (b"SIP/2.0 200 OK\r\n", StatusFragment(200, "OK")),
        (b"\r\nSIP/2.0 486 Busy Here\r\n\r\n", StatusFragment(486, "Busy Here")),
        (b"sip/2.0 603\n", StatusFragment(603, "")),
        (b"SIP/2.0 503 Down\r\nReason: Q.850;cause=41\r\nl: 3\r\n\r\nabc", StatusFragment(503, "Down", (("Reason", "Q.850;cause=41"),))),
    ],
)
def test_a_status_fragment_is_read(body: bytes, fragment: StatusFragment) -> None:
    assert sipfrag.decode(body) == fragment


@pytest.mark.parametrize(
    "body",
    [b"", b"SIP/2.0", b"SIP/2.0 20 OK", b"SIP/2.0 099 x", b"SIP/2.0 700 x", b"INVITE sip:a@b SIP/2.0\r\n", b"From: Alice <sip:a@b>\r\n",
     b"SIP/2.0 200 OK\r\nno colon\r\n", b"SIP/2.0 200 OK" + b"x" * 9000, b"SIP/3.0 200 OK"],
)  # fmt: skip
def test_any_other_fragment_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        sipfrag.decode(body)


def test_a_status_fragment_is_written() -> None:
    assert sipfrag.encode(180) == b"SIP/2.0 180 Ringing\r\n"
    assert sipfrag.encode(486, "", (("Warning", '399 x "y"'),)) == b'SIP/2.0 486 \r\nWarning: 399 x "y"\r\n'
    assert sipfrag.decode(sipfrag.encode(404)) == StatusFragment(404, "Not Found")
    with pytest.raises(AssertionError):
        sipfrag.encode(200, "OK\r\nX: y")


def test_the_summary_of_rfc_3842_is_read_and_written() -> None:
    body = b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n"
    summary = MessageSummary(
        waiting=True, account=Uri("sip", "alice", host="vmail.example.com"), counts=(MessageCount("voice-message", 2, 8, 0, 2),)
    )
    assert message_summary.decode(body) == summary
    assert message_summary.encode(summary) == body


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        (b"Messages-Waiting: no\r\n", MessageSummary(waiting=False)),
        (b"messages-waiting:YES\nVoice-Message: 1/0\n", MessageSummary(waiting=True, counts=(MessageCount("voice-message", 1, 0),))),
        (b"Messages-Waiting: yes\r\nVoice-Message: many\r\nFax-Message: 1/\r\nx y: 1/2\r\n", MessageSummary(waiting=True)),
        (b"Messages-Waiting: yes\r\nMessage-Account: nobody\r\n\r\nTo: <alice@example.com>\r\n", MessageSummary(waiting=True)),
        (
            b"Messages-Waiting: yes\r\nVoice-Message: 9999999999/0 (1/1)\r\n",
            MessageSummary(waiting=True, counts=(MessageCount("voice-message", COUNT_MAX, 0, 1, 1),)),
        ),
    ],
)
def test_what_servers_send_is_read(body: bytes, summary: MessageSummary) -> None:
    assert message_summary.decode(body) == summary


@pytest.mark.parametrize("body", [b"", b"Voice-Message: 1/2", b"Messages-Waiting: perhaps", b"Messages-Waiting: yes" + b" " * 9000])
def test_a_summary_that_does_not_say_whether_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        message_summary.decode(body)


counts = st.integers(0, COUNT_MAX)


@given(st.booleans(), st.lists(st.tuples(st.sampled_from(["voice-message", "fax-message"]), counts, counts, counts, counts), max_size=4))
def test_summaries_survive_writing(waiting: bool, lines: list[tuple[str, int, int, int, int]]) -> None:
    summary = MessageSummary(waiting, None, tuple([MessageCount(*line) for line in lines]))
    assert message_summary.decode(message_summary.encode(summary)) == summary
