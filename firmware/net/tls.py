"""The station's TLS: its own certificate, whom it trusts, and what it insists on. Loaded only when a secure transport is switched on."""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
from pathlib import Path
from typing import Final

from firmware.errors import TransportError
from firmware.net.layers import Layers
from firmware.net.settings import TlsSettings
from firmware.net.tls_layers import TlsLayers, words

_log = logging.getLogger(__name__)

# RFC 9325 §4.2: TLS 1.2 only with forward secrecy and authenticated encryption. TLS 1.3 has nothing else.
CIPHERS_TLS12: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Tls:
    """Makes the TLS layers of connections. Files that have changed since the last connection are read again; broken ones change nothing.

    Raises TransportError, when made, if a file cannot be used.
    """

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._stamp = self._files_stamp()
        self._client, self._server = self._contexts()

    @property
    def has_certificate(self) -> bool:
        """Whether we can prove who we are, and so be a server."""
        return self._server is not None

    def client(self, inner: Layers, domain: str) -> TlsLayers:
        """Layers of a connection that we open to `domain`."""
        self._refresh()
        # RFC 6066 §3: literal addresses are not permitted as server name.
        sni = None if _is_numeric(domain) else domain.removesuffix(".") or None
        checked = domain if self._settings.verify == "domain" else None
        return TlsLayers(self._client, inner, server_side=False, domain=checked, sni=sni)

    def server(self, inner: Layers) -> TlsLayers:
        """Layers of a connection that was opened to us."""
        self._refresh()
        assert self._server is not None, "the listener is opened only with a certificate"
        return TlsLayers(self._server, inner, server_side=True, domain=None)

    def reload(self) -> None:
        """Read the files again. Raises TransportError, and keeps what is in use, when they cannot be used."""
        self._client, self._server = self._contexts()

    # --- files -------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        stamp = self._files_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.reload()
        except TransportError as error:
            _log.warning("the changed TLS files are not used: %s", error)
        else:
            _log.info("TLS files were read again")

    def _files_stamp(self) -> tuple[tuple[int, int], ...]:
        settings = self._settings
        return tuple(_stamp(path) for path in (settings.certificate, settings.key, settings.ca))

    def _contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext | None]:
        settings = self._settings
        client = self._context(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False  # RFC 5922 §7 has rules of its own: see certificate.py
        client.verify_mode = ssl.CERT_NONE if settings.verify == "nothing" else ssl.CERT_REQUIRED
        if not settings.certificate:
            return client, None
        server = self._context(ssl.PROTOCOL_TLS_SERVER)
        server.verify_mode = ssl.CERT_REQUIRED if settings.client_certificate else ssl.CERT_NONE
        server.num_tickets = 0
        for context in (client, server):
            self._load_certificate(context)
        return client, server

    def _context(self, kind: int) -> ssl.SSLContext:
        context = ssl.SSLContext(kind)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS_TLS12)
        # Sessions are few and long: tickets and renegotiation would only cost memory and give strangers work to ask for.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        try:
            if self._settings.ca:
                context.load_verify_locations(cafile=self._settings.ca)
            else:
                context.load_default_certs(ssl.Purpose.SERVER_AUTH if kind == ssl.PROTOCOL_TLS_CLIENT else ssl.Purpose.CLIENT_AUTH)
        except ssl.SSLError as error:
            raise TransportError(f"tls.ca: {self._settings.ca} holds no certificate in PEM ({words(error)}); check the file") from error
        except OSError as error:
            raise _unreadable("tls.ca", self._settings.ca, error) from error
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        settings = self._settings
        # Read first: OpenSSL does not tell which of the two files it could not open, and would ask a terminal for a pass phrase.
        for key, path in (("tls.certificate", settings.certificate), ("tls.key", settings.key)):
            try:
                Path(path or settings.certificate).open("rb").close()
            except OSError as error:
                raise _unreadable(key, path, error) from error
        try:
            context.load_cert_chain(settings.certificate, settings.key or None, password=_no_pass_phrase)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise TransportError("tls.key does not belong to tls.certificate; give the pair that was made together") from error
            raise TransportError(f"tls.certificate and tls.key cannot be used ({words(error)}); give both in PEM") from error


def _unreadable(key: str, path: str, error: OSError) -> TransportError:
    return TransportError(f"{key}: {path} cannot be read ({error.strerror}); check its name and who may read it")


def _no_pass_phrase() -> str:
    raise TransportError("tls.key is protected by a pass phrase, which nobody can type at a door; remove it: openssl pkey -in KEY -out NEW")


def _stamp(path: str) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        status = os.stat(path)  # noqa: PTH116 # a text that may be empty
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_ino


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
