"""A door behind an address translator: three namespaces of the network, joined by wires, and a STUN server of Debian's outside.

door 192.168.1.5 -- 192.168.1.1 translator 203.0.113.10 -- 203.0.113.1, 203.0.113.2 outside

Each namespace lives as long as a process in it. Those with names, which `ip netns` keeps, want mounts, and so a root that is a mount point.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers import eventually, process

DOOR, INNER, OUTER, SERVER, PHONE = "192.168.1.5", "192.168.1.1", "203.0.113.10", "203.0.113.1", "203.0.113.2"
USER, PASSWORD = "door", "m5kq0vtz8rwx"
RULES = """\
table ip translator {{
  chain out {{ type nat hook postrouting priority 100; oifname "wan" masquerade {how}; }}
  chain own {{
    # What nobody inside has asked for leaves no trace: else it would hold the very port that the answer to it should leave by.
    type filter hook input priority 0; policy accept;
    iifname "wan" drop
  }}
  chain pass {{
    type filter hook forward priority 0; policy drop;
    iifname "lan" accept
    ct state established,related accept
  }}
}}
"""


@dataclass(frozen=True)
class Translated:
    """Prefixes for commands that shall run behind the translator, and outside."""

    door: tuple[str, ...]
    outside: tuple[str, ...]
    box: tuple[str, ...]

    def cut(self, host: str, *, but_for: int) -> None:
        """Let no UDP pass from the door to `host` any more, but to that port."""
        self._rule(f"iifname lan ip daddr {host} udp dport != {but_for} drop")

    def let_no_datagrams_reach(self, host: str) -> None:
        """Connections alone, as from behind some firewalls of companies."""
        self._rule(f"iifname lan ip daddr {host} meta l4proto udp drop")

    def _rule(self, rule: str) -> None:
        run(*self.box, "nft", *f"insert rule ip translator pass {rule}".split())


def run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@contextlib.contextmanager
def translated(
    folder: Path, *, is_symmetric: bool = False, relays: bool = False, certificate: tuple[str, str] | None = None
) -> Iterator[Translated]:
    """The three, and the STUN server. `is_symmetric`: another port for each other side, as the worst of translators do. `relays`: the
    server gives addresses to USER as well (TURN), with `certificate`, files of a certificate and its key, over TLS too."""
    with contextlib.ExitStack() as held:
        folder.mkdir(parents=True, exist_ok=True)
        door, box, out = (held.enter_context(_namespace(folder / name)) for name in ("door", "box", "out"))
        _wire(door, "eth", (f"{DOOR}/24",), box, "lan", f"{INNER}/24")
        _wire(out, "eth", (f"{SERVER}/24", f"{PHONE}/24"), box, "wan", f"{OUTER}/24")
        run(*_in(door), "ip", "route", "add", "default", "via", INNER)
        run(*_in(box), "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        run(*_in(box), "nft", "-f", "-", text=RULES.format(how="fully-random" if is_symmetric else ""))
        kind = ("--lt-cred-mech", "-r", "house", "-u", f"{USER}:{PASSWORD}", "-E", SERVER) if relays else ("-S",)
        server = ("turnserver", "-n", "-L", SERVER, "-p", "3478", "--no-dtls", "--no-cli", "-l", "stdout", "--simple-log")
        secure = (
            ("--no-tls",) if certificate is None else ("--tls-listening-port", "5349", "--cert", certificate[0], "--pkey", certificate[1])
        )
        held.enter_context(process([*_in(out), *server, *kind, *secure], log=folder / "stun"))
        ask = [*_in(out), "turnutils_stunclient", "-p", "3478", SERVER]
        eventually(lambda: _says(ask, "UDP reflexive addr"), what="the STUN server answers")
        yield Translated(_in(door), _in(out), _in(box))


@contextlib.contextmanager
def _namespace(log: Path) -> Iterator[int]:
    """One with its loopback up; the process that keeps it."""
    with process(["unshare", "--net", "sleep", "infinity"], log=log) as keeper:
        ours = os.readlink("/proc/self/ns/net")
        eventually(lambda: os.readlink(f"/proc/{keeper.pid}/ns/net") != ours, what="a namespace of its own", account=log.read_text)
        run(*_in(keeper.pid), "ip", "link", "set", "lo", "up")
        yield keeper.pid


def _in(keeper: int) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{keeper}/ns/net")


def _wire(one: int, end: str, addresses: tuple[str, ...], other: int, far_end: str, far_address: str) -> None:
    run(*_in(one), "ip", "link", "add", end, "type", "veth", "peer", "name", far_end, "netns", str(other))
    for address in addresses:
        run(*_in(one), "ip", "addr", "add", address, "dev", end)
    run(*_in(other), "ip", "addr", "add", far_address, "dev", far_end)
    run(*_in(one), "ip", "link", "set", end, "up")
    run(*_in(other), "ip", "link", "set", far_end, "up")


def _says(command: list[str], words: str) -> bool:
    """This client asks once, and would wait for ever when the server was not there yet: it is soon begun again."""
    try:
        return words in subprocess.run(command, capture_output=True, text=True, check=False, timeout=3).stdout
    except subprocess.TimeoutExpired:
        return False
