"""application/media_control+xml in INFO: the other side asks the camera for a whole picture (RFC 5168)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip.body import xml_document
from firmware.sip.body.xml_document import Element, texts

CONTENT_TYPE = "application/media_control+xml"
STREAMS_MAX = 16  # as many video lines no call has


class MediaControl(NamedTuple):
    """What the body asks: a whole picture, of the streams with these labels or of all when none is named; or the error it reports."""

    picture_fast_update: bool = False
    stream_ids: tuple[str, ...] = ()
    error: str | None = None


def decode(body: bytes) -> MediaControl:
    """Read a body. Raises RemoteProtocolError for one that neither asks for a picture nor reports an error."""
    root = xml_document.decode(body, "media_control")
    error = root.child_text("general_error")
    asking = False
    streams: list[str] = []
    for primitive in root.all("vc_primitive"):
        encoders = primitive.all("to_encoder")
        asking = asking or any(encoder.child("picture_fast_update") is not None for encoder in encoders)
        streams += [stream.text.strip() for stream in primitive.all("stream_id")]
    if not asking and error is None:
        raise RemoteProtocolError("media control that asks for nothing we know")
    return MediaControl(asking, tuple(streams[:STREAMS_MAX]), error)


def encode(control: MediaControl) -> bytes:
    """The body; its elements bear no namespace."""
    children: list[Element] = []
    if control.picture_fast_update:
        encoder = Element("", "to_encoder", (), "", (Element("", "picture_fast_update"),))
        streams = texts("", *[("stream_id", stream) for stream in control.stream_ids])
        children.append(Element("", "vc_primitive", (), "", (encoder, *streams)))
    children += texts("", ("general_error", control.error))
    assert children, "a media control asks or reports"
    return xml_document.encode(Element("", "media_control", (), "", tuple(children)))
