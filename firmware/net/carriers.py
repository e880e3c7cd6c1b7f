"""Opens the transports of a station, and loads for it what they need and no more."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from firmware.errors import TransportError
from firmware.net import sockets
from firmware.net.layers import Layers, PlainLayers
from firmware.net.resolve import DEFAULT_PORTS
from firmware.net.settings import StreamSettings
from firmware.net.stream import StreamTransport
from firmware.net.udp import UdpTransport
from firmware.sip.events import Hop, Input, Transport

if TYPE_CHECKING:
    from firmware.net.tls import Tls


class Carrier(Protocol):
    """A transport: whatever takes bytes to a hop. It tells what arrives, and what could not be sent, through the callback it was given."""

    def send(self, hop: Hop, data: bytes) -> None:
        """Send one message; failures are told, not raised."""
        ...

    async def close(self) -> None:
        """Send what is buffered, then close."""
        ...


class Carriers:
    """The open transports: `open` them once inside a running loop, `close` them at the end.

    `local_host`, `admit` and `deliver` are as in the transports' own descriptions.
    """

    def __init__(
        self,
        *,
        bind_host: str,
        dscp: int,
        streams: StreamSettings,
        local_host: Callable[[str], str],
        admit: Callable[[str], bool],
        deliver: Callable[[Input], None],
    ) -> None:
        self._bind_host = bind_host
        self._dscp = dscp
        self._streams = streams
        self._local_host = local_host
        self._admit = admit
        self._deliver = deliver
        self._open: dict[Transport, Carrier] = {}
        self._udp: UdpTransport | None = None
        self._tls: Tls | None = None
        self._flows: Iterator[int] = itertools.count(1)
        self.ports: dict[Transport, int] = {}  # what our Via and Contact state, for every open transport in order of preference

    def get(self, transport: Transport) -> Carrier | None:
        """The open transport of that kind."""
        return self._open.get(transport)

    async def open(self, transports: tuple[Transport, ...], sip_port: int) -> int:
        """Bind and begin to receive; the port of UDP and TCP. Raises TransportError that names what is wrong and the remedy."""
        try:
            sip_port = await self._open_common(transports, sip_port)
            for transport in transports:
                if transport not in self._open:
                    await self._open_stream(transport, sip_port)
        except TransportError:
            await self.close()
            raise
        self.ports = {transport: self.ports[transport] for transport in transports}
        return sip_port

    async def close(self) -> None:
        """Send what is buffered, then close everything."""
        carriers, self._open = tuple(self._open.values()), {}
        for carrier in carriers:
            await carrier.close()

    def forget_routes(self) -> None:
        """The machine's addresses have changed."""
        if self._udp is not None:
            self._udp.forget_routes()

    # --- one by one --------------------------------------------------------------------------------------------------

    async def _open_common(self, transports: tuple[Transport, ...], sip_port: int) -> int:
        """UDP and TCP, which share one port."""
        udp, tcp = Transport.UDP in transports, Transport.TCP in transports
        opened = sockets.open_sockets(self._bind_host, sip_port, dscp=self._dscp, udp=udp, tcp=tcp)
        if udp:
            self._udp = UdpTransport(opened.udp, local_host=self._local_host, admit=self._admit, deliver=self._deliver)
            self._open[Transport.UDP] = self._udp
            self.ports[Transport.UDP] = opened.port
        if tcp:
            await self._start(Transport.TCP, opened.port, opened.tcp)
        return opened.port

    async def _open_stream(self, transport: Transport, sip_port: int) -> None:
        streams = self._streams
        match transport:
            case Transport.TLS:
                tls = self._secured()
                await self._listen(
                    transport,
                    sockets.TLS,
                    streams.tls_port,
                    accepting=(lambda: tls.server(PlainLayers())) if tls.has_certificate else None,
                    opening=lambda hop: tls.client(PlainLayers(), hop.domain or hop.host),
                )
            case Transport.SCTP:
                await self._listen(transport, sockets.SCTP, sip_port, accepting=PlainLayers, opening=lambda hop: PlainLayers())
            case Transport.WS | Transport.WSS:
                await self._open_websocket(transport)
            case Transport.UDP | Transport.TCP:
                raise AssertionError("opened before, on the common port")

    async def _open_websocket(self, transport: Transport) -> None:
        from firmware.net.websocket_layers import WebSocketLayers  # 5 ms of start-up, with what it needs

        streams = self._streams

        def client(hop: Hop) -> Layers:
            # RFC 6455 §4.1: the port belongs to the Host header unless it is the scheme's own.
            host = hop.domain or hop.host
            host = f"[{host}]" if ":" in host else host
            return WebSocketLayers(host=host if hop.port == DEFAULT_PORTS[transport] else f"{host}:{hop.port}", path=streams.websocket_path)

        def server() -> Layers:
            return WebSocketLayers(host=None)

        if transport is Transport.WS:
            await self._listen(transport, sockets.WS, streams.ws_port, accepting=server, opening=client)
            return
        tls = self._secured()
        await self._listen(
            transport,
            sockets.WSS,
            streams.wss_port,
            accepting=(lambda: tls.server(server())) if tls.has_certificate else None,
            opening=lambda hop: tls.client(client(hop), hop.domain or hop.host),
        )

    def _secured(self) -> Tls:
        """The station's TLS, for all transports that need it."""
        if self._tls is None:
            from firmware.net.tls import Tls  # OpenSSL costs 10 ms of start-up

            self._tls = Tls(self._streams.tls)
        return self._tls

    async def _listen(
        self,
        transport: Transport,
        purpose: sockets.Purpose,
        port: int,
        *,
        accepting: Callable[[], Layers] | None,
        opening: Callable[[Hop], Layers],
    ) -> None:
        """Open a transport with a port of its own; without `accepting` only for connections of ours."""
        listeners: dict[int, socket.socket] = {}
        if accepting is not None:
            port, listeners = sockets.open_listeners(self._bind_host, port, purpose, dscp=self._dscp)
        # A browser never has a certificate, and is nowhere but at the far end of its connection.
        proven = transport is not Transport.TLS or self._streams.tls.client_certificate
        layers = accepting or PlainLayers
        await self._start(transport, port, listeners, accepting=layers, opening=opening, protocol=purpose.protocol, reuses_accepted=proven)

    async def _start(
        self,
        transport: Transport,
        port: int,
        listeners: dict[int, socket.socket],
        *,
        accepting: Callable[[], Layers] = PlainLayers,
        opening: Callable[[Hop], Layers] = lambda hop: PlainLayers(),
        protocol: int = 0,
        reuses_accepted: bool = True,
    ) -> None:
        stream = StreamTransport(
            listeners,
            transport=transport,
            port=port,
            bind_host=self._bind_host,
            dscp=self._dscp,
            admit=self._admit,
            deliver=self._deliver,
            accepting=accepting,
            opening=opening,
            protocol=protocol,
            flows=self._flows,
            reuses_accepted=reuses_accepted,
        )
        self._open[transport] = stream
        self.ports[transport] = port
        await stream.start()
