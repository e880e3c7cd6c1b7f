"""The rules in force, between two networks of our own: what the configuration needs comes through, everything else does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from firmware.app.firewall import ruleset
from firmware.config.schema import Settings
from image.places import run

DOOR, LAN = f"door{os.getpid()}", f"lan{os.getpid()}"
# Listens to everything, says when it is ready, then prints every port at which something arrived, until its input ends.
LISTEN = """
import select, socket, sys
found = {}
for kind, ports in ((socket.SOCK_DGRAM, (5060, 10000, 161)), (socket.SOCK_STREAM, (5060, 22, 80))):
    for port in ports:
        one = socket.socket(socket.AF_INET, kind)
        one.bind(("10.77.0.1", port))
        if kind == socket.SOCK_STREAM:
            one.listen()
        found[one] = f"{'tcp' if kind == socket.SOCK_STREAM else 'udp'} {port}"
print("ready", flush=True)
seen = set()
while True:
    ready, _, _ = select.select([*found, sys.stdin], [], [])
    for one in ready:
        if one is sys.stdin:
            print(sorted(seen), flush=True)
            sys.exit()
        seen.add(found[one])
        one.recv(9) if found[one].startswith("udp") else one.accept()
"""
# The last is the one that arrives: by then all others have had their chance, in order.
SEND = """
import socket
for port in (161, 10000, 5060):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.77.0.1", port))
for port in (22, 80, 5060):
    one = socket.socket()
    one.settimeout(2 if port != 5060 else 20)
    try:
        one.connect(("10.77.0.1", port))
    except OSError:
        pass
"""


@pytest.fixture
def networks() -> Iterator[None]:
    try:
        for name in (DOOR, LAN):
            run("ip", "netns", "add", name)
        run("ip", "-n", DOOR, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", LAN)
        for name, address in ((DOOR, "10.77.0.1/24"), (LAN, "10.77.0.2/24")):
            run("ip", "-n", name, "addr", "add", address, "dev", "wire")
            run("ip", "-n", name, "link", "set", "wire", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in (DOOR, LAN):
            subprocess.run(["ip", "netns", "del", name], check=False)


@pytest.mark.usefixtures("networks")
def test_calls_and_sound_come_in_and_nothing_else() -> None:
    load = ["ip", "netns", "exec", DOOR, "nft", "-f", "-"]
    rules = subprocess.run(load, input=ruleset(Settings()), text=True, check=False, capture_output=True)
    assert (rules.returncode, rules.stderr) == (0, "")
    command = ("ip", "netns", "exec", DOOR, sys.executable, "-c", LISTEN)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        assert listener.stdin is not None
        assert listener.stdout.readline() == "ready\n"
        run("ip", "netns", "exec", LAN, sys.executable, "-c", SEND)
        listener.stdin.close()
        assert listener.stdout.read() == "['tcp 5060', 'udp 10000', 'udp 5060']\n"
