"""The address of this one device (RFC 5627), made and resolved by Kamailio's registrar: of two phones of one user only the door rings."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.interop.configured_kamailio import server
from tests.interop.peers import eventually
from tests.interop.station import Station, station

SERVER, DOOR, HOME, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
REGISTRAR = """\
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "gruu_enabled", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) exit;
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (is_method("REGISTER")) {{
        if (!save("location")) sl_reply_error();
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        # RFC 5627 section 5.4: a request within a dialog that bears a GRUU is resolved here, like one outside
        if (!($ru =~ ";gr=")) {{ t_relay(); exit; }}
    }} else {{
        record_route();
    }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"""
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:{user}@{registrar}"
probe_s = "never"
gruu = {gruu}
[incoming]
allow = ["*@*"]
auto_answer = "always"
"""
TARGET = """\
[[target]]
name = "door"
uri = "{uri}"
account = "house"
"""


def register(registrar: str, other: socket.socket) -> None:
    """Another phone of the door's user, which has no instance."""
    host, port = other.getsockname()
    lines = (
        f"REGISTER sip:{registrar} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKother;rport",
        "Max-Forwards: 70",
        f"From: <sip:door@{registrar}>;tag=other",
        f"To: <sip:door@{registrar}>",
        f"Call-ID: other@{host}",
        "CSeq: 1 REGISTER",
        f"Contact: <sip:door@{host}:{port}>;expires=600",
        "Content-Length: 0",
    )
    address, _, number = registrar.partition(":")
    other.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), (address, int(number)))
    assert other.recv(4096).startswith(b"SIP/2.0 200"), "the registrar takes the other phone"


def test_a_call_to_the_gruu_reaches_this_device_alone(tmp_path: Path) -> None:
    with server(tmp_path / "server", SERVER, REGISTRAR) as registrar, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((OTHER, 0))
        other.settimeout(20)
        register(registrar, other)
        config = ACCOUNT.format(user="door", registrar=registrar, gruu="true")
        with station(tmp_path / "door", host=DOOR, config=config) as door:
            eventually(door.registered, what="the door registers", account=door.account)
            gruu = door.ctl("status")["accounts"]["house"]["gruu"]
            assert gruu.startswith(f"sip:door@{SERVER};gr=urn:uuid:"), gruu
            config = ACCOUNT.format(user="resident", registrar=registrar, gruu="false") + TARGET.format(uri=gruu)
            with station(tmp_path / "home", host=HOME, config=config) as home:
                eventually(home.registered, what="the resident registers", account=home.account)
                assert home.ctl("status")["accounts"]["house"]["gruu"] == ""
                call(home, door)
        other.settimeout(0)
        assert nothing_came(other), "the user's other phone heard of the call"


def call(home: Station, door: Station) -> None:
    """A call to the door, moved within its dialog, whose Request-URI is the GRUU again; the door hangs up."""
    home.ctl("call", "door")
    for each in (door, home):
        each.wait_for("Answered")
    assert home.ctl("hold")["status"] == home.ctl("resume")["status"] == 200
    door.ctl("hangup")
    for each in (door, home):
        each.wait_for("CallEnded")


def nothing_came(other: socket.socket) -> bool:
    try:
        return not other.recv(4096)
    except BlockingIOError:
        return True
