"""The network around a station: pulled cables, dead name servers, servers that come back without memory, addresses that change."""

from __future__ import annotations

from firmware.sip.events import Command, Effect, Input, Locate, Located, NetworkChanged, Send, SendFailed
from tests.sim.network import Node, World

NO_NAMES_AFTER_S = 4.0  # how long a look-up waits for name servers that do not answer
LADDER_MAX = 4000  # messages kept for the ladder of a failing day


class Gone:
    """In place of the agent of a process that was killed: hears nothing, says nothing."""

    def receive(self, event: Input, now_s: float) -> None:
        """Nobody listens."""

    def command(self, command: Command, now_s: float) -> None:
        raise AssertionError("a dead process commands nothing")

    def handle_timer(self, now_s: float) -> None:
        """No timer runs."""

    def next_deadline(self) -> float | None:
        return None

    def take_effects(self) -> tuple[Effect, ...]:
        return ()

    def census(self) -> dict[str, int]:
        return {}


class Town(World):
    """A world whose parts can be cut off. `unplugged` holds hosts without a link, `silent` those that are switched off at the far end."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.unplugged: set[str] = set()
        self.is_nameless = False
        self._due: dict[int, tuple[float, Node]] = {}  # when each node wants to be woken, by its identity

    def flush(self, node: Node) -> None:
        super().flush(node)
        due_s = node.agent.next_deadline()
        if due_s is None:
            self._due.pop(id(node), None)
        else:
            self._due[id(node)] = (due_s, node)

    def _next_timer(self) -> tuple[float | None, Node | None]:
        """As the world's own, without asking every node at every step: a deadline moves only where something has happened."""
        return min(self._due.values(), key=_first, default=(None, None))

    def kill(self, node: Node) -> None:
        """The process behind `node` ends without a word."""
        node.is_down = True
        node.on_event = None
        node.agent = Gone()
        self._due.pop(id(node), None)

    def move(self, node: Node, host: str) -> None:
        """A new lease: the node has another address from now on, and its system says so."""
        del self.nodes[node.host]
        node.host = host
        self.nodes[host] = node
        self.feed(node, NetworkChanged())

    def unplug(self, node: Node) -> None:
        """The cable is pulled; the system takes the address away."""
        self.unplugged.add(node.host)
        self.feed(node, NetworkChanged())

    def plug(self, node: Node) -> None:
        """The cable is back, and with it the address."""
        self.unplugged.discard(node.host)
        self.feed(node, NetworkChanged())

    def forget(self) -> None:
        """A quiet moment: what was noted of the past is not needed any more."""
        self.ladder.clear()
        for node in self.nodes.values():
            node.events.clear()

    def _locate(self, node: Node, locate: Locate) -> Located:
        is_name = locate.uri.host in self.names
        if is_name and (self.is_nameless or node.host in self.unplugged):
            return Located(query=locate.query, hops=(), failure="no name server answers")
        return super()._locate(node, locate)

    def _answer(self, node: Node, located: Located) -> None:
        if located.hops:
            super()._answer(node, located)
        else:
            self.at(NO_NAMES_AFTER_S, lambda: self.feed(node, located))

    def _send(self, node: Node, send: Send) -> None:
        if node.is_down:
            return
        if len(self.ladder) > LADDER_MAX:
            del self.ladder[: LADDER_MAX // 2]
        if node.host in self.unplugged:
            failed = SendFailed(hop=send.hop, reason="network is unreachable")
            self.at(0.0005, lambda: self.feed(node, failed))
        elif send.hop.host in self.unplugged:
            return
        else:
            super()._send(node, send)


def _first(due: tuple[float, Node]) -> float:
    return due[0]
