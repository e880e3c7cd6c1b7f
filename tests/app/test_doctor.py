"""What the doctor says, about machines that are well and machines that are not."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from firmware.app.control.protocol import Json, Request
from firmware.app.control.server import ControlServer
from firmware.app.doctor import examination, machine, network
from firmware.app.doctor.findings import Finding, Level, fail, in_words, ok, warn, worst
from firmware.config.schema import Account, Camera, Control, Journal, Lock, Network, Reader, Settings, Target
from firmware.config.secrets import Secret
from firmware.net import netlink
from hw.api import Half, HardwareError
from hw.duplex import Lack
from tests.ports import free_port

TODAY_S = 1_900_000_000.0


def levels(findings: Iterator[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def test_every_bad_finding_has_a_remedy_and_the_worst_is_the_exit_code() -> None:
    assert in_words(ok("clock", "set")) == "ok   clock: set"
    assert in_words(fail("dns", "x is not found", "spell it")) == "fail dns: x is not found\n     → spell it"
    assert worst([ok("a", ""), warn("b", "", "r"), ok("c", "")]).value == 1
    assert worst([fail("a", "", "r"), warn("b", "", "r")]).value == 2
    assert worst([]).value == 0


def test_a_clock_that_was_never_set_fails() -> None:
    finding = next(machine.clock(0.0))
    assert (finding.level, finding.text) == (Level.FAIL, "it is 1970-01-01 here")


@pytest.mark.parametrize(("kept", "level"), [(True, Level.OK), (False, Level.WARN)])
def test_a_clock_that_nobody_keeps_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool, level: Level) -> None:
    monkeypatch.setattr(machine, "SYNCHRONISED", tmp_path if kept else tmp_path / "none")
    monkeypatch.setattr(machine, "OTHER_CLOCK_KEEPERS", ())
    assert levels(machine.clock(TODAY_S)) == [level]


def test_the_journal_needs_a_directory_and_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Settings(journal=Journal(path=str(tmp_path / "journal.db")))
    assert levels(machine.journal(good)) == [Level.OK]
    assert levels(machine.journal(Settings(journal=Journal(path=str(tmp_path / "none" / "journal.db"))))) == [Level.FAIL]
    monkeypatch.setattr(machine, "FREE_BYTES_MIN", 1 << 62)
    assert levels(machine.journal(good)) == [Level.FAIL]


def test_a_file_with_secrets_that_everybody_may_read_is_a_warning(tmp_path: Path) -> None:
    config = tmp_path / "portero.toml"
    config.touch(mode=0o644)
    secret = Settings(account=(Account(name="a", uri="sip:a@b", password=Secret("x")),))
    assert next(machine.rights(secret, config)).level is Level.WARN
    config.chmod(0o640)
    assert next(machine.rights(secret, config)).level is Level.OK
    config.chmod(0o644)
    assert next(machine.rights(Settings(), config)).level is Level.OK


@pytest.mark.parametrize(("hard", "level"), [(0, Level.WARN), (50, Level.OK)])
def test_the_right_to_real_time_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard: int, level: Level) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (hard, hard))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert levels(machine.rights(Settings(), tmp_path))[1] is level


def test_pins_are_asked_for_only_when_something_is_wired(monkeypatch: pytest.MonkeyPatch) -> None:
    holders: dict[int, str] = {5: ""}

    class Pins:
        def holder(self, gpio: int) -> str:
            return holders[gpio]

        def close(self) -> None:
            """Nothing was claimed."""

    wired = Settings(lock=(Lock(name="gate", gpio=5),))
    monkeypatch.setattr("hw.gpio.board_pins", Pins)
    assert levels(machine.pins(Settings())) == [Level.WARN]
    assert levels(machine.pins(wired)) == [Level.OK]
    holders[5] = "portero"  # the door itself, which runs
    assert levels(machine.pins(wired)) == [Level.OK]
    holders[5] = "spi0 CS0"
    (held,) = machine.pins(wired)
    assert held.level is Level.FAIL
    assert "GPIO5 is held by spi0 CS0" in held.text

    def none() -> Pins:
        raise HardwareError("no GPIO pins")

    monkeypatch.setattr("hw.gpio.board_pins", none)
    assert levels(machine.pins(wired)) == [Level.FAIL]


def test_a_card_that_is_not_there_is_said_in_its_drivers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_settings: object) -> None:
        raise HardwareError("sound card USB: not found")

    monkeypatch.setattr("hw.alsa.open_duplex", none)
    finding = next(machine.sound(Settings()))
    assert (finding.level, finding.text) == (Level.FAIL, "sound card USB: not found")


@pytest.mark.parametrize(
    ("cards", "remedy"),
    [
        (" 0 [Device         ]: USB-Audio - USB PnP Sound Device\n", "put a piece of the name into `device` of [audio]"),
        ("--- no soundcards ---\n", "plug one in (USB)"),
        (None, "plug one in (USB)"),
    ],
)
def test_without_any_card_there_is_nothing_to_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], cards: str | None, remedy: str
) -> None:
    def none(_settings: object) -> None:
        os.write(2, b"ALSA lib confmisc.c:855:(parse_card) cannot find card '0'\n")
        raise HardwareError("sound card USB: not found")

    if cards is not None:
        (tmp_path / "cards").write_text(cards)
    monkeypatch.setattr("hw.alsa.open_duplex", none)
    monkeypatch.setattr(machine, "CARDS", tmp_path / "cards")
    assert remedy in next(machine.sound(Settings())).remedy
    os.write(2, b"heard again\n")
    assert capfd.readouterr().err == "heard again\n"


def test_a_card_that_lacks_a_half_is_a_warning_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        lack = Lack(Half.MICROPHONE, "microphone: No such device")

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr("hw.alsa.open_duplex", lambda _settings: Deaf())
    finding = next(machine.sound(Settings()))
    assert finding.level is Level.WARN
    assert "plays, but has no microphone" in finding.text
    assert "capture_device" in finding.remedy


def test_a_reader_needs_its_port(tmp_path: Path) -> None:
    (tmp_path / "serial").touch()
    found = [Reader(name="here", port=str(tmp_path / "serial"), lock="x"), Reader(name="gone", port=str(tmp_path / "none"), lock="x")]
    assert levels(machine.readers(Settings(reader=tuple(found)))) == [Level.OK, Level.FAIL]


def test_a_camera_is_tried_with_one_picture(tmp_path: Path) -> None:
    assert levels(machine.camera(Settings())) == []
    film = Path(__file__).parents[1] / "data" / "camera" / "door.h264"
    (good,) = machine.camera(Settings(camera=Camera(source="file", device=str(film))))
    assert (good.level, good.text) == (Level.OK, "file has taken a picture of 7 kB")
    (bad,) = machine.camera(Settings(camera=Camera(source="file", device=str(tmp_path / "none.h264"))))
    assert bad.level is Level.FAIL
    assert "No such file" in bad.text
    assert bad.remedy


def test_names_are_looked_up_once_each_and_addresses_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(host: str, _port: None, **_options: object) -> list[object]:
        asked.append(host)
        if host == "nowhere.example":
            raise socket.gaierror(-2, "Name or service not known")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    settings = Settings(
        account=(Account(name="a", uri="sip:a@pbx.example"), Account(name="b", uri="sip:b@pbx.example")),
        target=(Target(name="t", uri="sip:t@nowhere.example"), Target(name="u", uri="sip:1@elsewhere.example", account="a")),
    )
    assert levels(network.names(settings)) == [Level.FAIL, Level.OK]
    assert asked == ["nowhere.example", "pbx.example"]


def test_a_machine_without_an_address_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "ELSEWHERE", ((socket.AF_INET, "127.0.0.1"),))
    monkeypatch.setattr(network, "asked_kernel", lambda: iter(()))
    assert levels(network.addresses()) == [Level.FAIL]


def test_a_machine_without_a_gateway_has_its_addresses_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # Captured on a machine with loopback and, on its second interface, 10.0.5.2 and a link-local address, in two datagrams.
    first = (
        "4c0000001400020001000000b6510000020880fe01000000080001007f000001080002007f000001070003006c6f0000080008008000000014000600ffffffff"
        "ffffffff178e2500178e25004c0000001400020001000000b6510000021080fd0200000008000100a9fe030408000200a9fe0304070003006430000008000800"
        "8000000014000600ffffffffffffffff1e8e25001e8e25004c0000001400020001000000b65100000218800002000000080001000a000502080002000a000502"
        "0700030064300000080008008000000014000600ffffffffffffffff1a8e25001a8e2500500000001400020001000000b65100000a8080fe0100000014000100"
        "0000000000000000000000000000000114000600ffffffffffffffff178e2500178e2500080008008000000005000b00"
    )
    datagrams = [bytes.fromhex(first), bytes.fromhex("140000000300020001000000b651000000000000")]
    monkeypatch.setattr(network, "ELSEWHERE", ((socket.AF_INET, "127.0.0.1"),))
    monkeypatch.setattr(network, "asked_kernel", lambda: iter(datagrams))
    (found,) = network.addresses()
    assert (found.level, found.text.partition(";")[0]) == (Level.OK, "our address is 10.0.5.2")


def test_the_kernel_is_asked_for_all_addresses_and_answers_to_the_end() -> None:
    datagrams = list(network.asked_kernel())
    assert isinstance(list(netlink.parse(datagrams[-1]))[-1], netlink.DumpEnd)


def test_a_port_that_is_taken_is_named_with_who_to_ask() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        udp, tcp = network.sip_port(Settings(network=Network(bind="127.0.0.1", sip_port=port)))
    assert (udp.level, tcp.level) == (Level.FAIL, Level.OK)
    assert str(port) in udp.remedy


def test_a_port_that_the_system_chooses_is_not_called_port_0() -> None:
    udp, tcp = network.sip_port(Settings(network=Network(bind="127.0.0.1", sip_port=0)))
    assert [(each.level, each.text) for each in (udp, tcp)] == [
        (Level.OK, "UDP: the system chooses a port"),
        (Level.OK, "TCP: the system chooses a port"),
    ]


def test_sctp_is_looked_for_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(family: int, kind: int, protocol: int) -> socket.socket:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr("firmware.app.doctor.network.socket.socket", without)
    assert levels(network.sctp(Settings())) == []
    (finding,) = network.sctp(Settings(network=Network(transports=("sctp", "udp"))))
    assert finding.level is Level.FAIL
    assert "modprobe sctp" in finding.remedy


def test_without_a_daemon_an_account_is_tried_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "REGISTER_S_MAX", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        account = Account(name="home", uri=f"sip:door@127.0.0.1:{silent.getsockname()[1]}")
        finding = next(network.registrations(Settings(network=Network(bind="127.0.0.1"), account=(account,)), None))
        assert silent.recv(65535).startswith(b"REGISTER ")
    assert (finding.level, finding.text.rpartition(": ")[2]) == (Level.FAIL, "no answer yet")


def test_the_running_daemon_is_asked_instead(tmp_path: Path) -> None:
    status: Json = {
        "uptime_s": 5,
        "accounts": {"home": {"registered": True, "detail": "registered for 60 s"}},
        "health": {"sound": "unplugged", "account home": "no news here"},
    }

    async def tell(_request: Request) -> Json:
        return status

    settings = Settings(control=Control(socket=str(tmp_path / "control")), account=(Account(name="home", uri="sip:d@x"),))
    seen: list[Mapping[str, object] | None] = []

    async def scenario() -> None:
        server = ControlServer(tmp_path / "control", tell, lambda: 0.0)
        await server.start()
        seen.append(await asyncio.to_thread(network.daemon_status, settings))
        await server.close()

    asyncio.run(scenario())
    assert levels(network.registrations(settings, seen[0])) == [Level.OK]
    assert [(each.level, each.part) for each in network.running(seen[0], settings.control.socket)] == [
        (Level.OK, "daemon"),
        (Level.FAIL, "sound"),
    ]
    assert network.daemon_status(settings) is None
    assert levels(network.running(None, settings.control.socket)) == [Level.WARN]


@pytest.mark.parametrize(
    ("detail", "remedy"),
    [
        ("401 Unauthorized: wrong user name or password", "`password`, and `username`, now 'door'"),
        ("403 Forbidden", "`password`, and `username`, now 'door'"),
        ("404 Not Found", "create the extension there, or correct `uri` (sips:door@pbx.example)"),
        ("pbx.example cannot be reached: Connection refused", "is the server at pbx.example, port 5061, and in a network"),
        ("no answer yet", "does a firewall keep SIP out? see what travels: tcpdump -ni any -A port 5061"),
        ("503 Service Unavailable", "the server's own log says why it refuses"),
    ],
)
def test_what_to_do_about_a_registration_follows_from_what_the_server_said(detail: str, remedy: str) -> None:
    settings = Settings(account=(Account(name="home", uri="sips:door@pbx.example"),))
    (finding,) = network.registrations(settings, {"accounts": {"home": {"registered": False, "detail": detail}}})
    assert finding.level is Level.FAIL
    assert remedy in finding.remedy


def test_messages_that_nobody_hears_are_a_warning() -> None:
    settings = Settings(account=(Account(name="home", uri="sip:d@x"), Account(name="work", uri="sip:d@y")))
    known: dict[str, object] = {"registered": True, "detail": "registered for 60 s"}
    status: dict[str, object] = {"accounts": {"home": {**known, "messages": 3}, "work": {**known, "messages": 0}}}
    findings = list(network.registrations(settings, status))
    assert [(finding.part, finding.level) for finding in findings] == [
        ("account home", Level.OK),
        ("account home", Level.WARN),
        ("account work", Level.OK),
    ]
    assert findings[1].text.endswith(": 3")


def test_a_broken_configuration_is_examined_as_far_as_possible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "portero.toml"
    config.write_text("[network]\nsip_prot = 1\n")
    assert examination.examine(config) == 2
    out = capsys.readouterr().out
    assert f"fail config: {config}:2: network.sip_prot" in out
    assert "clock: " in out
    assert threading.active_count() == 1


def test_the_whole_examination_looks_at_each_part_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_settings: object) -> None:
        raise HardwareError("no sound card")

    monkeypatch.setattr("hw.alsa.open_duplex", nothing)
    config = tmp_path / "portero.toml"
    sections = (
        '[network]\nbind = "127.0.0.1"\nsip_port = 0',
        f'[journal]\npath = "{tmp_path}/journal.db"',
        f'[control]\nsocket = "{tmp_path}/control"',
    )
    config.write_text("\n".join(sections))
    parts = [finding.part for finding in examination.findings(config)]
    assert list(dict.fromkeys(parts)) == [
        "config", "clock", "permissions", "real time", "journal", "network", "daemon", "sip port", "registration", "gpio", "sound",
    ]  # fmt: skip
