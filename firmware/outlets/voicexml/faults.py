"""What goes wrong in a document: when it is read (`DocumentError`), and while it runs (`Thrown`, an event that a catch may take)."""

from __future__ import annotations

from firmware.errors import PorteroError

BAD_FETCH = "error.badfetch"
SEMANTIC = "error.semantic"
UNSUPPORTED = "error.unsupported."  # and the element
UNSUPPORTED_OBJECT = "error.unsupported.objectname"
NO_AUTHORIZATION = "error.connection.noauthorization"
BAD_DESTINATION = "error.connection.baddestination"
NO_INPUT, NO_MATCH, HELP, CANCEL, EXIT = "noinput", "nomatch", "help", "cancel", "exit"
HANG_UP = "connection.disconnect.hangup"
TRANSFERRED = "connection.disconnect.transfer"


class DocumentError(PorteroError):
    """A document that is no VoiceXML, or more than is taken. The text names line and element; `line` 0 is the whole."""

    def __init__(self, line: int, element: str, wrong: str) -> None:
        where = f"line {line}, <{element}>: " if line else ""
        super().__init__(where + wrong)
        self.line = line


class Thrown(PorteroError):  # noqa: N818 - the recommendation's word: an event is thrown, and need be no error
    """An event (VoiceXML 2.0 §5.2). `message` is one sentence for the log and for `_message`."""

    def __init__(self, event: str, message: str = "") -> None:
        super().__init__(f"{event}: {message}" if message else event)
        self.event = event
        self.message = message
