"""What lies below the HTTP of the web server: TLS, with a certificate that is given or made on the device, or nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware.config.schema import Web
from firmware.errors import TransportError
from firmware.net.layers import Taken
from firmware.net.settings import TlsSettings
from firmware.outlets.web.server import Wire

log = logging.getLogger("portero.web")

OWN_CERTIFICATE: Final = "web.pem"  # beside the logins
RENEW_DAYS: Final = 60  # before its end; looked at when the program starts, and a browser that knows the old one asks once more


class PlainWire:
    """No layer at all: octets are HTTP."""

    ready = True
    pending = False

    def begin(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> Taken:
        return Taken(messages=(data,))

    def send(self, message: bytes) -> bytes:
        return message

    def end(self) -> bytes:
        return b""


def wires_of(web: Web, hostname: str) -> Callable[[], Wire]:
    """Makes what lies below each connection. Raises TransportError and MediaError when the certificate cannot be had."""
    if not web.tls:
        return PlainWire
    from firmware.net.tls import Tls  # loads OpenSSL

    own = Path(web.logins).with_name(OWN_CERTIFICATE)
    if web.certificate is None:
        _make_sure(own, f"{hostname}.local")
    tls = Tls(TlsSettings(certificate=web.certificate or str(own), key=web.key or ""))
    return lambda: tls.server(PlainWire())


def _make_sure(file: Path, name: str) -> None:
    """Have a certificate of our own in `file` that is good for a while yet."""
    from firmware.media.certificate import VALID_DAYS, self_signed

    if _is_usable(file) and time.time() - file.stat().st_mtime < (VALID_DAYS - RENEW_DAYS) * 86_400:
        return

    beside = file.with_name(file.name + ".new")
    try:
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_bytes(self_signed(name))
        beside.replace(file)
    except OSError as error:
        raise TransportError(f"{file} cannot be written ({error.strerror}); check its directory, rights and space") from error
    log.info("made a certificate for %s: SHA-256 %s", name, fingerprint(file))


def fingerprint(file: Path) -> str:
    """What a browser shows of the certificate, so that people can compare."""
    import ssl
    from hashlib import sha256

    text = file.read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE-----") :])
    return ":".join(f"{octet:02X}" for octet in sha256(der).digest())


def _is_usable(file: Path) -> bool:
    """Whether the file holds a certificate and its key."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
    except (ssl.SSLError, OSError):
        return False
    return True
