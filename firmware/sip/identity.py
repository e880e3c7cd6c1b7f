"""Who a request says it is from, beside From: P-Asserted-Identity and its kin, and Privacy (RFC 3325, RFC 3323).

All of these are claims of the neighbour that sent the message, to be believed only from a proxy inside the trust domain (RFC 3325 §4),
which is what the configuration names as such. The functions here only read.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import readable
from firmware.sip.headers import NameAddr
from firmware.sip.uri import Uri

ANONYMOUS = NameAddr("Anonymous", Uri("sip", "anonymous", host="anonymous.invalid"))  # the From of a caller without name (RFC 3323 §4.1)


class RemoteParty(NamedTuple):
    """Remote-Party-ID (draft-ietf-sip-privacy-04), which many PBXs send instead of P-Asserted-Identity.

    `party` is calling or called; `is_screened` tells whether the sender verified the address, None when it does not say.
    """

    address: NameAddr
    party: str = "calling"
    is_screened: bool | None = None
    is_private: bool = False

    @classmethod
    def parse(cls, text: str) -> RemoteParty:
        """Read one value. Raises RemoteProtocolError."""
        value = NameAddr.parse(text)
        screen = {"yes": True, "no": False}.get((value.param("screen") or "").lower())
        privacy = (value.param("privacy") or "off").lower()
        party = (value.param("party") or "calling").lower()
        return cls(value._replace(params=()), "called" if party == "called" else "calling", screen, privacy != "off")

    def __str__(self) -> str:
        assert self.party in ("calling", "called"), self
        assert not self.address.params, self
        screen = "" if self.is_screened is None else f";screen={'yes' if self.is_screened else 'no'}"
        return f"{self.address};party={self.party}{screen};privacy={'full' if self.is_private else 'off'}"


def asserted_identities(message: HeaderFields) -> tuple[NameAddr, ...]:
    """P-Asserted-Identity: at most a SIP and a telephone URI that say who the neighbour vouches for (RFC 3325 §9.1)."""
    return readable(message, "P-Asserted-Identity", NameAddr.parse)[:2]


def remote_parties(message: HeaderFields) -> tuple[RemoteParty, ...]:
    """Every readable Remote-Party-ID."""
    return readable(message, "Remote-Party-ID", RemoteParty.parse)


def privacy(message: HeaderFields) -> frozenset[str]:
    """The values of Privacy in lower case, empty when absent; `none` asks for no privacy, whatever the network's default (RFC 3323 §4.2).

    Unknown values are kept: what a newer standard wants hidden must not look like no wish.
    """
    values = [
        value.strip(grammar.WHITESPACE).lower() for line in message.get_lines("Privacy") for value in line.replace(",", ";").split(";")
    ]
    return frozenset([value for value in values[: grammar.LIST_ITEMS_MAX] if grammar.is_token(value)])


def hides_caller(message: HeaderFields) -> bool:
    """Whether the caller's name is not to be shown or stored: Privacy asks so, or From is the anonymous one (RFC 3323 §4.1)."""
    wishes = privacy(message)
    if wishes & {"id", "user", "header"} and "none" not in wishes:
        return True
    try:
        return message.from_.uri.host.lower() == ANONYMOUS.uri.host
    except RemoteProtocolError:
        return False
