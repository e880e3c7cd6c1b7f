"""A Kamailio that keeps flows (RFC 5626), and edge proxies before it (RFC 3327) that answer STUN."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.interop.peers import eventually, free_port, process

COMMON = """\
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
loadmodule "stun.so"
loadmodule "outbound.so"
loadmodule "path.so"
"""
REGISTRAR = """\
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 0)
modparam("registrar", "outbound_mode", 1)
modparam("registrar", "flow_timer", 20)
request_route {{
    if (!mf_process_maxfwd_header("10")) exit;
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route() || is_method("ACK|BYE")) t_relay();
        exit;
    }}
    if (is_method("REGISTER")) {{
        append_to_reply("Service-Route: <sip:{host}:{port};lr>\\r\\n");
        if (!save("location")) sl_reply_error();
        exit;
    }}
    loose_route();
    record_route();
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"""
EDGE = """\
request_route {{
    if (!mf_process_maxfwd_header("10")) exit;
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (is_method("REGISTER")) {{
        remove_hf("Route");
        add_path();
        $du = "sip:{registrar}";
        t_relay();
        exit;
    }}
    if (loose_route()) {{
        if (!has_totag()) record_route();
        t_relay();
        exit;
    }}
    sl_send_reply("403", "Forbidden");
}}
"""


@contextlib.contextmanager
def server(folder: Path, host: str, routes: str, **values: str) -> Iterator[str]:
    """Run one; its address."""
    folder.mkdir(parents=True)
    port = free_port(host)
    (folder / "kamailio.cfg").write_text((COMMON + routes).format(host=host, port=port, **values))
    program = shutil.which("kamailio") or "/usr/sbin/kamailio"
    files = ["-w", str(folder), "-Y", str(folder), "-P", str(folder / "pid"), "-f", str(folder / "kamailio.cfg")]
    with process([program, "-DD", "-E", "-m", "32", *files], log=folder / "log") as running:

        def answers() -> bool:
            assert running.poll() is None, (folder / "log").read_text(errors="replace")
            with contextlib.suppress(OSError), socket.socket() as connection:
                connection.connect((host, port))
                return True
            return False

        eventually(answers, within_s=20, what="Kamailio listens", account=lambda: (folder / "log").read_text(errors="replace"))
        yield f"{host}:{port}"
