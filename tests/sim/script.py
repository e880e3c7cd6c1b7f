"""One random call between two nodes: what each side does and when, drawn from the world's chance."""

from __future__ import annotations

from collections.abc import Callable

from firmware.sip.events import (
    AcceptTransfer,
    Answer,
    AttendedTransfer,
    CallAnswered,
    CallEnded,
    CallKey,
    Confer,
    Event,
    HangUp,
    Hold,
    IncomingCall,
    Invite,
    MediaAgreed,
    Progress,
    Reason,
    RefuseTransfer,
    Reinvite,
    RequestDone,
    Resume,
    Ring,
    SendInfo,
    Transfer,
    TransferProgress,
    TransferRequested,
    Update,
)
from firmware.sip.settings import Account
from firmware.sip.uri import Uri
from tests.sim.network import Node, World, media

TIMES_S = (0.0, 0.0005, 0.001, 0.0015, 0.01, 0.2, 0.5, 1.0, 4.0, 31.9, 32.0, 33.0)  # the edges of the timers are where calls break
LONG_S = 100.0  # longer than the shortest session without a refresh
SILENT_S = 400.0  # when a program ends a call whose sound has stopped arriving; longer than any script talks
REFUSALS = (486, 603, 480, 404, 500, 503)


WithinCall = Hold | Resume | Reinvite | Update | SendInfo | Transfer | AttendedTransfer | Confer
Wish = HangUp | Ring | Progress | Answer | AcceptTransfer | RefuseTransfer | WithinCall


class Script:
    """The programs of one call. The caller's leg has `key`; the callee's is what its agent chose.

    `is_moved`: somebody asked for a transfer, so that legs may outlive the first one; `places` takes the key of each leg so placed.
    """

    def __init__(self, world: World, caller: Node, key: CallKey, invite: Invite) -> None:
        self.is_moved = False
        self.may_fall_silent = False  # a server on its way may vanish, and every BYE with it
        self.is_long = world.random.random() < 0.1
        self.places: Callable[[Node, CallKey], None] = lambda node, key: None
        self.elsewhere = ""  # whither the call may be transferred
        self._moves = 0
        self.world = world
        self.caller = caller
        self.key = key
        self.invite = invite

    def begin(self) -> None:
        """The press."""
        self.world.command(self.caller, self.invite)
        if not self.is_long and self.world.random.random() < 0.4:
            # Taking the call back at any moment: before the INVITE left, before 100, while it rings, as the 200 comes, long after.
            self.later(self.caller, HangUp(call=self.key, reason=self._reason()))

    def caller_told(self, event: Event) -> None:
        """What the caller's program does about an event of this call."""
        match event:
            case CallAnswered():
                self._talk(self.caller, self.key)
            case TransferRequested():
                self._decide(self.caller, event)
            case _:
                pass

    def callee_told(self, node: Node, event: Event) -> None:
        """What a callee's program does about an event of this call."""
        chance = self.world.random
        match event:
            case IncomingCall(call=call):
                if chance.random() < 0.8:
                    self.later(node, Ring(call=call))
                if chance.random() < 0.3:
                    self.later(node, Progress(call=call, media=media(4200 + 2 * chance.randrange(50))))
                kind = chance.random()
                if kind < 0.75:
                    self.later(node, Answer(call=call, media=media(4000 + 2 * chance.randrange(50))))
                if kind > 0.6:
                    # Also together with the answer above: whichever comes first counts.
                    self.later(node, HangUp(call=call, status=chance.choice(REFUSALS)))
            case MediaAgreed(call=call, early=True) if chance.random() < 0.3:
                self.later(node, Update(call=call, media=media(4400 + 2 * chance.randrange(50))))
            case TransferRequested():
                self._decide(node, event)
            case MediaAgreed(call=call, early=False) if chance.random() < 0.2:
                self._talk(node, call)  # without waiting for the ACK
            case CallAnswered(call=call):
                self._talk(node, call)
            case _:
                pass

    def _decide(self, node: Node, event: TransferRequested) -> None:
        if self.world.random.random() < 0.2:
            self.later(node, RefuseTransfer(transfer=event.transfer))
            return
        self._moves += 1
        key = CallKey(f"{self.key}-moved-{self._moves}")
        self.places(node, key)
        self.later(node, AcceptTransfer(transfer=event.transfer, call=key, media=media(4600 + 2 * self.world.random.randrange(50))))

    def later(self, node: Node, command: Wish) -> None:
        """Do it after one of the interesting times."""
        chance = self.world.random
        self.world.at(chance.choice(TIMES_S) + chance.choice((0.0, chance.random())), self._do(node, command))

    def _do(self, node: Node, command: Wish) -> Callable[[], None]:
        return lambda: self.world.command(node, command)

    def _talk(self, node: Node, call: CallKey) -> None:
        chance = self.world.random
        if self.may_fall_silent:
            self.world.at(SILENT_S, self._do(node, HangUp(call=call)))
        for _ in range(chance.choice((0, 0, 1, 3))):
            wishes: tuple[WithinCall, ...] = (
                Hold(call=call),
                Resume(call=call),
                Reinvite(call=call),
                Reinvite(call=call, media=media(6000 + 2 * chance.randrange(50))),
                Update(call=call),
                Update(call=call, media=media(6200 + 2 * chance.randrange(50))),
                SendInfo(call=call, content_type="application/dtmf-relay", body=b"Signal=1\r\nDuration=160\r\n"),
            )
            self.later(node, chance.choice(wishes))
        if self.elsewhere and chance.random() < 0.1:
            self.is_moved = True
            self.later(node, Transfer(call=call, target=Uri.parse(self.elsewhere), follow=chance.random() < 0.8))
        # Somebody always ends it: at once (BYE 1 ms after 200), or later, and often both; a long call so late that it is refreshed.
        if self.is_long:
            self.world.at(LONG_S * (1 + chance.random()), self._do(node, HangUp(call=call)))
        elif chance.random() < 0.6 or node is self.caller or "moved" in call:
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
    """A command for a call that has ended is answered with 500, however late it comes; and a transfer may be reported on after the BYE."""
    return isinstance(event, TransferProgress) or (isinstance(event, RequestDone) and event.status == 500)
