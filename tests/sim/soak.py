"""Thousands of random calls in a bad network, and the invariants that must hold when all is quiet.

    python -m tests.sim.soak --seeds 0:100 --calls 100

Each seed is one world with its own weather. A seed that breaks an invariant is printed with the ladder of the broken call;
run it alone to see it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from functools import partial

from firmware.sip.events import (
    AccountName,
    AttendedTransfer,
    CallAnswered,
    CallEnded,
    CallKey,
    Confer,
    EndCause,
    Event,
    IncomingCall,
    Register,
    Unregister,
)
from firmware.sip.settings import Account, AgentSettings, CallHabits, ReferPolicy, Use
from firmware.sip.uri import Uri
from tests.sim.network import Node, Weather, World
from tests.sim.proxy import Policy, Proxy
from tests.sim.script import Script, direct_call, ended_once, proxied_call

CALLER, PROXY, SPARE = "10.0.0.1", "10.0.0.9", "10.0.0.10"
CALLEES = ("10.0.0.2", "10.0.0.3", "10.0.0.4")
AT_ONCE = 8  # calls that begin together in one world; below the agents' limit, so that none is refused for lack of room
TOGETHER_S = 10.0  # how far apart the ends of a call's legs may lie when no message is lost
QUIET_S = 800.0  # longer than any script talks, or any call rings
ACCOUNT = Account(
    name=AccountName("main"),
    aor=Uri("sip", user="door", host="door.example"),
    registrar=Uri("sip", host=PROXY),
    username="door",
    secret="secret",
)


class Run:
    """What one world did."""

    def __init__(self, seed: int, calls: int) -> None:
        self.seed = seed
        self.world = World(seed)
        chance = self.world.random
        self.world.weather = Weather(
            loss=chance.choice((0.0, 0.0, 0.05, 0.15, 0.3)),
            duplication=chance.choice((0.0, 0.1, 0.3)),
            delay_min_s=0.001,
            delay_max_s=chance.choice((0.001, 0.02, 0.3, 1.0)),
            locate_max_s=chance.choice((0.0, 0.0, 0.01, 1.0)),
        )
        self.scripts: dict[str, Script] = {}
        self.calls = calls
        self.problems: list[str] = []
        self.is_proxied = chance.random() < 0.5
        self.has_spare = self.is_proxied and chance.random() < 0.4
        self.has_failed = False  # whether the first server was away for a while
        self.world.refuses = not self.has_spare or chance.random() < 0.5
        self.up: list[CallKey] = []  # the caller's answered calls
        account = ACCOUNT._replace(habits=self._habits(), backups=(Uri("sip", host=SPARE),) if self.has_spare else ())
        accounts = (account,) if self.is_proxied else ()
        self.caller = self.world.add(CALLER, AgentSettings(accounts=accounts, habits=account.habits, refer=ReferPolicy.CALL))
        self.caller.on_event = self._caller_told
        self.callees = [self.world.add(host, AgentSettings(habits=self._habits(), refer=ReferPolicy.CALL)) for host in CALLEES]
        for callee in self.callees:
            callee.on_event = partial(self._callee_told, callee)
        if self.is_proxied:
            policy = Policy(secrets={"door": "secret"}, record_route=chance.random() < 0.5)
            for host in (PROXY, SPARE) if self.has_spare else (PROXY,):
                self.world.place(host, Proxy(seed, host, policy))
            self.world.command(self.caller, Register(account=ACCOUNT.name))
        self._legs: dict[tuple[str, CallKey], Script] = {}

    def _habits(self) -> CallHabits:
        """Short sessions, so that some are refreshed; nobody insists on what the other may not know."""
        chance = self.world.random
        uses = (Use.OFF, Use.SUPPORTED, Use.SUPPORTED)
        return CallHabits(reliable=chance.choice(uses), session_timer=chance.choice((*uses, Use.REQUIRED)), session_expires_s=90)

    def play(self) -> None:
        """All calls, then silence, then the invariants."""
        for number in range(self.calls):
            script = self._script(number)
            script.elsewhere = f"sip:n{number}@{self.world.random.choice(CALLEES)}"
            script.places = partial(self._placed, script)
            script.may_fall_silent = self.has_spare
            self.scripts[script.key] = script
            script.begin()
            if self.has_spare and number % AT_ONCE == 0 and self.world.random.random() < 0.5:
                self._fail_first_server()
            if number % AT_ONCE == AT_ONCE - 1:
                self.world.run(self.world.now_s + QUIET_S)
        if self.is_proxied:
            self.world.command(self.caller, Unregister(account=ACCOUNT.name))
        self.world.run()
        self._check()

    def _fail_first_server(self) -> None:
        """Its power goes while calls are set up, and comes back much later; then it knows of nobody."""
        server, chance = self.world.nodes[PROXY], self.world.random
        self.has_failed = True

        def return_empty() -> None:
            server.agent, server.is_down = Proxy(self.seed, PROXY, self.proxy.policy), False

        self.world.at(chance.uniform(0, 10), lambda: setattr(server, "is_down", True))
        self.world.at(chance.uniform(30, 300), return_empty)

    def _script(self, number: int) -> Script:
        if not self.is_proxied:
            return direct_call(self.world, self.caller, self.callees[0], number)
        # The proxy rings one callee or several, or sends the caller elsewhere first.
        chance = self.world.random
        policy = self.proxy.policy
        user = f"n{number}"
        where = chance.sample(CALLEES, chance.randint(1, len(CALLEES)))
        if chance.random() < 0.2:
            policy.redirects[user] = tuple(f"sip:{user}@{host}" for host in where)
        else:
            policy.forks[user] = tuple(f"sip:{user}@{host}" for host in where)
        return proxied_call(self.world, self.caller, ACCOUNT, number)

    @property
    def proxy(self) -> Proxy:
        """The server of a proxied world."""
        agent = self.world.nodes[PROXY].agent
        assert isinstance(agent, Proxy)
        return agent

    def outcomes(self) -> Counter[str]:
        """How the callers' legs ended."""
        return Counter(event.cause.name for _, event in self.caller.events if isinstance(event, CallEnded))

    def _placed(self, script: Script, node: Node, key: CallKey) -> None:
        self._legs[node.host, key] = script

    def _caller_told(self, event: Event) -> None:
        moved = self._legs.get((CALLER, getattr(event, "call", CallKey(""))))
        if moved is not None:
            moved.callee_told(self.caller, event)
            return
        script = self.scripts.get(getattr(event, "call", ""))
        if script is not None:
            self._combine(script, event)
            script.caller_told(event)

    def _combine(self, script: Script, event: Event) -> None:
        """What the caller does with several calls at once: transfer one to the other, or make a conference of them."""
        if isinstance(event, CallEnded) and script.key in self.up:
            self.up.remove(script.key)
        if not isinstance(event, CallAnswered):
            return
        self.up.append(script.key)
        other, chance = self.up[0], self.world.random.random()
        if other == script.key:
            return
        if chance < 0.1:
            script.is_moved = self.scripts[other].is_moved = True
            script.later(self.caller, AttendedTransfer(call=script.key, other=other))
        elif chance < 0.3:
            script.later(self.caller, Confer(calls=tuple(self.up[:3])))
            script.later(self.caller, Confer(calls=()))

    def _callee_told(self, node: Node, event: Event) -> None:
        if isinstance(event, IncomingCall):
            # The user part of the Request-URI names the call; one that replaces a leg belongs to that one's call.
            replaced = None if event.replaces is None else self._legs.get((node.host, event.replaces))
            self._legs[node.host, event.call] = replaced or self.scripts[f"call-{(event.called.user or 'n')[1:]}"]
        script = self._legs.get((node.host, getattr(event, "call", CallKey(""))))
        if script is not None:
            script.callee_told(node, event)

    def _check(self) -> None:
        for node in self.world.nodes.values():
            if any(node.agent.census().values()) or node.agent.next_deadline() is not None:
                self.problems.append(f"{node.host}: something is left: {node.agent.census()}")
            self.problems += ended_once(node)
        ended = {event.call for _, event in self.caller.events if isinstance(event, CallEnded)}
        self.problems += [f"{self.caller.host}: {key} has no outcome" for key in sorted(set(self.scripts) - ended)]
        self._check_agreement()
        if self.world.weather.loss == 0 and not self.has_failed:
            self._check_togetherness()

    def _check_agreement(self) -> None:
        """What the callee saw acknowledged, the caller saw answered, unless it had hung up by then."""
        answered = {event.call for _, event in self.caller.events if isinstance(event, CallAnswered)}
        cancelled = {event.call for _, event in self.caller.events if isinstance(event, CallEnded) and event.status in (487, 408)}
        for callee in self.callees:
            for _, event in callee.events:
                if isinstance(event, CallAnswered) and self._legs[callee.host, event.call].key not in answered | cancelled:
                    self.problems.append(f"{self._legs[callee.host, event.call].key}: acknowledged, but its caller knows of no answer")

    def _check_togetherness(self) -> None:
        """Where nothing is lost, no callee's leg outlives its caller's, every 200 is acknowledged, and a direct call ends for both."""
        ends = {event.call: at_s for at_s, event in self.caller.events if isinstance(event, CallEnded)}
        for callee in self.callees:
            for at_s, event in callee.events:
                if not isinstance(event, CallEnded):
                    continue
                script = self._legs[callee.host, event.call]
                key = script.key
                if script.is_moved:
                    continue
                gap_s = at_s - ends.get(key, at_s)
                if gap_s > TOGETHER_S or (gap_s < -TOGETHER_S and not self.is_proxied):
                    self.problems.append(f"{key}: ended at {ends[key]:.1f} s here and at {at_s:.1f} s at {callee.host}")
                if event.cause is EndCause.TIMEOUT and event.status == 408:
                    self.problems.append(f"{key}: {event.text}")


def ladder(run: Run, problem: str) -> str:
    """The messages of the broken world around the first call that the problem names, or its end."""
    words = [word.strip(":") for word in problem.split()]
    number = next((word.removeprefix("call-") for word in words if word.startswith("call-")), None)
    lines = run.world.ladder
    if number is not None:
        ids = {_call_id(passage.data) for passage in lines if f"sip:n{number}@".encode() in passage.data}
        lines = [passage for passage in lines if _call_id(passage.data) in ids]
    return "\n".join(str(passage) for passage in lines[-80:])


def _call_id(data: bytes) -> bytes:
    return data.partition(b"Call-ID: ")[2].partition(b"\r\n")[0]


def main() -> int:
    """Run the seeds; the exit status tells whether every invariant held."""
    parser = argparse.ArgumentParser(description="random calls through a bad network")
    parser.add_argument("--seeds", default="0:100", help="A:B, or one seed")
    parser.add_argument("--calls", type=int, default=100, help="calls a seed")
    options = parser.parse_args()
    first, colon, last = options.seeds.partition(":")
    seeds = range(int(first), int(last)) if colon else range(int(first), int(first) + 1)
    began = time.perf_counter()
    outcomes: Counter[str] = Counter()
    broken: list[int] = []
    for seed in seeds:
        run = Run(seed, options.calls)
        run.play()
        outcomes += run.outcomes()
        if run.problems:
            broken.append(seed)
            print(f"seed {seed}: {len(run.problems)} problems, weather {run.world.weather}")
            for problem in run.problems[:5]:
                print(f"  {problem}")
            print(ladder(run, run.problems[0]))
    took_s = time.perf_counter() - began
    calls = len(seeds) * options.calls
    print(f"{calls} calls in {took_s:.1f} s ({took_s * 1000 / max(calls, 1):.2f} ms each): {dict(outcomes)}")
    print(f"broken seeds: {broken}" if broken else "every invariant held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
