"""Whom the door believes as a client of TLS: the same authorities on every Python."""

from __future__ import annotations

import ssl


def trusting(ca: str | None) -> ssl.SSLContext:
    """Servers by name whose certificate comes from `ca`, a file; without one from whom the system trusts.

    Python 3.13 would also refuse an authority whose certificate does not state its key's usage (RFC 5280 §4.2.1.3). But authorities of a
    house are made by `openssl req -x509`, which states none, and a door that was updated must not lose its servers.

    Raises OSError (ssl.SSLError is one) for a file that cannot be used.
    """
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
