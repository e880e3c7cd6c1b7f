"""A PN532 at the far end of the line, as its manual describes it: asleep until woken, one command at a time, an aborting ACK.

Written from the manual and not from the decoder: whole frames only, for it is spoken to by us alone.
"""

from __future__ import annotations

ACK = bytes.fromhex("0000FF00FF00")


def answer(payload: bytes) -> bytes:
    """A frame from the chip."""
    body = b"\xd5" + payload
    return b"\x00\x00\xff" + bytes((len(body), 256 - len(body))) + body + bytes((-sum(body) % 256, 0))


def target(number: bytes, ats: bytes = b"") -> bytes:
    """The answer of InListPassiveTarget with one card."""
    return answer(b"\x4b\x01\x01\x00\x04\x08" + bytes((len(number),)) + number + ats)


class Chip:
    """`hear` what the host sends and answer; `show` and `take_away` a card."""

    def __init__(self) -> None:
        self.powered = True
        self.awake = False
        self.card: bytes | None = None
        self.selected = False  # a card that was found is not found again before the field was off
        self.searching = False
        self.commands: list[bytes] = []

    def show(self, number: bytes) -> bytes:
        self.card, self.selected = number, False
        return self._find()

    def take_away(self) -> None:
        self.card = None

    def hear(self, data: bytes) -> bytes:
        if not self.powered:
            return b""
        said = b""
        while data:
            if data.startswith(ACK):
                self.searching = False
                data = data[len(ACK) :]
            elif data.startswith(b"\x55\x55"):
                self.awake, data = True, data[2:]
            elif not data.strip(b"\x00"):
                data = b""  # preamble; its frame follows
            else:
                data = b"\x00\x00" + data.lstrip(b"\x00")
                size = data[3]
                assert data[:3] == b"\x00\x00\xff"
                assert (data[3] + data[4]) % 256 == 0
                assert sum(data[5 : 6 + size]) % 256 == 0
                said += self._obey(data[6 : 5 + size])
                data = data[7 + size :]
        return said

    def _obey(self, command: bytes) -> bytes:
        if not self.awake:
            return b""
        self.commands.append(command)
        self.searching = False
        match command[0]:
            case 0x14:
                return ACK + answer(b"\x15")
            case 0x32:
                if command == b"\x32\x01\x00":
                    self.selected = False
                return ACK + answer(b"\x33")
            case 0x4A:
                self.searching = True
                return ACK + self._find()
            case _:
                return ACK + bytes.fromhex("0000FF01FF7F8100")

    def _find(self) -> bytes:
        if not self.searching or self.card is None or self.selected:
            return b""
        self.searching, self.selected = False, True
        return target(self.card)
