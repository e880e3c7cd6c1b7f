"""Two servers under one fake clock: a backup registrar, and a second account beside the first."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import AccountName, Register, Registered, RegistrationFailed
from firmware.sip.uri import Uri
from tests.sim.network import World
from tests.sim.proxy import Policy, Proxy
from tests.sim.soak import ACCOUNT, CALLER, PROXY

SPARE = "10.9.9.9"


class Town:
    """One door, two registrars; the first can be taken down."""

    def __init__(self, seed: int, *, is_silent: bool, two_accounts: bool) -> None:
        self.world = World(seed)
        self.world.refuses = not is_silent
        self.first, self.spare = (Proxy(seed, host, Policy(secrets={"door": "secret"})) for host in (PROXY, SPARE))
        self.server = self.world.place(PROXY, self.first)
        self.world.place(SPARE, self.spare)
        spare = Uri.parse(f"sip:{SPARE}")
        second = ACCOUNT._replace(name=AccountName("second"), registrar=spare)
        accounts = (ACCOUNT, second) if two_accounts else (ACCOUNT._replace(backups=(spare,)),)
        self.door = self.world.add(CALLER, AgentSettings(accounts=accounts))
        for account in accounts:
            self.world.command(self.door, Register(account=account.name))
        self.run(30)

    def run(self, seconds: float) -> None:
        self.world.run(self.world.now_s + seconds)

    def bound_at(self, proxy: Proxy) -> bool:
        return bool(proxy.contacts("door", self.world.now_s))


@pytest.mark.parametrize("is_silent", [False, True], ids=["refusing", "silent"])
@pytest.mark.parametrize("seed", range(4))
def test_a_backup_has_the_door_within_five_seconds_of_the_start(seed: int, *, is_silent: bool) -> None:
    town = Town(seed, is_silent=is_silent, two_accounts=False)
    assert not town.bound_at(town.spare)
    town.server.is_down = True
    town.world.command(town.door, Register(account=ACCOUNT.name))
    town.run(5)
    assert town.bound_at(town.spare)
    assert not town.door.told(RegistrationFailed)


@pytest.mark.parametrize("is_silent", [False, True], ids=["refusing", "silent"])
def test_an_outage_is_noticed_by_itself_and_the_first_registrar_is_taken_back(*, is_silent: bool) -> None:
    town = Town(1, is_silent=is_silent, two_accounts=False)
    town.server.is_down = True
    town.run(60)
    assert town.bound_at(town.spare)
    town.first.restart()
    town.server.is_down = False
    town.run(600)
    assert town.bound_at(town.first)


def test_the_second_account_does_not_care_about_the_first_ones_server() -> None:
    town = Town(1, is_silent=False, two_accounts=True)
    assert town.bound_at(town.first)
    assert town.bound_at(town.spare)
    town.server.is_down = True
    town.run(900)
    assert town.bound_at(town.spare)
    failed = [event for _, event in town.door.events if isinstance(event, RegistrationFailed)]
    assert {event.account for event in failed} == {ACCOUNT.name}


def test_a_refresh_costs_one_request_while_the_servers_nonce_lives() -> None:
    town = Town(1, is_silent=False, two_accounts=False)
    before, bound = town.first.registers, len(town.door.told(Registered))
    town.world.command(town.door, Register(account=ACCOUNT.name))
    town.run(1)
    assert town.first.registers - before == len(town.door.told(Registered)) - bound == 1
