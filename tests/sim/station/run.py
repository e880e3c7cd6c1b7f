"""Days of one simulated house, all from one seed: visitors and misfortunes by day, and a quiet hour in which every promise is checked."""

from __future__ import annotations

from pathlib import Path

from firmware.door.state import Idle, deadlines
from firmware.media import events as media
from tests.sim.network import Node
from tests.sim.proxy import Policy, Proxy
from tests.sim.station import house
from tests.sim.station.disk import Disk
from tests.sim.station.life import Life, Site
from tests.sim.station.lock_witness import LockWitness
from tests.sim.station.misfortunes import Misfortunes
from tests.sim.station.recovery import Recovered, Stopwatch
from tests.sim.station.residents import Resident
from tests.sim.station.tenants import move_in
from tests.sim.station.town import Town
from tests.sim.station.visitors import Visitors
from tests.sim.station.witness import Witness

QUIET_S = 1000.0  # longer than any call rings or talks, and any transaction, lock-out or rule lasts
SILENCE_S = 30.0  # call.silence_limit_s: the media core gives a dead stream up
STORY_S, STORY_LINES_MAX = 60.0, 240  # how much is shown of the time before the first broken promise; half as much of that behind it
STANDING = ("minute", "block", "standing:")  # timers that belong to no call and no opening


class Run:
    """A house and its days. `problems` is what broke, `stories` the ladder of each day on which something did."""

    def __init__(self, seed: int, journal: Path, *, pace_s: float, gap_s: float) -> None:
        self.seed = seed
        self.town = Town(seed)
        chance = self.town.random
        has_account = chance.random() < 0.6
        configured = house.settings(journal, has_account=has_account, second_press_hangs_up=chance.random() < 0.5)
        move_in(journal.parent)
        self.witness = Witness(self.town, LockWitness(self.town, configured))
        self.disk = Disk(self.town, chance)
        self.site = Site(self.town, configured, self.disk, self.witness, house.DOOR)
        self.residents = {name: Resident(self.town, name, host, self) for name, host in house.PHONES.items()}
        self.stranger = Resident(self.town, "stranger", house.STRANGER, self)
        self.server: Node | None = None
        if has_account:
            forks: dict[str, tuple[str, ...]] = {name: (f"sip:{name}@{host}",) for name, host in house.PHONES.items()}
            policy = Policy(realm=house.SERVER_NAME, secrets={"door": "secret"}, record_route=chance.random() < 0.5, forks=forks)
            self.server = self.town.place(house.SERVER, Proxy(seed, house.SERVER, policy))
            self.town.names[house.SERVER_NAME] = (house.SERVER,)
        self.life: Life | None = None
        self.stories: list[str] = []
        self.visitors = Visitors(self, pace_s)
        self.misfortunes = Misfortunes(self, gap_s)
        self.stopwatch = Stopwatch(self, self.visitors.press, self._is_disturbed)
        self._moves = 0
        self.live()

    @property
    def host(self) -> str:
        return self.site.host

    @property
    def problems(self) -> list[str]:
        return self.witness.problems

    @property
    def recoveries(self) -> list[Recovered]:
        return self.stopwatch.found

    def day(self, busy_s: float) -> None:
        """Visitors come for `busy_s`, with all misfortunes; then it is quiet, and every promise is checked."""
        before = len(self.problems)
        self.visitors.come()
        self.misfortunes.begin()
        self._pass(busy_s)
        self.visitors.leave()
        self.misfortunes.heal()
        self._pass(QUIET_S)
        self._check()
        if len(self.problems) > before:
            self.stories.append(self._story(before))
        self.witness.story.clear()
        self.town.forget()

    def end(self) -> None:
        """The last process ends."""
        self.kill()

    # --- what misfortunes do

    def kill(self) -> None:
        assert self.life is not None
        self.life.kill()
        self.life = None

    def live(self) -> None:
        """A new process begins, unless there is one."""
        if self.life is None:
            self.life = Life(self.site)

    def move(self) -> None:
        """A new address."""
        assert self.life is not None
        self._moves += 1
        self.site.host = f"10.0.1.{self._moves % 250}"
        self.town.move(self.life.node, self.site.host)

    def silence(self) -> None:
        """The cable is out: no sound arrives, and the media core says so when it has waited long enough."""
        life = self.life

        def heard_nothing() -> None:
            if life is not None and self.life is life and life.node.host in self.town.unplugged:
                for call in tuple(life.sound.streams):
                    life.inbox.put(media.StreamSilent(call=call, for_s=SILENCE_S, at_ns=round(self.town.now_s * 1e9)))

        self.town.at(SILENCE_S, heard_nothing)

    def is_well(self) -> bool:
        """Whether the station runs and is registered, if it is to be."""
        return self.life is not None and (self.server is None or self._is_bound(self.life))

    def recovered(self, what: str, lasted_s: float) -> None:
        self.stopwatch.begin(what, lasted_s)

    def _is_disturbed(self) -> bool:
        return self.misfortunes.is_any

    # --- what phones do

    def rtp_digit(self, port: int, digit: str) -> None:
        """A digit arrives as sound, if a call of ours still listens there."""
        if self.life is not None and self.life.node.host not in self.town.unplugged:
            call = self.life.sound.stream_at(port)
            if call is not None:
                at_ns = round(self.town.now_s * 1e9)
                self.life.inbox.put(media.DigitHeard(call=call, digit=digit, duration_ms=100, at_ns=at_ns))

    def typed(self, party: str, digit: str) -> None:
        self.witness.locks.typed(party, digit)

    # --- inside

    def _pass(self, seconds: float) -> None:
        self.town.run(self.town.now_s + seconds)

    def _check(self) -> None:
        life = self.life
        if life is None:
            self.witness.problem("nobody has started the station again")
            return
        self.witness.check_quiet(life.inbox.presses_merged)
        self.witness.check_journal(self.site.path)
        self._check_station(life)
        for phone in (*self.residents.values(), self.stranger):
            if any(phone.node.agent.census().values()):
                self.witness.problem(f"{phone.name}: something is left: {phone.node.agent.census()}")
        self._check_recoveries()

    def _check_station(self, life: Life) -> None:
        """At rest: no call, no lock opened for a time, no sound, no timer but the standing ones."""
        problem, state = self.witness.problem, life.bridge.state
        if not isinstance(state.call, Idle) or not life.bridge.idle:
            problem(f"the door is not idle: {state.call}")
        if state.locks or state.chained or state.running:
            problem(f"locks are open or rules run: {state.locks} {state.chained} {state.running}")
        left = [key for key in deadlines(state) if not key.startswith(STANDING)]
        if left or len(life.timers) != len(deadlines(state)):
            problem(f"timers are left: {left}, {len(life.timers)} run for {len(deadlines(state))} deadlines")
        if life.calls.legs or life.sound.streams or life.sound.ports:
            problem(f"calls are left: {life.calls.legs} {life.sound.streams} {life.sound.ports}")
        for text in life.sound.problems:
            problem(text)
        life.sound.problems.clear()
        census = life.node.agent.census()
        if any(census[kind] for kind in ("calls", "dialogs", "unanswered")):
            problem(f"the user agent keeps {census}")
        if self.server is not None and not self._is_bound(life):
            problem("the account is not registered")
        if life.supervisor.total:
            problem(f"{life.supervisor.total} failures were caught by the supervisor")

    def _is_bound(self, life: Life) -> bool:
        assert self.server is not None
        assert isinstance(self.server.agent, Proxy)
        return any(uri.host == life.node.host for uri in self.server.agent.contacts("door", self.town.now_s))

    def _check_recoveries(self) -> None:
        for found in self.recoveries:
            if found.is_slow:
                self.witness.problem_at(found.at_s, f"slow recovery: {found}")

    def _story(self, before: int) -> str:
        """What happened around the first broken promise, with the messages in between."""
        first = self.problems[before]
        at_s = float(first.split()[0])
        messages = [str(passage) for passage in self.town.ladder if at_s - STORY_S <= passage.at_s <= at_s + STORY_S / 2]
        lines = [line for line in self.witness.story if at_s - STORY_S <= float(line.split()[0]) <= at_s + STORY_S / 2]
        return "\n".join([first, *sorted([*messages, *lines], key=lambda line: float(line.split()[0]))[-STORY_LINES_MAX:]])
