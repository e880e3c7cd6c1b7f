"""A Kamailio as presence server: PUBLISH, SUBSCRIBE and MESSAGE without passwords or a database, everything in memory."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.interop.peers import eventually, free_port, process

CONFIGURATION = """\
#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
loadmodule "kex.so"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("usrloc", "db_mode", 0)
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
modparam("presence", "server_address", "sip:{host}:{port}")
modparam("presence", "notifier_processes", 0)
modparam("presence_xml", "force_active", 1)
modparam("presence_xml", "integrated_xcap_server", 0)

request_route {{
    if (!mf_process_maxfwd_header("10")) exit;
    force_rport();
    if (has_totag()) {{
        if (is_method("SUBSCRIBE")) {{ handle_subscribe(); exit; }}
        if (loose_route()) t_relay();
        else if (is_method("NOTIFY|BYE|ACK")) t_relay();
        exit;
    }}
    if (is_method("REGISTER")) {{ save("location"); exit; }}
    if (is_method("PUBLISH")) {{ handle_publish(); exit; }}
    if (is_method("SUBSCRIBE") && $hdr(Event) == "presence") {{ handle_subscribe(); exit; }}
    record_route();
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"""


@contextlib.contextmanager
def presence_server(folder: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Run it; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(host)
    (folder / "kamailio.cfg").write_text(CONFIGURATION.format(host=host, port=port))
    program = shutil.which("kamailio") or "/usr/sbin/kamailio"
    files = ["-w", str(folder), "-Y", str(folder), "-P", str(folder / "pid"), "-f", str(folder / "kamailio.cfg")]
    command = [program, "-DD", "-E", "-m", "32", *files]
    with process(command, log=folder / "log") as server:

        def answers() -> bool:
            assert server.poll() is None, (folder / "log").read_text(errors="replace")
            with contextlib.suppress(OSError), socket.socket() as connection:
                connection.connect((host, port))
                return True
            return False

        eventually(answers, within_s=10, what="Kamailio listens", account=lambda: (folder / "log").read_text(errors="replace"))
        yield f"{host}:{port}"
