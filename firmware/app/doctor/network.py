"""What the doctor looks at in the network: addresses, names, the SIP port, each registration."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from firmware.app.doctor.findings import Finding, fail, ok, warn
from firmware.config.schema import Account, Settings
from firmware.errors import PorteroError, RemoteProtocolError
from firmware.ids import SystemIds
from firmware.net import netlink
from firmware.net.sockets import IPPROTO_SCTP
from firmware.sip.uri import Uri

STATUS_S_MAX = 2.0  # a daemon that turns its loop answers in milliseconds
REGISTER_S_MAX = 6.0  # an answer takes milliseconds; a lost packet is sent again after 0.5, 1 and 2 s (RFC 3261 §17.1.2.2)
# Documentation addresses (RFC 5737, RFC 3849): connecting a UDP socket to one sends nothing and tells which address we would use.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
KERNEL_S_MAX = 2.0  # it answers at once, or not at all
DATAGRAMS_MAX = 64  # some hundred addresses each
DATAGRAM_BYTES_MAX = 65_536  # the kernel fills at most half of that (netlink(7))


def addresses() -> Iterator[Finding]:
    """By which of its addresses this machine would speak to the world; without a way there, which it has."""
    found = [address for family, far in ELSEWHERE if (address := _own_address(family, far)) is not None]
    if found:
        yield ok("network", f"our address is {' and '.join(found)}")
    elif near := sorted(present(asked_kernel())):
        yield ok("network", f"our address is {' and '.join(near)}; there is no gateway: what is not in its network is not reached")
    else:
        yield fail("network", "this machine has no address beside its own loopback", "plug the cable in, or set up Wi-Fi: nmtui")


def _own_address(family: socket.AddressFamily, far: str) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            address: str = probe.getsockname()[0]
    except OSError:
        return None
    return None if address.startswith("127.") or address == "::1" else address


def present(datagrams: Iterable[bytes]) -> set[str]:
    """The addresses that others can reach, in the kernel's answer to `netlink.dump_request`."""
    seen = [each for data in datagrams for each in netlink.parse(data)]
    found = {each.address for each in seen if isinstance(each, netlink.AddressSeen) and each.present}
    return {socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address) for address in found}


def asked_kernel() -> Iterator[bytes]:
    """What the kernel answers, to its end; nothing where it does not."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(KERNEL_S_MAX)
            kernel.send(netlink.dump_request())
            for _ in range(DATAGRAMS_MAX):
                yield (data := kernel.recv(DATAGRAM_BYTES_MAX))
                if any(isinstance(each, netlink.DumpEnd) for each in netlink.parse(data)):
                    return
    except OSError:
        return


def names(settings: Settings) -> Iterator[Finding]:
    """Whether every server and phone that has a name can be found by it."""
    uris = {account.proxy or account.registrar or account.uri for account in settings.account}
    uris |= {target.uri for target in settings.target if target.account is None}
    hosts = set()
    for uri in uris:
        try:
            hosts.add(Uri.parse(uri).host)
        except RemoteProtocolError as error:
            yield fail("dns", f"{uri}: {error}", "correct it in the configuration")
    for host in sorted(hosts):
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            remedy = "is the name right? does the network name a DNS server (resolvectl status)? an address instead of a name needs none"
            yield fail("dns", f"{host} is not found: {error.strerror or error}", remedy)
        else:
            yield ok("dns", f"{host} is found")


def daemon_status(settings: Settings) -> Mapping[str, object] | None:
    """What a running daemon says of itself, or None when there is none that we may ask."""
    from firmware.app.control.client import ask
    from firmware.app.control.protocol import ControlError

    try:
        result = ask(Path(settings.control.socket), "status", limit_s=STATUS_S_MAX)
    except (OSError, ValueError, ControlError):
        return None
    return result if isinstance(result, dict) else None


def sip_port(settings: Settings) -> Iterator[Finding]:
    """Whether the daemon could have its port; asked only when it does not run."""
    port = settings.network.sip_port
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        try:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
                probe.bind((settings.network.bind if ":" not in settings.network.bind else "", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            remedy = f"who has it? ss -lunpt 'sport = :{port}'" if taken else "give another `sip_port` or `bind` in [network]"
            yield fail("sip port", f"{name} port {port}: {error.strerror}", remedy)
        else:
            yield ok("sip port", f"{name} port {port} is free" if port else f"{name}: the system chooses a port")


def sctp(settings: Settings) -> Iterator[Finding]:
    """Whether the kernel has what `transports` asks of it."""
    if "sctp" not in settings.network.transports:
        return
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
    except OSError as error:
        remedy = 'modprobe sctp, for ever: echo sctp > /etc/modules-load.d/sctp.conf; or take "sctp" out of network.transports'
        yield fail("sctp", f"this kernel offers no SCTP: {error.strerror}", remedy)
    else:
        yield ok("sctp", "the kernel offers SCTP")


def registrations(settings: Settings, status: Mapping[str, object] | None) -> Iterator[Finding]:
    """Ask the running daemon; without one, register ourselves for a moment."""
    if not settings.account:
        yield ok("registration", "no account: phones are called directly")
        return
    if status is None:
        yield from asyncio.run(_try_to_register(settings))
        return
    accounts = status.get("accounts")
    for account in settings.account:
        known = accounts.get(account.name) if isinstance(accounts, dict) else None
        registered = isinstance(known, dict) and known.get("registered") is True
        detail = str(known.get("detail")) if isinstance(known, dict) else "the running daemon does not know it: systemctl reload portero"
        yield _registration(account, working=registered, detail=detail)
        messages = known.get("messages") if isinstance(known, dict) else None
        if isinstance(messages, int) and messages > 0:
            remedy = "take the mailbox off this extension at the server, or have it send its messages to a phone"
            yield warn(f"account {account.name}", f"new messages in its mailbox at the server, which nobody hears: {messages}", remedy)


async def _try_to_register(settings: Settings) -> list[Finding]:
    from firmware.app.line import SipLine

    try:
        line = SipLine(settings._replace(network=settings.network._replace(sip_port=0)), SystemIds())
        await line.start()
    except PorteroError as error:
        return [fail("registration", str(error), "free the address, or give another `bind` in [network]")]
    answered = asyncio.Event()

    def on_event(_event: object) -> None:
        if all(registration.working is not None for registration in line.registrations.values()):
            answered.set()

    line.attach(on_event)
    with suppress(TimeoutError):
        await asyncio.wait_for(answered.wait(), REGISTER_S_MAX)
    results = [(account, line.registrations[account.name]) for account in settings.account]
    findings = [_registration(account, working=each.working is True, detail=each.detail) for account, each in results]
    await line.stop()
    return findings


def _registration(account: Account, *, working: bool, detail: str) -> Finding:
    part = f"account {account.name}"
    if working:
        return ok(part, f"{account.uri}: {detail}")
    return fail(part, f"{account.uri} is not registered: {detail}", _remedy(account, detail))


def _remedy(account: Account, detail: str) -> str:
    """By what the server said, or whether it said anything at all (RFC 3261 §21.4)."""
    address = Uri.parse(account.proxy or account.registrar or account.uri)
    port = address.port or (5061 if address.scheme == "sips" else 5060)
    if detail.startswith(("401", "403", "407")):
        user = account.username or Uri.parse(account.uri).user
        return (
            f"give in [[account]] what the server has for this extension: `password`, and `username`, now {user!r}; "
            "the Fritz!Box calls it user name, 3CX Authentication ID"
        )
    if detail.startswith(("404", "604")):
        return f"the server has no such user: create the extension there, or correct `uri` ({account.uri})"
    if "cannot be reached" in detail or "not known" in detail or "no answer" in detail:
        return (
            f"is the server at {address.host}, port {port}, and in a network that this machine reaches (ping {address.host})? "
            f"does a firewall keep SIP out? see what travels: tcpdump -ni any -A port {port}"
        )
    return f"the server's own log says why it refuses; see what travels: tcpdump -ni any -A port {port}"


def running(status: Mapping[str, object] | None, socket_path: str) -> Iterator[Finding]:
    """Whether the daemon runs, and what it thinks of itself."""
    if status is None:
        missing = not Path(socket_path).exists()
        text = "the daemon does not run" if missing else f"you may not speak to the daemon at {socket_path}"
        yield warn("daemon", text, "systemctl start portero" if missing else "run the doctor as root or as the service's user")
        return
    yield ok("daemon", f"runs since {status.get('uptime_s')} s")
    health = status.get("health")
    if isinstance(health, dict):
        for part, detail in health.items():
            if not str(part).startswith("account "):
                yield fail(str(part), str(detail), "see the daemon's log: journalctl -u portero -n 50")
