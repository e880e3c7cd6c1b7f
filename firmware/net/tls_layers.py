"""TLS over any octets (RFC 8446, RFC 5246): OpenSSL between two memory buffers, so that no socket and no loop is needed.

Not asyncio's TLS: that one keeps a quarter of a megabyte for each connection, admits strangers without limit while they shake hands, and
tells its reasons only to the log.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

from firmware.net.certificate import identity_problem
from firmware.net.layers import Layers, Taken

READ_BYTES: Final = 16_384  # one TLS record

# OpenSSL's verification codes (x509_vfy.h) and what a person does about them.
VERIFY_WORDS: Final = {
    9: "its certificate is not valid yet; check the clocks of both machines",
    10: "its certificate has expired; renew it there, or check this machine's clock",
    18: "its certificate is signed by itself; name that certificate in tls.ca",
    19: "its certificate comes from an authority that is not known here; name the authority's certificate in tls.ca",
    20: "its certificate comes from an authority that is not known here; name the authority's certificate in tls.ca",
    21: "it sends its certificate without the authorities between; complete the chain there, or name the authority in tls.ca",
    23: "its certificate has been revoked",
    26: "its certificate is not meant for a server",
}
# OpenSSL's reasons (err.h) of other failures.
REASON_WORDS: Final = {
    "WRONG_VERSION_NUMBER": "the other side does not speak TLS on this port; check the port and the transport",
    "UNSUPPORTED_PROTOCOL": "the other side has no TLS 1.2 or newer; update it",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the other side has no TLS 1.2 or newer; update it",
    "TLSV1_ALERT_UNKNOWN_CA": "the other side does not know the authority of our certificate (tls.certificate)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the other side refuses our certificate (tls.certificate)",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the other side says that our certificate has expired; renew tls.certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the other side wants a certificate of ours; set tls.certificate and tls.key",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the other side breaks off: no common cipher, or it wants a certificate of ours (tls.certificate)",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the other side shows no certificate, and tls.client_certificate requires one",
    # OpenSSL 3.5 takes an OPTIONS of SIP for one of HTTP.
    "HTTP_REQUEST": "the other side does not speak TLS on this port, but HTTP or plain SIP; check the port and the transport",
}


class TlsLayers:
    """TLS below `inner`. As client, `domain` is what the certificate must prove; None checks no name."""

    def __init__(self, context: ssl.SSLContext, inner: Layers, *, server_side: bool, domain: str | None, sni: str | None = None) -> None:
        self._inner = inner
        self._domain = domain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side, server_hostname=sni)
        self._shaken = False
        self._over = False

    @property
    def ready(self) -> bool:
        return self._shaken and self._inner.ready

    @property
    def pending(self) -> bool:
        # A handshake that goes on is unfinished too.
        return not self._shaken or self._inner.pending

    def begin(self) -> bytes:
        self._shake_hands()
        return self._outgoing.read()

    def receive(self, data: bytes) -> Taken:
        self._incoming.write(data)
        if not self._shaken:
            failure = self._shake_hands()
            if failure or not self._shaken:
                return Taken(reply=self._outgoing.read(), failure=failure)
        plain, failure = self._read()
        taken = self._inner.receive(plain) if plain else Taken()
        if taken.reply:
            self._tls.write(taken.reply)
        return Taken(taken.messages, self._outgoing.read(), failure or taken.failure)

    def send(self, message: bytes) -> bytes:
        if self._over:
            return b""
        self._tls.write(self._inner.send(message))
        return self._outgoing.read()

    def end(self) -> bytes:
        if not self._shaken or self._over:
            return b""
        self._over = True
        farewell = self._inner.end()
        if farewell:
            self._tls.write(farewell)
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()  # close_notify; the other side's is not waited for
        return self._outgoing.read()

    def _shake_hands(self) -> str:
        """Go on with the handshake; why it failed, '' when it has not."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return ""
        except ssl.SSLError as error:
            return "TLS: " + words(error)
        if self._domain is not None:
            # RFC 5922 §7.3: the client compares the domain that it wants with the identities in the certificate.
            problem = identity_problem(self._tls.getpeercert() or {}, self._domain)
            if problem:
                return "TLS: " + problem
        self._shaken = True
        first = self._inner.begin()
        if first:
            self._tls.write(first)
        return ""

    def _read(self) -> tuple[bytes, str]:
        """What has been decrypted, and why nothing more will come."""
        plain = bytearray()
        while True:
            try:
                piece = self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                return bytes(plain), ""
            except ssl.SSLZeroReturnError:
                self._over = True
                return bytes(plain), "the other side has said goodbye"
            except ssl.SSLError as error:
                self._over = True
                return bytes(plain), "TLS: " + words(error)
            if not piece:
                self._over = True
                return bytes(plain), "the other side has said goodbye"
            plain += piece


def words(error: ssl.SSLError) -> str:
    """A failure of OpenSSL in words that name the remedy."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return VERIFY_WORDS.get(error.verify_code) or f"its certificate does not hold: {error.verify_message}"
    reason = error.reason or ""
    return REASON_WORDS.get(reason) or (reason.replace("_", " ").lower() or str(error))
