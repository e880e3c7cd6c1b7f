"""A full agent for one stream of one component (RFC 8445 §6 to §8): sees which ways to the other side work, and agrees on one with it.

Where sound goes, the other side is asked again and again whether it still wants it (RFC 7675), which also keeps translators' bindings
open (RFC 8445 §11).

Pure: whoever owns the port passes datagrams and the time in, sends what comes out, and comes back at `next_deadline`. The credentials,
the candidates and the role are in the IceSession.

Deviation: with one stream and one component no check list waits for another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from firmware.ice.check import FORBIDDEN, PEER_PRIORITY, ROLE_CONFLICT, Check, read_check, request, role_conflict, success
from firmware.ice.consent import Consent
from firmware.ice.pair import Pair, PairState, Relay, pair_priority
from firmware.sdp.address import is_private
from firmware.sdp.ice import Candidate, IceSession, Kind
from firmware.stun.attributes import Address, mapped_address, status_of
from firmware.stun.message import BINDING_ERROR, BINDING_SUCCESS, Message, is_authentic, parse

TA_S: Final = 0.05  # §14.2: between two new checks
RTO_S: Final = 0.5  # §14.3: the least time to the first repetition
REQUESTS_MAX: Final = 7  # RFC 8489 §6.2.1: a check is sent so often, each time after twice the time; the last one 31.5 s after the first
PATIENCE_S: Final = 0.4  # once one way works: how long better ones may still be found before it is taken (§8.1.1)
NO_WAY_S: Final = 39.5  # RFC 8863 §4: so long the other side may still come from where nobody expects it
PAIRS_MAX: Final = 32  # twice what a description may name: the rest is what checks reveal (peer-reflexive candidates)
RELAYED_MAX: Final = 8  # of them through a relay, to the best candidates: room is left for what checks reveal
TRIES_MAX: Final = 96  # three for each pair: its own, a triggered one, a nomination


class Send(NamedTuple):
    """A datagram for the port to send."""

    datagram: bytes
    to: Address


class Use(NamedTuple):
    """Sound goes there from now on: a way that works (§12.1), `is_final` the one that both sides agreed on."""

    remote: Address
    is_final: bool


class NoWay(NamedTuple):
    """Every check has failed, and nobody has come. The address of the description is what is left."""


class NoConsent(NamedTuple):
    """Nothing may be sent where sound went (RFC 7675 §5.1). The agent has stopped; only other credentials begin anew."""


Effect = Send | Use | NoWay | NoConsent


class _Try:
    """One transaction: a check of ours that may still be answered."""

    __slots__ = ("datagram", "due_s", "nominates", "pair", "sent", "wait_s", "was_controlling")

    def __init__(self, pair: Pair, datagram: bytes, *, nominates: bool, was_controlling: bool, wait_s: float) -> None:
        self.pair = pair
        self.datagram = datagram
        self.nominates = nominates
        self.was_controlling = was_controlling
        self.wait_s = wait_s
        self.sent = 0
        self.due_s: float | None = None  # None: another check of the pair has taken over; an answer still counts (§7.3.1.4)


class IceAgent:
    """The five verbs of a machine without input and output: start, receive, handle_timer, next_deadline, take_effects."""

    def __init__(
        self,
        session: IceSession,
        *,
        transaction_id: Callable[[], bytes],
        tie_breaker: Callable[[], int],
        chance: Callable[[], float],
        relay: Relay | None = None,
    ) -> None:
        """`transaction_id` gives 12 random octets, `tie_breaker` 64 random bits, `chance` a number in [0, 1)."""
        self._session = session
        self._transaction_id = transaction_id
        self._new_tie_breaker = tie_breaker
        self._chance = chance
        self._tie_breaker = tie_breaker()
        self._relay = relay
        self._pairs: list[Pair] = []
        foundations: set[tuple[str, str]] = set()
        for pair in (*self._direct_pairs(), *self._relayed_pairs()):
            # §6.1.2.6: of those that the network would treat alike, the best is checked first.
            pair.state = PairState.FROZEN if pair.foundation in foundations else PairState.WAITING
            self._pairs.append(pair)
            foundations.add(pair.foundation)
        self._triggered: deque[tuple[Pair, bool]] = deque()
        self._tries: dict[bytes, _Try] = {}
        self._next_check_s = 0.0
        self._patient_until_s = 0.0
        self._nominate_at_s: float | None = None  # None: no way is known to work
        self._nominating: Pair | None = None
        self._used: Pair | None = None
        self._selected: Pair | None = None
        self._consent: Consent | None = None  # None: sound goes nowhere that a check has shown to work
        self._is_over = False
        self._has_failed = False
        self._effects: list[Effect] = []

    @property
    def selected(self) -> Candidate | None:
        """Of the other side: where the agreed way leads; None while there is none."""
        return None if self._selected is None else self._selected.remote

    def start(self, now: float) -> None:
        """Begin to check."""
        self._next_check_s = now
        self._patient_until_s = now + NO_WAY_S
        self.handle_timer(now)

    def take_effects(self) -> list[Effect]:
        """What is to be done since the last call."""
        effects, self._effects = self._effects, []
        return effects

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, None never."""
        deadlines = [each.due_s for each in self._tries.values() if each.due_s is not None]
        if self._has_more_to_check():
            deadlines.append(self._next_check_s)
        if self._nominate_at_s is not None and self._best_that_works() is not None:
            deadlines.append(self._nominate_at_s)
        if self._consent is not None:
            deadlines.append(self._consent.deadline_s)
        if self._is_without_way():
            deadlines.append(self._patient_until_s)
        return None if self._is_over else min(deadlines, default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._consent is not None and self._consent.until_s <= now:
            self._stop()
        if self._is_over:
            return
        for key, each in list(self._tries.items()):
            if each.due_s is not None and each.due_s <= now:
                self._repeat(key, each, now)
        self._nominate_if_ready(now)
        if self._next_check_s <= now:
            self._check_one(now)
        if self._used is not None and self._consent is not None and self._consent.due_s <= now:
            key = self._transaction_id()
            self._consent.ask(key, now)
            self._send(request(key, self._session, self._tie_breaker, nominates=False), self._used.address)
        if self._is_without_way() and self._patient_until_s <= now:
            self._has_failed = True
            self._effects.append(NoWay())

    def receive(self, datagram: bytes, source: Address, now: float) -> None:
        """One datagram that looks like STUN came from `source`. What is not authentic changes nothing."""
        if self._is_over:
            return
        read = parse(datagram)
        if read is not None and read.kind in (BINDING_SUCCESS, BINDING_ERROR):
            self._answered(datagram, read, source, now)
        else:
            check = read_check(datagram, self._session)
            if isinstance(check, Check):
                self._checked(check, source, now)
            elif check:
                self._send(check, source)
        self.handle_timer(now)

    def _is_without_way(self) -> bool:
        """Every check has failed, which is not told yet."""
        return not self._has_failed and self._selected is None and all(pair.state is PairState.FAILED for pair in self._pairs)

    # --- ways ---------------------------------------------------------------------------------------------------------------

    def _direct_pairs(self) -> list[Pair]:
        pairs = [Pair(remote, PairState.WAITING, self._base(remote.host)) for remote in self._session.remote]
        return [pair for pair in pairs if pair.local is not None]

    def _relayed_pairs(self) -> list[Pair]:
        """Through the relay to whatever it may reach: what is private there is another network than what is private to the other side."""
        local = self._relayed_candidate()
        if local is None or self._relay is None:
            return []
        pairs: list[Pair] = []
        for remote in self._session.remote:
            if (":" in remote.host) != (":" in local.host) or (is_private(remote.host) and not is_private(local.host)):
                continue
            entrance = self._relay.entrance((remote.host, remote.port)) if len(pairs) < RELAYED_MAX else None
            if entrance is not None:
                pairs.append(Pair(remote, PairState.WAITING, local, entrance))
        return pairs

    def _relayed_candidate(self) -> Candidate | None:
        return next((each for each in self._session.local if each.kind is Kind.RELAYED), None)

    def _behind(self, source: Address) -> Address:
        """Who has sent what came from `source`."""
        return (None if self._relay is None else self._relay.peer(source)) or source

    # --- checks of ours -----------------------------------------------------------------------------------------------------

    def _has_more_to_check(self) -> bool:
        waiting = any(pair.state in (PairState.WAITING, PairState.FROZEN) for pair in self._pairs)
        return bool(self._triggered) or (self._selected is None and waiting)

    def _check_one(self, now: float) -> None:
        """§6.1.4.2: a triggered one, else the best that waits, else the best that is frozen."""
        pair, nominates = self._triggered.popleft() if self._triggered else (None, False)
        if pair is None and self._selected is None:
            for state in (PairState.WAITING, PairState.FROZEN):
                pair = pair or max((each for each in self._pairs if each.state is state), key=self._priority, default=None)
        if pair is None:
            return
        self._next_check_s = now + TA_S
        if not nominates:
            pair.state = PairState.IN_PROGRESS
        self._cancel(pair)
        key, controlling = self._transaction_id(), self._session.is_controlling
        datagram = request(key, self._session, self._tie_breaker, nominates=nominates)
        # §14.3: slower when there is much to check.
        wait_s = max(RTO_S, TA_S * sum(each.is_open for each in self._pairs))
        if len(self._tries) >= TRIES_MAX:
            del self._tries[next(key for key, each in self._tries.items() if each.due_s is None)]  # one a pair waits, so most do not
        self._tries[key] = made = _Try(pair, datagram, nominates=nominates, was_controlling=controlling, wait_s=wait_s)
        self._repeat(key, made, now)

    def _repeat(self, key: bytes, each: _Try, now: float) -> None:
        if each.sent >= REQUESTS_MAX:
            del self._tries[key]
            self._failed(each)
            return
        each.due_s = now + each.wait_s * 2**each.sent
        each.sent += 1
        self._send(each.datagram, each.pair.address)

    def _cancel(self, pair: Pair) -> None:
        for each in self._tries.values():
            if each.pair is pair:
                each.due_s = None

    def _failed(self, each: _Try) -> None:
        if each.nominates and self._nominating is each.pair:
            self._nominating = None  # another way may be nominated in its place
        each.pair.state = PairState.FAILED

    def _answered(self, datagram: bytes, read: Message, source: Address, now: float) -> None:
        if not is_authentic(datagram, read, self._session.theirs.pwd):
            return  # RFC 8489 §9.1.4: as if it had never come
        if (
            self._consent is not None
            and self._used is not None
            and source == self._used.address
            and self._consent.asked(read.transaction_id)
        ):
            self._consent_answered(read, self._consent, now)
            return
        each = self._tries.get(read.transaction_id)
        if each is None:
            return
        del self._tries[read.transaction_id]
        if read.kind == BINDING_SUCCESS:
            # §7.2.5.2.1: a way must be the same in both directions.
            if source != each.pair.address or mapped_address(read.attributes, read.transaction_id) is None:
                self._failed(each)
            else:
                self._succeeded(each, now)
        elif status_of(read.attributes) == ROLE_CONFLICT:
            # §7.2.5.1: the role is the other one, unless it was changed already; the pair is checked again.
            if each.was_controlling == self._session.is_controlling:
                self._change_role(is_controlling=not each.was_controlling)
                self._tie_breaker = self._new_tie_breaker()
            self._trigger(each.pair)
        else:
            self._failed(each)

    def _consent_answered(self, read: Message, consent: Consent, now: float) -> None:
        if read.kind == BINDING_SUCCESS:
            consent.renew(now)
        elif status_of(read.attributes) == FORBIDDEN:
            # RFC 7675 §5.2: the other side may take its consent back at once.
            self._stop()

    def _stop(self) -> None:
        """RFC 7675 §5.1: no media, and no checks either, until ICE begins anew."""
        self._is_over = True
        self._consent = None
        self._effects.append(NoConsent())

    def _succeeded(self, each: _Try, now: float) -> None:
        pair = each.pair
        pair.state = PairState.SUCCEEDED
        for other in self._pairs:
            if other.state is PairState.FROZEN and other.foundation == pair.foundation:
                other.state = PairState.WAITING  # §7.2.5.3.3
        if self._nominate_at_s is None:
            self._nominate_at_s = now + PATIENCE_S
        pair.nominated = pair.nominated or (each.nominates and self._session.is_controlling)
        self._use(pair, now)

    # --- checks of theirs ---------------------------------------------------------------------------------------------------

    def _checked(self, check: Check, source: Address, now: float) -> None:
        if check.says_controlling is self._session.is_controlling:
            # §7.3.1.1: both believe in the same role; the larger number keeps controlling.
            larger = self._tie_breaker >= check.tie_breaker
            if larger is self._session.is_controlling:
                self._send(role_conflict(check, self._session), source)
                return
            self._change_role(is_controlling=larger)
        self._send(success(check, self._behind(source), self._session), source)
        pair = next((each for each in self._pairs if each.address == source), None) or self._discover(check, source)
        if pair is None:
            return
        if check.nominates and not self._session.is_controlling:
            pair.nominated = True  # §7.3.1.5; it counts as soon as our own check in the other direction has succeeded
        if pair.state is PairState.SUCCEEDED:
            self._use(pair, now)
        else:
            self._trigger(pair)

    def _discover(self, check: Check, source: Address) -> Pair | None:
        """§7.3.1.3: the other side has an address that it did not know of itself."""
        if len(self._pairs) >= PAIRS_MAX:
            return None
        foundation = f"discovered-{len(self._pairs)}"  # like no other
        seen = self._behind(source)
        local = self._base(seen[0]) if seen == source else self._relayed_candidate()
        pair = Pair(Candidate(Kind.PEER_REFLEXIVE, *seen, check.priority, foundation), PairState.WAITING, local, source)
        self._pairs.append(pair)
        self._has_failed = False
        return pair

    def _trigger(self, pair: Pair) -> None:
        """§7.3.1.4: what the other side reaches us from is looked at next."""
        if all(waiting is not pair for waiting, _ in self._triggered):
            pair.state = PairState.WAITING
            self._triggered.append((pair, False))

    # --- the agreed way -----------------------------------------------------------------------------------------------------

    def _nominate_if_ready(self, now: float) -> None:
        """§8.1.1: once the best way works, or the time to find better ones is over."""
        best = self._best_that_works()
        if best is None or self._nominate_at_s is None:
            return
        better = [pair for pair in self._pairs if pair.is_open and self._priority(pair) > self._priority(best)]
        if not better or now >= self._nominate_at_s:
            self._nominating = best
            self._triggered.appendleft((best, True))

    def _best_that_works(self) -> Pair | None:
        """What we would nominate now; None when that is not ours to do, or done."""
        if not self._session.is_controlling or self._nominating is not None or self._selected is not None:
            return None
        return max((pair for pair in self._pairs if pair.state is PairState.SUCCEEDED), key=self._priority, default=None)

    def _use(self, pair: Pair, now: float) -> None:
        """A way works: sound may go there until another is agreed on."""
        if pair.nominated:
            # Agents of RFC 5245 may nominate every way that works: then the best of them counts (its §8.1.1.2).
            if self._selected is None or self._priority(pair) > self._priority(self._selected):
                self._select(pair, now)
        elif self._selected is None and (self._used is None or self._priority(pair) > self._priority(self._used)):
            self._go(pair, now, is_final=False)

    def _select(self, pair: Pair, now: float) -> None:
        """§8.1.2: other checks end; those of the other side are still answered."""
        self._selected = pair
        self._triggered.clear()
        for each in self._tries.values():
            each.due_s = None
        self._go(pair, now, is_final=True)

    def _go(self, pair: Pair, now: float, *, is_final: bool) -> None:
        """Sound goes this way; that it works, a check has just shown, and so had the other side's consent (RFC 7675 §5.1)."""
        if pair is not self._used:
            self._used, self._consent = pair, Consent(now, self._chance)
        self._effects.append(Use(pair.address, is_final=is_final))

    def _change_role(self, *, is_controlling: bool) -> None:
        self._session = self._session._replace(is_controlling=is_controlling)
        self._nominating = None

    def _priority(self, pair: Pair) -> int:
        rank = PEER_PRIORITY if pair.local is None else pair.local.priority
        return pair_priority(rank, pair.remote.priority, is_controlling=self._session.is_controlling)

    def _base(self, remote: str) -> Candidate | None:
        """Our best candidate of the family of `remote`; None: we have none, as far as we know."""
        own = [each for each in self._session.local if each.kind is not Kind.RELAYED]
        return next((each for each in own if (":" in each.host) == (":" in remote)), None)

    def _send(self, datagram: bytes, to: Address) -> None:
        self._effects.append(Send(datagram, to))
