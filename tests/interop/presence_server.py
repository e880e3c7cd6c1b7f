"""A Kamailio as presence server: PUBLISH, SUBSCRIBE and MESSAGE without passwords or a database, everything in memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.interop.configured_kamailio import server

CONFIGURATION = """\
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


def presence_server(folder: Path, host: str = "127.0.0.1") -> AbstractContextManager[str]:
    """Run it; its address."""
    return server(folder, host, CONFIGURATION)
