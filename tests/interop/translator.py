"""A door behind an address translator: three namespaces of the network, joined by wires, and a STUN server of Debian's outside.

door 192.168.1.5 -- 192.168.1.1 translator 203.0.113.10 -- 203.0.113.1, 203.0.113.2 outside
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers import eventually, process

DOOR, OUTER, SERVER, PHONE = "192.168.1.5", "203.0.113.10", "203.0.113.1", "203.0.113.2"
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
        rule = f"insert rule ip translator pass iifname lan ip daddr {host} udp dport != {but_for} drop"
        run(*self.box, "nft", *rule.split())


def run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@contextlib.contextmanager
def translated(folder: Path, *, is_symmetric: bool = False, relays: bool = False) -> Iterator[Translated]:
    """The three, and the STUN server. `is_symmetric`: another port for each other side, as the worst of translators do. `relays`: the
    server gives addresses to USER as well (TURN)."""
    names = {part: f"portero-{part}-{os.getpid()}" for part in ("door", "box", "out")}
    inside = {part: ("ip", "netns", "exec", name) for part, name in names.items()}
    try:
        for name in names.values():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        _wire(names["door"], "eth", (f"{DOOR}/24",), names["box"], "lan", "192.168.1.1/24")
        _wire(names["out"], "eth", (f"{SERVER}/24", f"{PHONE}/24"), names["box"], "wan", f"{OUTER}/24")
        run("ip", "-n", names["door"], "route", "add", "default", "via", "192.168.1.1")
        run(*inside["box"], "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        run(*inside["box"], "nft", "-f", "-", text=RULES.format(how="fully-random" if is_symmetric else ""))
        folder.mkdir(parents=True, exist_ok=True)
        kind = ("--lt-cred-mech", "-r", "house", "-u", f"{USER}:{PASSWORD}", "-E", SERVER) if relays else ("-S",)
        server = ("turnserver", "-n", "-L", SERVER, "-p", "3478", "--no-tls", "--no-dtls", "--no-cli", "-l", "stdout", "--simple-log")
        with process([*inside["out"], *server, *kind], log=folder / "stun"):
            ask = [*inside["out"], "turnutils_stunclient", "-p", "3478", SERVER]
            eventually(lambda: _says(ask, "UDP reflexive addr"), what="the STUN server answers")
            yield Translated(inside["door"], inside["out"], inside["box"])
    finally:
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _wire(one: str, end: str, addresses: tuple[str, ...], other: str, far_end: str, far_address: str) -> None:
    run("ip", "-n", one, "link", "add", end, "type", "veth", "peer", "name", far_end, "netns", other)
    for address in addresses:
        run("ip", "-n", one, "addr", "add", address, "dev", end)
    run("ip", "-n", other, "addr", "add", far_address, "dev", far_end)
    run("ip", "-n", one, "link", "set", end, "up")
    run("ip", "-n", other, "link", "set", far_end, "up")


def _says(command: list[str], words: str) -> bool:
    """This client asks once, and would wait for ever."""
    try:
        return words in subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    except subprocess.TimeoutExpired:
        return False
