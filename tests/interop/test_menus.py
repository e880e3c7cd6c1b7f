"""Spoken menus with baresip as the resident's phone, and a web server of our own that has the document, a sound, and takes a form."""

from __future__ import annotations

import contextlib
import threading
from array import array
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tests.interop.baresip import Baresip, baresip
from tests.interop.hearing import best_likeness, likeness, samples
from tests.interop.kamailio import SECRET, kamailio
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import Station, station

SPEECH = Path(__file__).resolve().parents[2] / "firmware" / "demo" / "speech"
PROMPT, STREET = SPEECH / "visitor.wav", SPEECH / "resident.wav"
HEARD, STRANGE = 0.6, 0.4  # as in the calls without a menu
RESIDENT = "resident@127.0.0.1"
CONFIG = """\
[[account]]
name = "house"
uri = "sip:door@{server}"
password = "{secret}"
trust_identity = true
[incoming]
allow = ["resident@127.0.0.1"]
may_open = true
[voicexml]
speech = "{folder}/speech"
recordings = "{folder}/kept"
[[menu]]
name = "house"
document = "{document}"
callers = ["resident@127.0.0.1"]
{opens}
[call]
hangup_after_open_s = "never"
"""
FIRST = b"""<vxml version="2.1"><menu><prompt><audio src="prompt.wav">A sound is missing.</audio></prompt>
<choice dtmf="1" next="#code"/></menu><form id="code"><field name="digits" type="digits?length=4"/>
<object name="door" classid="portero:open"><param name="lock" value="street"/><param name="code" expr="digits"/></object>
<block><submit next="done" method="post" namelist="door"/></block></form></vxml>"""
LAST = b'<vxml version="2.1"><form><transfer name="t" dest="portero:panel"/></form></vxml>'


@contextlib.contextmanager
def web() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """Its address, and what it was asked, with the fields of a form."""
    asked: list[tuple[str, dict[str, str]]] = []
    pages = {"/first": FIRST, "/prompt.wav": PROMPT.read_bytes(), "/done": LAST}

    class Pages(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            asked.append((f"{self.command} {self.path}", dict(parse_qsl(form))))
            self.send_response(200)
            self.send_header("Content-Length", str(len(pages[self.path])))
            self.end_headers()
            self.wfile.write(pages[self.path])

        do_GET = do_POST = _answer  # noqa: N815 -- names of the library

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def at_home(tmp_path: Path, document: str, opens: str = "") -> Iterator[tuple[Station, Baresip]]:
    """A door and a resident's phone at one server, which vouches for whoever has proved a password to it; the phone has called."""
    sound = ("--microphone", str(STREET), "--speaker", str(tmp_path / "speaker.wav"))
    with kamailio() as server:
        account = f"<sip:resident@{server.address}>;auth_user=resident;auth_pass={SECRET};regint=60"
        config = CONFIG.format(server=server.address, secret=SECRET, folder=tmp_path, document=document, opens=opens)
        with (
            baresip(tmp_path / "phone", host="127.0.0.3", speech=STREET, account=account) as phone,
            station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound) as door,
        ):
            phone.wait_for("200 OK")
            eventually(door.registered, what="the door registers", account=door.account)
            phone.command("dial", f"sip:door@{server.address}")
            assert door.wait_for("Answered")["menu"] == "house"
            yield door, phone
            door.process.terminate()  # the speaker's recording is complete when the daemon has ended
            door.process.wait(PATIENCE_S)


@pytest.mark.matrix("baresip", "call in", "digits")
def test_a_resident_is_led_through_a_menu_of_a_server_to_the_opened_door_and_the_panel(tmp_path: Path) -> None:
    with web() as (address, asked), at_home(tmp_path, f"{address}/first") as (door, phone):
        door.wait_for("SoundEnded", within_s=PATIENCE_S)
        phone.press_keys("17305#")  # baresip lets a key go when the next is pressed
        assert (door.wait_for("Unlocked")["grant"], door.wait_for("Unlocked")["who"]) == ("code", "residents")
        door.wait_for("RelayMoved", closed=True)
        door.wait_for("Admitted", party=RESIDENT)
        door.ctl("hangup")
        phone.wait_for("terminated")
    assert asked == [("GET /first", {}), ("GET /prompt.wav", {}), ("POST /done", {"door": "opened"})]
    assert best_likeness(PROMPT, phone.heard(), from_s=1) > HEARD
    assert likeness(STREET, phone.heard(), from_s=1) < STRANGE, "the street is not heard in a menu"


@pytest.mark.matrix("baresip", "call in", "digits")
def test_one_key_opens_for_who_has_proved_his_name_and_the_panel_stays_silent(tmp_path: Path) -> None:
    document = tmp_path / "menu.vxml"
    document.write_text(
        """<vxml version="2.1"><form><field name="go" type="digits?length=1"><prompt>Press one to open the door.</prompt></field>
        <object name="door" classid="portero:open"><param name="lock" value="street"/></object>
        <record name="word" maxtime="2s"/><block><exit/></block></form></vxml>"""
    )
    with at_home(tmp_path, str(document), 'opens = ["street"]') as (door, phone):
        door.wait_for("SoundEnded", within_s=PATIENCE_S)
        phone.press_keys("1#")
        assert (door.wait_for("Unlocked")["grant"], door.wait_for("Unlocked")["who"]) == ("menu", "house")
        assert door.wait_for("CallEnded")["reason"] == "hung_up"
    assert loudest(phone.heard()) > 3000, "the words of the menu"
    assert loudest(tmp_path / "kept" / "word.wav") > 3000, "what the resident has said"
    assert not any(door_heard(tmp_path / "speaker.wav")), "of which nothing was heard at the door"


def loudest(file: Path) -> int:
    return max(samples(file))


def door_heard(file: Path) -> array[int]:
    """What the panel played before the lock opened, with which it sounds."""
    return samples(file)[: 8000 // 2]
