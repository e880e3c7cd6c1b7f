"""What the network shell is told about its transports beyond the common port. Loads nothing: most stations need none of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from firmware.kind import kind


@kind
class TlsSettings(NamedTuple):
    """Files in PEM. `ca` '' trusts the authorities that the system trusts. `verify`: whether a server must prove its domain, only that some
    trusted authority vouches for it, or nothing. `client_certificate`: whether those who connect to us must show a certificate."""

    certificate: str = ""
    key: str = ""  # '': in the same file as the certificate
    ca: str = ""
    verify: Literal["domain", "authority", "nothing"] = "domain"
    client_certificate: bool = False


@kind
class StreamSettings(NamedTuple):
    """Ports of the transports that have their own (0: any), TLS, and the resource that WebSocket servers are asked for (RFC 6455 §3)."""

    tls_port: int = 5061
    ws_port: int = 5066
    wss_port: int = 7443
    websocket_path: str = "/"
    tls: TlsSettings = TlsSettings()
