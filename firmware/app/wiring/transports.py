"""The settings as the network shell's transports and name servers, and where the servers are that find ways for the sound."""

from __future__ import annotations

import logging

from firmware.config.schema import Settings
from firmware.config.transports import is_address, name_server
from firmware.net.settings import StreamSettings, TlsSettings

log = logging.getLogger("portero.ports")


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


async def find_server(settings: Settings, host: str, port: int) -> tuple[str, int] | None:
    """Address and port of a server that [network] stun or [turn] names; None when it has no address of a family that we use."""
    bind = settings.network.bind
    addresses = (host,) if is_address(host) else await _look_up(settings, host)
    usable = [address for address in addresses if not bind or (":" in bind) == (":" in address)]
    # Translators are an affair of IPv4; where there is none of its addresses IPv6 has firewalls at least.
    return (min(usable, key=lambda address: ":" in address), port) if usable else None


async def _look_up(settings: Settings, host: str) -> tuple[str, ...]:
    from firmware.net.names import LookupFailed
    from firmware.net.system_names import SystemNames

    try:
        return await SystemNames(name_servers(settings)).addresses(host)
    except LookupFailed as error:
        log.warning("the server %s: %s", host, error)
        return ()
