"""The settings as the network shell's transports and name servers."""

from __future__ import annotations

from firmware.config.schema import Settings
from firmware.config.transports import name_server
from firmware.net.settings import StreamSettings, TlsSettings


def stream_settings(settings: Settings) -> StreamSettings:
    """Ports and certificates of the transports beside UDP and TCP."""
    network, tls = settings.network, settings.tls
    return StreamSettings(
        tls_port=network.tls_port,
        ws_port=network.ws_port,
        wss_port=network.wss_port,
        websocket_path=network.websocket_path,
        tls=TlsSettings(
            certificate=tls.certificate or "",
            key=tls.key or "",
            ca=tls.ca or "",
            verify=tls.verify,
            client_certificate=tls.client_certificate,
        ),
    )


def name_servers(settings: Settings) -> tuple[tuple[str, int], ...]:
    """Addresses and ports of the name servers to ask instead of the machine's own; none: those."""
    return tuple(server for text in settings.network.dns if (server := name_server(text)) is not None)
