"""The whole daemon, its simulated keypad, and the socket of a phone: keys lead through a document to the phone that rings."""

from __future__ import annotations

import io
import signal
import socket
from contextlib import suppress
from pathlib import Path

from firmware.app.control.client import EXIT_OK, control
from firmware.sip.message import Request, parse_message
from tests.app.daemon import Daemon

CONFIG = """
[network]
bind = "127.0.0.1"
sip_port = 0
transports = ["udp"]
[[target]]
name = "meyer"
uri = "sip:meyer@127.0.0.1:{port}"
[[lock]]
name = "gate"
gpio = 5
[[keypad]]
name = "pad"
gpio_rows = [1, 2, 3, 4]
gpio_columns = [7, 8, 9]
lock = "gate"
[[menu]]
name = "flats"
document = "{folder}/flats.vxml"
keypad = "pad"
calls = ["meyer"]
[voicexml]
speech = "{folder}/speech"
recordings = "{folder}/kept"
[users]
path = "{folder}/users.db"
key = "{folder}/users.key"
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control"
"""
# The house's own prompt, so that no other program has to speak.
DOCUMENT = """<vxml version="2.1"><menu><prompt><audio src="prompt:speak"/></prompt><choice dtmf="21" next="#meyer"/></menu>
<form id="meyer"><transfer name="call" dest="portero:meyer"/></form></vxml>"""


def test_keys_of_a_visitor_ring_the_flat_that_they_choose(tmp_path: Path) -> None:
    (tmp_path / "flats.vxml").write_text(DOCUMENT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(0)
        (tmp_path / "portero.toml").write_text(CONFIG.format(folder=tmp_path, port=phone.getsockname()[1]))

        def invited() -> Request | None:
            with suppress(BlockingIOError):
                message = parse_message(phone.recv(65_535))
                return message if isinstance(message, Request) else None
            return None

        def ctl(*words: str) -> str:
            said = io.StringIO()
            assert control(tmp_path / "control", words[0], words[1:], said) == EXIT_OK, said.getvalue()
            return said.getvalue()

        with Daemon(tmp_path) as daemon:
            daemon.until_said("ready on SIP port")
            ctl("sim", "key", "pad", "#")
            daemon.until_said("MenuBegun call=v1 menu=flats keypad=pad")
            ctl("sim", "key", "pad", "21")
            invite = daemon.until(invited, "the flat's phone is rung")
            assert invite is not None
            assert (invite.method, invite.uri.user) == ("INVITE", "meyer")
            daemon.until_said("CallPlaced call=p1.1 press=1 party=meyer")
            assert "Pressed press=1 button=flats" in daemon.log
            assert "calling" in ctl("status")
            daemon.send(signal.SIGTERM)
            assert daemon.exit_code() == 0
