"""A Kamailio that keeps flows (RFC 5626), and edge proxies before it (RFC 3327) that answer STUN."""

from __future__ import annotations

FLOWS = """\
loadmodule "stun.so"
loadmodule "outbound.so"
loadmodule "path.so"
"""
REGISTRAR = (
    FLOWS
    + """\
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
)
EDGE = (
    FLOWS
    + """\
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
)
