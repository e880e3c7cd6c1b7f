"""A registrar that restarts and forgets everything: how soon the door is bound again, and what watching for it costs."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import Register, Registered
from tests.sim.network import Node, World
from tests.sim.proxy import Policy, Proxy
from tests.sim.soak import ACCOUNT, CALLER, PROXY


class Outage:
    """One door, one registrar without TCP, so that only probes can tell."""

    def __init__(self, seed: int, *, is_silent: bool = False) -> None:
        self.world = World(seed)
        self.world.refuses = not is_silent
        self.proxy = Proxy(seed, PROXY, Policy(secrets={"door": "secret"}))
        self.server = self.world.place(PROXY, self.proxy)
        self.door: Node = self.world.add(CALLER, AgentSettings(accounts=(ACCOUNT,)))
        self.world.command(self.door, Register(account=ACCOUNT.name))
        self.run(30 + seed)  # the outage begins at any phase of the probe

    def run(self, seconds: float) -> None:
        self.world.run(self.world.now_s + seconds)

    def is_bound(self) -> bool:
        return bool(self.proxy.contacts("door", self.world.now_s))

    def happen(self, seconds: float) -> None:
        self.server.is_down = True
        self.run(seconds)
        self.proxy.restart()
        self.server.is_down = False


@pytest.mark.parametrize("is_silent", [False, True], ids=["refusing", "silent"])
@pytest.mark.parametrize("seconds", [12.0, 20.0, 45.0, 90.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_door_is_bound_again_within_5_s_of_the_return(seed: int, seconds: float, *, is_silent: bool) -> None:
    outage = Outage(seed, is_silent=is_silent)
    assert outage.is_bound()
    outage.happen(seconds)
    assert not outage.is_bound()
    outage.run(5)
    assert outage.is_bound()


@pytest.mark.parametrize("is_silent", [False, True], ids=["refusing", "silent"])
@pytest.mark.parametrize("seconds", [300.0, 1234.0, 3600.0, 40_000.0])
@pytest.mark.parametrize("seed", range(4))
def test_after_a_long_outage_as_well(seed: int, seconds: float, *, is_silent: bool) -> None:
    outage = Outage(seed, is_silent=is_silent)
    outage.happen(seconds)
    outage.run(5)
    assert outage.is_bound()


@pytest.mark.parametrize("phase", range(10))
def test_a_restart_between_two_probes_is_noticed_by_the_next(phase: int) -> None:
    outage = Outage(phase)
    outage.happen(0.2)
    assert not outage.is_bound()
    outage.run(10.1)
    assert outage.is_bound()


def test_a_dead_registrar_costs_one_datagram_in_three_seconds() -> None:
    outage = Outage(1)
    outage.server.is_down = True
    outage.run(600)
    before = len(outage.world.ladder)
    outage.run(3600)
    assert (len(outage.world.ladder) - before) / 3600 < 0.5


def test_an_idle_door_is_woken_at_most_once_in_five_seconds() -> None:
    outage = Outage(1)
    before, told = len(outage.world.ladder), outage.world.wakes[CALLER]
    outage.run(3600)
    assert len(outage.world.ladder) > before  # it does watch
    assert (outage.world.wakes[CALLER] - told) / 3600 <= 0.22
    assert len(outage.door.told(Registered)) > 1
