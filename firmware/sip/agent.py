"""The front of the SIP user agent: five verbs, no waiting, no clock, no socket.

    receive(input, now)   what the network shell hears          command(cmd, now)  what the program wants
    handle_timer(now)     call when `next_deadline` is reached   take_effects()     what to send and what happened, in order

Call `take_effects` after each of the first three. Only `LocalProtocolError` may come out, and only from `command`; bytes never raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.ids import IdSource
from firmware.sip.events import (
    AcceptTransfer,
    AccountName,
    Answer,
    AttendedTransfer,
    CallKey,
    CallTurnedAway,
    Command,
    Confer,
    Effect,
    FlowClosed,
    HangUp,
    Hold,
    Hop,
    Input,
    Invite,
    Located,
    NetworkChanged,
    ObeyDismissal,
    Progress,
    QueryOptions,
    Received,
    Refer,
    RefuseTransfer,
    Register,
    Registered,
    Reinvite,
    Resume,
    Ring,
    SendFailed,
    SendInfo,
    Transfer,
    Unregister,
    Update,
)
from firmware.sip.identity import hides_caller
from firmware.sip.message import MalformedRequest, Request, Response, make_response, parse_message
from firmware.sip.notices import NoticeCommand, Publish, SendMessage, SetPresence, Subscribe, TellQuality, Unpublish, Unsubscribe
from firmware.sip.settings import Account, AgentSettings
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.admission import Admission
from firmware.sip.usage.caller import NO_TAKEOVER
from firmware.sip.usage.dialog import dialog_id
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.flows import Flows
from firmware.sip.usage.incoming_call import UnansweredCall
from firmware.sip.usage.legs import accept_transfer, command_leg, obey_dismissal, place, refuse_transfer
from firmware.sip.usage.options import OptionsQuery
from firmware.sip.usage.relocation import relocate
from firmware.sip.usage.server_request import refusal
from firmware.sip.usage.session import Session
from firmware.sip.usage.stateless import Stateless, tagged

if TYPE_CHECKING:
    from firmware.sip.usage.desk import Desk
    from firmware.sip.usage.registration_watch import RegistrationWatch

__all__ = ["Account", "Agent", "AgentSettings"]

DESK_METHODS = frozenset(("MESSAGE", "NOTIFY", "SUBSCRIBE"))
OUTSIDE_METHODS = DESK_METHODS | {"REFER"}  # within a call a REFER is the call's
STUN_FIRST_OCTETS = (b"\x00", b"\x01")  # RFC 8489 §5: the two first bits are zero; Binding's classes have no other octets
STEPS_MAX = 10_000  # timers fired in one call: more means that one sets itself again without delay, which would be our bug


class Agent:
    """One user agent: its accounts, its calls."""

    def __init__(self, settings: AgentSettings, ids: IdSource, now_s: float) -> None:
        self._ids = ids
        self._endpoint = Endpoint(settings, ids, self)
        self._registrations = {knowledge.account.name: Flows(self._endpoint, knowledge) for knowledge in self._endpoint.accounts.values()}
        self._admission = Admission(settings.gate, ids)
        self._stateless = Stateless(self._endpoint, self._admission)
        self._open_desk: Desk | None = None
        if settings.gate.watchers:
            self._desk()  # who is watched must see every call from the first on; else the desk opens with its first visitor
        self._watches: dict[AccountName, RegistrationWatch] = {}
        self._incoming_serial = 0
        self._now_s = now_s

    # --- the five verbs

    def receive(self, event: Input, now_s: float) -> None:
        """Take one input from the shell."""
        self._now_s = now_s
        match event:
            case Received(data=data, source=source):
                self._receive_bytes(data, source, now_s)
            case Located():
                self._endpoint.located(event, now_s)
            case SendFailed(hop=hop, reason=reason, is_refusal=is_refusal):
                # RFC 3261 §18.4: the transport user is told about errors; that is every transaction on this hop.
                self._endpoint.layer.undeliverable(hop, now_s, reason)
                for registration in self._registrations.values():
                    registration.hop_refused(hop) if is_refusal else registration.hop_lost(hop, now_s)
            case FlowClosed(flow=flow):
                self._endpoint.layer.flow_closed(flow, now_s)
                for registration in self._registrations.values():
                    registration.flow_closed(flow, now_s)
            case NetworkChanged():
                for registration in self._registrations.values():
                    registration.network_changed(now_s)
                relocate(self._endpoint, now_s)
            case _:
                assert_never(event)

    def command(self, command: Command, now_s: float) -> None:
        """Take one wish of the program. Raises LocalProtocolError for an account that is not configured or a key that is in use."""
        self._now_s = now_s
        match command:
            case Register(account=account):
                self._registration(account).register(now_s)
            case Unregister(account=account):
                self._registration(account).unregister(now_s)
            case Invite():
                self._invite(command, now_s)
            case SendMessage() | Subscribe() | Unsubscribe() | Publish() | Unpublish() | SetPresence() | TellQuality() | Refer():
                self._command_desk(command, now_s)
            case Confer(calls=calls):
                self._confer(calls, now_s)
            case QueryOptions():
                OptionsQuery(self._endpoint, command, self._knowledge(command.account)).begin(now_s)
            case AcceptTransfer():
                accept_transfer(self._endpoint, command, now_s)
            case ObeyDismissal():
                obey_dismissal(self._endpoint, command, now_s)
            case RefuseTransfer():
                refuse_transfer(self._endpoint, command, now_s)
            case Ring() | Progress() | Answer() | HangUp() | Update():
                command_leg(self._endpoint, command, now_s)
            case Hold() | Resume() | Reinvite() | SendInfo() | Transfer() | AttendedTransfer():
                command_leg(self._endpoint, command, now_s)
            case _:
                assert_never(command)

    def handle_timer(self, now_s: float) -> None:
        """Fire every timer that is due."""
        self._now_s = now_s
        for _ in range(STEPS_MAX):
            due = self._endpoint.timers.pop_due(now_s)
            if due is None:
                return
            owner, name = due
            owner.handle_timer(name, now_s)

    def next_deadline(self) -> float | None:
        """When `handle_timer` is wanted next, None when nothing runs."""
        return self._endpoint.timers.next_deadline()

    def take_effects(self) -> tuple[Effect, ...]:
        """What has to be sent and what happened since the last time, in order."""
        effects = self._endpoint.take_effects()
        for effect in effects:
            if isinstance(effect, Registered) and self._endpoint.accounts[effect.account].account.watches_binding:
                self._watch(effect.account).bound(self._now_s)
        if self._open_desk is not None and effects:
            self._open_desk.heard(effects, self._now_s)
            effects += self._endpoint.take_effects()
        return effects

    @property
    def is_idle(self) -> bool:
        """Whether no call, dialog, transaction, look-up or timer is left."""
        return not any(self.census().values())

    def census(self) -> dict[str, int]:
        """How many of each thing are kept, for tests, the simulator and people who look for leaks."""
        return self._endpoint.census() | ({} if self._open_desk is None else self._open_desk.census())

    # --- messages

    def _receive_bytes(self, data: bytes, source: Hop, now_s: float) -> None:
        try:
            message = parse_message(data)
        except MalformedRequest as error:
            self._stateless.refuse_malformed(error, source)
            return
        except RemoteProtocolError:
            if data[:1] in STUN_FIRST_OCTETS:
                for registration in self._registrations.values():
                    registration.receive_stun(data, source, now_s)
            return
        for registration in self._registrations.values():
            registration.sign_of_life(source.host, now_s)
        match message:
            case Request():
                self._receive_fresh(_stamped(message, source), source, now_s)
            case Response() if len(message.vias) == 1:
                # A stray 2xx whose INVITE transaction is over (timer M) is dropped: its sender gave up at the same time.
                self._endpoint.layer.receive_response(message, source, now_s)
            case Response():
                pass  # §8.1.3.3: a response with more than one Via was misrouted and is discarded

    def _receive_fresh(self, request: Request, source: Hop, now_s: float) -> None:
        """A request that is whole."""
        if not self._stateless.takes(request, source, is_ours=self._is_ours):
            self._endpoint.layer.receive_request(request, source, now_s)

    def _is_ours(self, request: Request) -> bool:
        """Whether the request belongs to a transaction or a dialog of ours. An ACK always goes its way: it is never answered."""
        if request.method == "ACK" or self._endpoint.layer.has(request):
            return True
        is_expected = self._open_desk is not None and self._open_desk.asker(request) is not None
        return request.to_tag is not None and (dialog_id(request) in self._endpoint.dialogs or is_expected)

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A new request, from the transaction layer."""
        request = transaction.request
        owner = None if request.to_tag is None else self._endpoint.dialogs.get(dialog_id(request))
        if owner is None and not self._endpoint.is_server(transaction.source.host):
            transaction.distrust()
        if request.method == "CANCEL":
            self._receive_cancel(transaction, now_s)
            return
        if owner is not None:
            if isinstance(owner, Session) and request.method in DESK_METHODS and self._desk().receive_within(transaction, owner, now_s):
                return
            owner.receive_request(transaction, now_s)
            return
        refused = refusal(self._endpoint.settings, request)
        if refused is None and request.to_tag is not None and self._open_desk is not None and self._open_desk.adopt(transaction, now_s):
            return
        if refused is None and request.to_tag is not None:
            # §12.2.2: a request for a dialog that does not exist is answered 481.
            refused = make_response(request, 481)
        if refused is None and self._endpoint.layer.merged(request, transaction.key):
            # §8.2.2.2: the same request came another way already.
            refused = make_response(request, 482)
        if refused is None and self._admission.wants_proof(request, is_server=self._endpoint.is_server(transaction.source.host)):
            refused = self._admission.prove(request, now_s)
            transaction.is_authenticated = refused is None
            if refused is None:
                transaction.trust()  # the nonce in the proof was sent to where it came from
        if refused is not None:
            transaction.respond(tagged(refused, self._ids.tag()), now_s)
        elif request.method == "INVITE":
            self._receive_invite(transaction, now_s)
        elif request.method in OUTSIDE_METHODS:
            self._desk().receive_request(transaction, self._called_account(transaction), now_s)
        else:
            # §15.1.2: a BYE that belongs to no dialog is answered 481; so is an INFO (RFC 6086 §4.2.2).
            transaction.respond(make_response(request, 481, to_tag=self._ids.tag()), now_s)

    def receive_ack(self, ack: Request, source: Hop, now_s: float) -> None:
        """An ACK that no transaction wants: that of a 2xx, or nobody's (§17: never answered)."""
        owner = self._endpoint.dialogs.get(dialog_id(ack))
        if owner is not None:
            owner.receive_ack(ack, now_s)

    def _receive_cancel(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        cancelled = self._endpoint.layer.cancelled_by(request)
        if cancelled is None:
            # §9.2: nothing to cancel.
            transaction.respond(make_response(request, 481, to_tag=self._ids.tag()), now_s)
            return
        waiting = self._endpoint.unanswered.get(cancelled.key)
        # §9.2: the CANCEL itself is answered 200; it has an effect only before the final response. Both bear one To tag.
        tag = self._ids.tag() if waiting is None else waiting.dialog.local.tag
        transaction.respond(make_response(request, 200, to_tag=tag), now_s)
        if waiting is not None:
            waiting.receive_cancel(request, now_s)

    def _receive_invite(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        if len(self._endpoint.calls) >= self._endpoint.settings.calls_max:
            # §21.5.4: overloaded for the moment.
            busy = make_response(request, 503, to_tag=self._ids.tag(), headers=(("Retry-After", "10"),))
            transaction.respond(busy, now_s)
            self._endpoint.emit(CallTurnedAway(caller=request.from_, is_private=hides_caller(request)))
            return
        takeover = NO_TAKEOVER
        if request.get("Replaces") is not None or request.get("Join") is not None:
            from firmware.sip.usage.takeover import takeover_of

            wanted = takeover_of(self._endpoint, transaction)
            if isinstance(wanted, Response):
                transaction.respond(tagged(wanted, self._ids.tag()), now_s)
                return
            takeover = wanted
        self._incoming_serial += 1
        key = CallKey(f"incoming-{self._incoming_serial}")
        UnansweredCall(self._endpoint, key, transaction, self._called_account(transaction), takeover).begin(now_s)

    def _called_account(self, transaction: ServerTransaction) -> AccountKnowledge | None:
        """The account that an incoming call came over: sent by its servers, or to its user."""
        known = [item for item in self._endpoint.accounts.values() if transaction.source.host in item.hosts]
        user = transaction.request.uri.user
        return next((item for item in known if item.account.aor.user == user), known[0] if known else None)

    # --- commands

    def _invite(self, command: Invite, now_s: float) -> None:
        if command.call in self._endpoint.calls:
            raise LocalProtocolError(f"call key {command.call!r} is in use")
        self._knowledge(command.account)
        call = place(self._endpoint, command, now_s)
        if call is None:
            return
        if self._open_desk is not None:
            self._open_desk.placed(command)
        call.begin(now_s)
        if command.account is not None:
            self._registration(command.account).call_placed(now_s)

    def _desk(self) -> Desk:
        """What happens without a call; imported when it first does."""
        if self._open_desk is None:
            from firmware.sip.usage.desk import Desk

            self._open_desk = Desk(self._endpoint, self)
        return self._open_desk

    def _watch(self, account: AccountName) -> RegistrationWatch:
        """The registrar's word on that account's binding; imported when an account wants it."""
        if account not in self._watches:
            from firmware.sip.usage.registration_watch import RegistrationWatch

            knowledge = self._endpoint.accounts[account]
            self._watches[account] = RegistrationWatch(self._desk(), knowledge, self._registrations[account])
        return self._watches[account]

    def _confer(self, calls: tuple[CallKey, ...], now_s: float) -> None:
        before, self._endpoint.focus = self._endpoint.focus, calls
        for key in [key for key in (*before, *calls) if (key in before) != (key in calls)]:
            leg = self._endpoint.calls.get(key)
            if isinstance(leg, Session) and not leg.is_over:
                # RFC 4579 §5.2: a call that enters or leaves a conference is told so by a target refresh with the new Contact.
                leg.refresher.renew(now_s)
        self._desk().conferred(now_s)

    def _command_desk(self, command: NoticeCommand | Refer, now_s: float) -> None:
        account = None if isinstance(command, Unsubscribe | Unpublish | SetPresence | TellQuality) else command.account
        self._desk().command(command, self._knowledge(account), now_s)

    def resync(self, account: AccountName, now_s: float) -> None:
        """A registrar that asks us to read our settings anew may have moved us as well: register again."""
        self._registration(account).register(now_s)

    def _knowledge(self, account: AccountName | None) -> AccountKnowledge | None:
        if account is not None and account not in self._endpoint.accounts:
            raise LocalProtocolError(f"no account {account!r}")
        return self._endpoint.knowledge(account)

    def _registration(self, account: AccountName) -> Flows:
        if account not in self._registrations:
            raise LocalProtocolError(f"no account {account!r}")
        return self._registrations[account]


def _stamped(request: Request, source: Hop) -> Request:
    """The request with its top Via completed by where it really came from: `received` (§18.2.1) and `rport` (RFC 3581 §4)."""
    via = request.via
    if via.rport is None and via.host == source.host:
        return request
    stamped = via
    if via.rport is not None:
        stamped = via.with_param("rport", str(source.port))
    return request.with_vias((stamped.with_param("received", source.host), *request.vias[1:]))
