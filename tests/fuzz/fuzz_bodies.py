"""Fuzz every body: XML documents, multipart, sipfrag, message summaries, quality reports, INFO digits.

What can be read is written and read again, and must then be the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.sip.body import (
        conference_info,
        dialog_info,
        dtmf_relay,
        is_composing,
        media_control,
        message_summary,
        multipart,
        pidf,
        reginfo,
        sipfrag,
        vq_rtcpxr,
    )
    from firmware.sip.media_type import MediaType
    from firmware.sip.message import Request
    from firmware.sip.uri import Uri

from tests.fuzz.runner import run

_T = TypeVar("_T")

MIXED = "multipart/mixed;boundary=b1"
OTHER_BOUNDARY = "unlike-any-other"
ROOTS = (b"conference-info", b"dialog-info", b"isComposing", b"media_control", b"presence", b"reginfo")


def again(decode: Callable[[bytes], _T], encode: Callable[[_T], bytes], data: bytes) -> _T | None:
    """Read, write, read; None when the bytes are refused."""
    try:
        value = decode(data)
    except RemoteProtocolError:
        return None
    assert decode(encode(value)) == value, (decode.__module__, value)
    return value


def one_input(data: bytes) -> None:
    """The bytes as a body of every type, and as the inside of every XML document."""
    again(dtmf_relay.decode, dtmf_relay.encode, data)
    again(message_summary.decode, message_summary.encode, data)
    again(vq_rtcpxr.decode, vq_rtcpxr.encode, data)
    again(sipfrag.decode, lambda value: sipfrag.encode(*value), data)
    for root in ROOTS:
        xml(data if data[:1] == b"<" else b"<" + root + b" " + data + b"</" + root + b">")
    try:
        parts = multipart.decode(MediaType.parse(MIXED), data)
    except RemoteProtocolError:
        return
    with contextlib.suppress(RemoteProtocolError):
        multipart.find(Request("INVITE", Uri("sip", host="h"), (("Content-Type", MIXED),), data), "application/sdp")
    if parts and OTHER_BOUNDARY.encode() not in data:
        assert (
            multipart.decode(MediaType("multipart", "mixed", (("boundary", OTHER_BOUNDARY),)), multipart.encode(parts, OTHER_BOUNDARY))
            == parts
        )


def xml(document: bytes) -> None:
    """One document, read as each kind."""
    again(conference_info.decode, conference_info.encode, document)
    again(is_composing.decode, is_composing.encode, document)
    again(media_control.decode, media_control.encode, document)
    again(pidf.decode, pidf.encode, document)
    info = again(dialog_info.decode, dialog_info.encode, document)
    if info is not None:
        dialog_info.merge(dialog_info.DialogInfo(0, dialog_info.FULL, ""), info)
    registrations = again(reginfo.decode, reginfo.encode, document)
    if registrations is not None:
        reginfo.merge(reginfo.RegInfo(0, reginfo.FULL), registrations)


def seeds() -> list[bytes]:
    """One of each kind."""
    entry = dialog_info.DialogEntry(
        "1", "early", "rejected", 486, "initiator", "c", "l", "r", dialog_info.Participant("sip:a@b", "A", "sip:a@c", (("x", "y"),))
    )
    contact = reginfo.ContactEntry("1", "sip:a@b", "active", "created", 60, params=(("q", "1"),), pub_gruu="sip:a@b;gr")
    endpoint = conference_info.Endpoint("sip:a@b", "A", "connected", "dialed-in", (conference_info.MediaEntry("1", "audio"),))
    metrics = vq_rtcpxr.Metrics(start_s=0, payload_type=0, fmtp="a", loss_percent=0.5, noise_dbm=-50, algorithm="P.564")
    address = vq_rtcpxr.MediaAddress("::1", 4000, 1)
    part = multipart.Part(MediaType("application", "sdp"), b"v=0\r\n", (("Content-ID", "<1>"),))
    return [
        dialog_info.encode(dialog_info.DialogInfo(1, "partial", "sip:a@b", (entry,))),
        reginfo.encode(reginfo.RegInfo(1, "partial", (reginfo.Registration("sip:a@b", "1", "active", (contact,)),))),
        conference_info.encode(
            conference_info.ConferenceInfo(
                "sip:c@b", 1, subject="s", user_count=1, users=(conference_info.User("sip:a@b", "A", (endpoint,)),)
            )
        ),
        pidf.encode(pidf.Presence("sip:a@b", (pidf.PresenceTuple("1", "open", "sip:a@b", ("n",), "t"),), ("n",), ("away",))),
        is_composing.encode(is_composing.IsComposing(is_active=True, content_type="text/plain", refresh_s=60)),
        media_control.encode(media_control.MediaControl(picture_fast_update=True, stream_ids=("1",))),
        vq_rtcpxr.encode(vq_rtcpxr.QualityReport(vq_rtcpxr.SESSION, True, "c", "l", "r", "o", address, address, metrics, metrics)),  # noqa: FBT003 (positions are those of the report)
        multipart.encode((part, part), "b1"),
        sipfrag.encode(200, headers=(("Reason", "SIP;cause=200"),)),
        b"Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 2/8 (0/2)\r\n",
        b"Signal=5\r\nDuration=160\r\n",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><presence>&x;</presence>',
    ]


def main() -> None:
    """Run the fuzzer."""
    run("bodies", one_input, seeds())


if __name__ == "__main__":
    main()
