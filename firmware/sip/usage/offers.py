"""Offers of ours inside a session: one at a time, in the order in which they were wanted, and anew after a collision (RFC 3261 §14.1)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from firmware.sdp.direction import Direction
from firmware.sdp.media_session import LocalMedia
from firmware.sip.events import RequestDone
from firmware.sip.message import Response
from firmware.sip.usage.negotiation import Task
from firmware.sip.usage.reinvite import Reinvitation
from firmware.sip.usage.session_state import STABLE, Answering, Colliding, Offering, Stable
from firmware.sip.usage.update import Updating

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session

TASKS_MAX = 4  # hold, resume, hold … pressed faster than the network answers; more would only be out of date
COLLISIONS_MAX = 10  # in a row: half a minute, in which an honest offer of the other side has been answered or has timed out


class Offers:
    """Those of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tasks: deque[Task] = deque()
        self._collisions = 0  # in a row

    # --- what the program asks for

    def hold(self, now_s: float) -> None:
        """RFC 3264 §8.4: hold is an offer of sendonly, or of inactive where nothing was sent anyhow."""
        held = Direction.SENDONLY if self._session.negotiation.usual.sends else Direction.INACTIVE
        self.want(Task(direction=held), now_s)

    def resume(self, now_s: float) -> None:
        """Offer again what was before the hold: both directions, or the only one that the call has."""
        self.want(Task(direction=self._session.negotiation.usual), now_s)

    def reinvite(self, media: LocalMedia | None, now_s: float) -> None:
        """Offer anew, with other media or with the same."""
        self.want(Task(media), now_s)

    def update(self, media: LocalMedia | None, now_s: float) -> None:
        """The same by UPDATE. RFC 3311 §5.1 prefers the re-INVITE where a person may have to decide; else this is quicker."""
        session = self._session
        if session.peer_allows_update:
            self.want(Task(media, method="UPDATE"), now_s)
        else:
            session.endpoint.emit(RequestDone(call=session.key, method="UPDATE", status=500))

    def want(self, task: Task, now_s: float) -> None:
        """Offer as soon as nothing else is in progress."""
        match self._session.state:
            case Stable():
                self._begin(task, now_s)
            case Offering() | Answering() | Colliding() if len(self._tasks) < TASKS_MAX:
                # §14.1: no new INVITE while another one is in progress in either direction.
                self._tasks.append(task)
            case _:
                self._tell(task, 500)

    # --- one after the other

    def go_on(self, now_s: float) -> None:
        """Nothing is in progress any more: the next one has its turn."""
        if self._tasks:
            self._begin(self._tasks.popleft(), now_s)

    def overtaken(self, task: Task) -> None:
        """The other side has offered while this one waited after a collision: it waits for that as well."""
        self._session.endpoint.timers.clear(self, "collision")
        self._tasks.appendleft(task)

    def done(self, task: Task, status: int, response: Response | None, now_s: float) -> bool:
        """A re-INVITE or UPDATE of ours has this outcome; False when it comes again: it has collided with theirs (491), or
        wants another session timer (422)."""
        session = self._session
        if status == 491 and self._collisions < COLLISIONS_MAX:
            self._collisions += 1
            # §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other side 0 to 2 s, in units of 10 ms.
            chance = session.endpoint.ids.fraction()
            wait_s = 2.1 + round(chance * 190) / 100 if session.dialog.is_caller else round(chance * 200) / 100
            session.state = Colliding(task)
            session.endpoint.timers.set(self, "collision", now_s + wait_s)
            return False
        self._collisions = 0
        session.state = STABLE
        if session.refresher.rises(status, response):
            self._begin(task, now_s)
            return False
        self._tell(task, status)
        if 200 <= status < 300:
            session.tell_media()
        session.refresher.heard(status, response, now_s)
        return True

    def handle_timer(self, name: str, now_s: float) -> None:
        """The random wait after a collision is over."""
        assert name == "collision", name
        if isinstance(self._session.state, Colliding):
            self._begin(self._session.state.task, now_s)

    def conclude(self) -> None:
        """The dialog ends: see ClientRequest.conclude."""
        if isinstance(self._session.state, Offering):
            self._session.state.carrier.conclude()
        self._session.endpoint.timers.clear(self, "collision")

    def close(self) -> None:
        """The call has ended, and with it what was still wanted."""
        for task in self._tasks:
            self._tell(task, 500)
        self._tasks.clear()

    def _begin(self, task: Task, now_s: float) -> None:
        carrier = Updating(self._session, task) if task.method == "UPDATE" else Reinvitation(self._session, task)
        self._session.state = Offering(carrier)
        carrier.begin(now_s)

    def _tell(self, task: Task, status: int) -> None:
        if not task.is_renewal:
            self._session.endpoint.emit(RequestDone(call=self._session.key, method=task.method, status=status))
