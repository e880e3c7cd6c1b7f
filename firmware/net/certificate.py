"""Whom a certificate names, by the rules for SIP (RFC 5922 §7). Works on what `ssl` has parsed; needs no socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

from firmware.errors import RemoteProtocolError
from firmware.sip.uri import Uri

NAMES_MAX: Final = 64  # looked at in one certificate; hosting companies put a hundred customers into one, a telephone system has a few
NAMES_SHOWN_MAX: Final = 5  # in the text for people


def identities(certificate: Mapping[str, object]) -> frozenset[str]:
    """The SIP domains and addresses that a certificate, as `SSLObject.getpeercert` gives it, names; lower case.

    §7.1: host names of sip URIs without user part, and DNS names. The subject's CN counts only when there is no subjectAltName at all.
    """
    found = set()
    alternatives = _pairs(certificate.get("subjectAltName"))
    for kind, value in alternatives[:NAMES_MAX]:
        if kind == "URI":
            found.add(_domain_of(value))
        elif kind == "DNS":
            found.add(value.lower())
        elif kind == "IP Address":
            found.add(_address(value))
    if not alternatives:
        subject = certificate.get("subject")
        for part in subject if isinstance(subject, tuple) else ():
            found.update(value.lower() for kind, value in _pairs(part) if kind == "commonName")
    return frozenset(found - {""})


def identity_problem(certificate: Mapping[str, object], domain: str) -> str:
    """Why the certificate does not prove `domain` (a host name or a numeric address), with the remedy; '' when it does."""
    named = identities(certificate)
    # §7.2: domains are compared as a whole and without case; "*." matches nothing.
    wanted = _address(domain) or domain.lower().removesuffix(".")
    if wanted in named:
        return ""
    if not named:
        return f"its certificate names nobody; it must name {domain} (subjectAltName)"
    shown = ", ".join(sorted(named)[:NAMES_SHOWN_MAX])
    more = f" and {len(named) - NAMES_SHOWN_MAX} more" if len(named) > NAMES_SHOWN_MAX else ""
    wildcard = "; a wildcard does not count in SIP (RFC 5922 §7.2)" if any(name.startswith("*.") for name in named) else ""
    return f"its certificate is for {shown}{more}, not for {domain}{wildcard}; use a name that it bears, or renew it with this one"


def _pairs(value: object) -> list[tuple[str, str]]:
    """The (kind, value) pairs of one entry, as far as they are such."""
    entries = value if isinstance(value, tuple) else ()
    return [(str(entry[0]), str(entry[1])) for entry in entries if isinstance(entry, tuple) and len(entry) == 2]


def _domain_of(text: str) -> str:
    """The domain that a URI identifies, '' for URIs that identify none: other schemes, and those of a single user."""
    try:
        uri = Uri.parse(text)
    except RemoteProtocolError:
        return ""
    if uri.scheme != "sip" or uri.user is not None:
        return ""
    return _address(uri.host) or uri.host.lower()


def _address(text: str) -> str:
    """A numeric address in its one canonical form, '' for anything else."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""
