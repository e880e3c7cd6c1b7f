"""The event package `dialog`: our calls as lamps on other phones show them (RFC 4235).

It hears of calls from the same events as the program. Call-ID and tags are left out on purpose: with them a watcher could take the call
(RFC 3891); who may do that is decided elsewhere. The document's own module is imported when the first one is written.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.sip.events import CallAnswered, CallEnded, CallKey, CallProgress, Effect, EndCause, IncomingCall, Invite
from firmware.sip.headers import NameAddr

ENDED_MAX = 16  # calls that are over and whose end somebody may not have heard of; all who watch hear of it within seconds


class Line(NamedTuple):
    """One call: what RFC 4235 §4.1 calls a dialog, with the words of that section; `serial` tells when it last changed."""

    serial: int
    id: str
    state: str
    direction: str
    remote: NameAddr
    event: str | None = None
    code: int | None = None


_EVENTS = {
    EndCause.LOCAL: "local-bye",
    EndCause.REMOTE: "remote-bye",
    EndCause.REFUSED: "rejected",
    EndCause.TIMEOUT: "timeout",
    EndCause.UNREACHABLE: "error",
    EndCause.INCOMPATIBLE: "error",
    EndCause.FAILED: "error",
    EndCause.REPLACED: "replaced",
}


class DialogState:
    """Every call of the agent, and the last few that were. Bounded by the agent's own limit of calls."""

    name = "dialog"
    content_type = "application/dialog-info+xml"
    gap_s = 1.0  # §3.10: not more than one NOTIFY a second

    def __init__(self) -> None:
        self._lines: dict[CallKey, Line] = {}
        self._serial = 0
        self._number = 0

    @property
    def serial(self) -> int:
        """Rises with each change."""
        return self._serial

    @property
    def in_call(self) -> bool:
        """Whether any call is answered."""
        return any(line.state == "confirmed" for line in self._lines.values())

    def placed(self, command: Invite) -> None:
        """We place a call (§3.7.1: trying)."""
        self._begin(command.call, "trying", "initiator", NameAddr(command.display_name, command.target))

    def heard(self, event: Effect) -> None:
        """Take one event of the agent; what is not about a call changes nothing."""
        match event:
            case IncomingCall(call=call, caller=caller):
                self._begin(call, "early", "recipient", caller)
            case CallProgress(call=call):
                # §3.7.1: with a To tag early, without one proceeding, which no lamp tells apart.
                self._move(call, "early")
            case CallAnswered(call=call, remote=remote):
                if call not in self._lines:
                    self._begin(call, "confirmed", "initiator", remote)  # a call that began by a transfer
                self._move(call, "confirmed")
            case CallEnded(call=call, cause=cause, status=status):
                self._end(call, cause, status)
            case _:
                pass

    def document(self, entity: str, version: int, since: int | None) -> bytes:
        """§4.1: full for a new or refreshed subscription, else partial: what changed since. What has ended is not told anew."""
        from firmware.sip.body import dialog_info

        told = [line for line in self._lines.values() if (line.state != "terminated" if since is None else line.serial > since)]
        entries = [
            dialog_info.DialogEntry(
                id=line.id,
                state=line.state,
                event=line.event,
                code=line.code,
                direction=line.direction,
                remote=dialog_info.Participant(identity=str(line.remote.uri.without_headers()), display=line.remote.display),
            )
            for line in told
        ]
        state = dialog_info.FULL if since is None else dialog_info.PARTIAL
        return dialog_info.encode(dialog_info.DialogInfo(version, state, entity, tuple(entries)))

    def _begin(self, call: CallKey, state: str, direction: str, remote: NameAddr) -> None:
        self._number += 1
        self._put(call, Line(0, f"call{self._number}", state, direction, remote))

    def _move(self, call: CallKey, state: str) -> None:
        line = self._lines.get(call)
        if line is not None and line.state not in (state, "terminated"):
            self._put(call, line._replace(state=state))

    def _end(self, call: CallKey, cause: EndCause, status: int) -> None:
        line = self._lines.get(call)
        if line is None or line.state == "terminated":
            return
        was_up = line.state == "confirmed"
        event = "cancelled" if not was_up and cause in (EndCause.LOCAL, EndCause.REMOTE) else _EVENTS[cause]
        code = status if 300 <= status <= 699 and not was_up else None
        self._put(call, line._replace(state="terminated", event=event, code=code))
        ended = [key for key, each in self._lines.items() if each.state == "terminated"]
        for key in ended[:-ENDED_MAX]:
            del self._lines[key]

    def _put(self, call: CallKey, line: Line) -> None:
        self._serial += 1
        self._lines.pop(call, None)  # the newest last, so that the oldest of those that ended goes first
        self._lines[call] = line._replace(serial=self._serial)
