"""SOAP 1.2 envelopes (https://www.w3.org/TR/soap12-part1): what is asked for, and answers and faults. Pure.

Read by the parser of SIP's own XML bodies: no document type, so no entity that could grow or open a file, and bounded in every direction.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.errors import PorteroError, RemoteProtocolError
from firmware.sip.body.xml_document import Element, decode, encode

ENVELOPE: Final = "http://www.w3.org/2003/05/soap-envelope"
DOOR: Final = "urn:portero:door:1"
XML: Final = "http://www.w3.org/XML/1998/namespace"
MEDIA_TYPE: Final = "application/soap+xml"
PREFIXES: Final = (("env", ENVELOPE), ("d", DOOR))


class SoapFault(PorteroError):  # noqa: N818 - the standard's word
    """Why there is no answer. `code` is one of §5.4.6: Sender, Receiver, MustUnderstand, VersionMismatch."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def status(self) -> int:
        """SOAP 1.2 part 2, table 20: the sender's fault is a 400, every other a 500."""
        return 400 if self.code == "Sender" else 500


class Call(NamedTuple):
    """An operation and its arguments, by their names."""

    operation: str
    arguments: dict[str, str]


def call_of(body: bytes) -> Call:
    """What the envelope asks for. Raises SoapFault."""
    try:
        envelope = decode(body, "Envelope")
    except RemoteProtocolError as error:
        raise SoapFault("Sender", str(error)) from error
    if envelope.namespace != ENVELOPE:
        raise SoapFault("VersionMismatch", "only SOAP 1.2 is spoken here")  # §5.4.7
    header, content = envelope.child("Header"), envelope.child("Body")
    for block in header.children if header is not None else ():
        # §5.2.3: a header that must be understood, and is not, forbids everything else.
        if dict(block.attributes).get(f"{ENVELOPE} mustUnderstand", "").strip() in ("true", "1"):
            raise SoapFault("MustUnderstand", f"the header {block.name} is not understood")
    if content is None or len(content.children) != 1:
        raise SoapFault("Sender", "the body holds exactly one operation")
    operation = content.children[0]
    if operation.namespace != DOOR:
        raise SoapFault("Sender", f"operations are those of {DOOR}")
    return Call(operation.name, {argument.name: argument.text.strip() for argument in operation.children})


def answer(operation: str, *parts: Element) -> bytes:
    """The envelope of an answer."""
    return _envelope(Element(DOOR, f"{operation}Response", children=parts))


def fault(error: SoapFault) -> bytes:
    """The envelope of a fault (§5.4)."""
    code = Element(ENVELOPE, "Code", children=(Element(ENVELOPE, "Value", text=f"env:{error.code}"),))
    text = Element(ENVELOPE, "Text", ((f"{XML} lang", "en"),), str(error))
    return _envelope(Element(ENVELOPE, "Fault", children=(code, Element(ENVELOPE, "Reason", children=(text,)))))


def value(name: str, content: str | float | bool | None) -> Element:
    """An element with a plain value, in the words of XML Schema."""
    words = ("true" if content else "false") if isinstance(content, bool) else str("" if content is None else content)
    return Element(DOOR, name, text=words)


def _envelope(content: Element) -> bytes:
    return encode(Element(ENVELOPE, "Envelope", children=(Element(ENVELOPE, "Body", children=(content,)),)), PREFIXES)
