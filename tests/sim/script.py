"""One random call between two nodes: what each side does and when, drawn from the world's chance."""

from __future__ import annotations

from collections.abc import Callable

from firmware.sip.events import (
    Answer,
    CallAnswered,
    CallEnded,
    CallKey,
    Event,
    HangUp,
    Hold,
    IncomingCall,
    Invite,
    MediaAgreed,
    Reason,
    Reinvite,
    RequestDone,
    Resume,
    Ring,
    SendInfo,
)
from firmware.sip.settings import Account
from firmware.sip.uri import Uri
from tests.sim.network import Node, World, media

TIMES_S = (0.0, 0.0005, 0.001, 0.0015, 0.01, 0.2, 0.5, 1.0, 4.0, 31.9, 32.0, 33.0)  # the edges of the timers are where calls break
REFUSALS = (486, 603, 480, 404, 500, 503)


class Script:
    """The two programs of one call. The caller's leg has `key`; the callee's is what its agent chose."""

    def __init__(self, world: World, caller: Node, key: CallKey, invite: Invite) -> None:
        self.world = world
        self.caller = caller
        self.key = key
        self.invite = invite

    def begin(self) -> None:
        """The press."""
        self.world.command(self.caller, self.invite)
        if self.world.random.random() < 0.4:
            # Taking the call back at any moment: before the INVITE left, before 100, while it rings, as the 200 comes, long after.
            self.later(self.caller, HangUp(call=self.key, reason=self._reason()))

    def caller_told(self, event: Event) -> None:
        """What the caller's program does about an event of this call."""
        match event:
            case CallAnswered():
                self._talk(self.caller, self.key)
            case _:
                pass

    def callee_told(self, node: Node, event: Event) -> None:
        """What a callee's program does about an event of this call."""
        chance = self.world.random
        match event:
            case IncomingCall(call=call):
                if chance.random() < 0.8:
                    self.later(node, Ring(call=call))
                kind = chance.random()
                if kind < 0.75:
                    self.later(node, Answer(call=call, media=media(4000 + 2 * chance.randrange(50))))
                if kind > 0.6:
                    # Also together with the answer above: whichever comes first counts.
                    self.later(node, HangUp(call=call, status=chance.choice(REFUSALS)))
            case MediaAgreed(call=call, early=False) if chance.random() < 0.2:
                self._talk(node, call)  # without waiting for the ACK
            case CallAnswered(call=call):
                self._talk(node, call)
            case _:
                pass

    def later(self, node: Node, command: HangUp | Ring | Answer | Hold | Resume | Reinvite | SendInfo) -> None:
        """Do it after one of the interesting times."""
        chance = self.world.random
        self.world.at(chance.choice(TIMES_S) + chance.choice((0.0, chance.random())), self._do(node, command))

    def _do(self, node: Node, command: HangUp | Ring | Answer | Hold | Resume | Reinvite | SendInfo) -> Callable[[], None]:
        return lambda: self.world.command(node, command)

    def _talk(self, node: Node, call: CallKey) -> None:
        chance = self.world.random
        for _ in range(chance.choice((0, 0, 1, 3))):
            self.later(
                node,
                chance.choice(
                    (
                        Hold(call=call),
                        Resume(call=call),
                        Reinvite(call=call),
                        Reinvite(call=call, media=media(6000 + 2 * chance.randrange(50))),
                        SendInfo(call=call, content_type="application/dtmf-relay", body=b"Signal=1\r\nDuration=160\r\n"),
                    )
                ),
            )
        # Somebody always ends it: at once (BYE 1 ms after 200), or later, and often both.
        if chance.random() < 0.6 or node is self.caller:
            self.later(node, HangUp(call=call, reason=self._reason()))

    def _reason(self) -> Reason | None:
        return self.world.random.choice((None, Reason(protocol="SIP", cause=200, text="Call completed elsewhere")))


def direct_call(world: World, caller: Node, callee: Node, number: int) -> Script:
    """A call straight to the callee's address."""
    key = CallKey(f"call-{number}")
    target = Uri.parse(f"sip:n{number}@{callee.host}")
    offerless = world.random.random() < 0.1
    invite = Invite(call=key, target=target, account=None, media=media(5000 + 2 * world.random.randrange(50), number), offerless=offerless)
    return Script(world, caller, key, invite)


def proxied_call(world: World, caller: Node, account: Account, number: int) -> Script:
    """A call through the account's server, which knows where `n<number>` rings."""
    key = CallKey(f"call-{number}")
    target = Uri("sip", user=f"n{number}", host=account.aor.host)
    invite = Invite(call=key, target=target, account=account.name, media=media(5000 + 2 * world.random.randrange(50), number))
    return Script(world, caller, key, invite)


def ended_once(node: Node) -> list[str]:
    """The broken promises of a node's events: one CallEnded a leg, and nothing about it afterwards."""
    problems: list[str] = []
    ended: set[str] = set()
    seen: set[str] = set()
    for _, event in node.events:
        call = getattr(event, "call", None)
        if call is None:
            continue
        if call in ended and not _is_late_answer(event):
            problems.append(f"{node.host}: {type(event).__name__} of {call} after its end")
        seen.add(call)
        if isinstance(event, CallEnded):
            ended.add(call)
    problems += [f"{node.host}: {call} never ended" for call in sorted(seen - ended)]
    return problems


def _is_late_answer(event: Event) -> bool:
    """A command for a call that has ended is answered with RequestDone 500, however late it comes."""
    return isinstance(event, RequestDone) and event.status == 500
