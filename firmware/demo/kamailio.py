"""A real Kamailio as registrar and proxy between door and phone, with everything it needs in one temporary directory.

Digest authentication of every REGISTER and INVITE against accounts given as text, the location table in memory, no database. It listens
on one address of the loopback network, on one free port, over UDP and TCP, and runs in the foreground as a child of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final

from firmware.errors import PorteroError

START_S: Final = 60.0  # Debian's Kamailio answers after 0.3 s on a PC, a busy machine needs many times that; one that dies is told at once
STOP_S: Final = 20.0  # its first process ends the others, and none may be left
ASK_EVERY_S: Final = 0.05

CONFIGURATION: Final = """\
#!KAMAILIO
# Registrar and proxy of one domain: {host}:{port}. Written by Portero; runs from a temporary directory.
debug={debug}
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
server_signature=yes
listen=udp:{host}:{port}
{listen}

loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "sanity.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "htable.so"
loadmodule "auth.so"
loadmodule "nathelper.so"
{modules}

modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 120000)
modparam("rr", "enable_full_lr", 1)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", {min_expires})
modparam("registrar", "max_expires", 3600)
# A phone that was switched off stays registered until its time is over.
modparam("registrar", "max_contacts", 16)
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
modparam("htable", "htable", "secrets=>size=4;")
modparam("auth", "algorithm", "{algorithm}")
modparam("auth", "nonce_expire", {nonce_expires})
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")

# The accounts, as text.
event_route[htable:mod-init] {{
{accounts}
}}

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (!sanity_check("17895", "7")) exit;
    if (is_method("OPTIONS") && uri == myself && $rU == $null) {{
        sl_send_reply("200", "OK");
        exit;
    }}

    force_rport();
    # Whoever came over a connection is reached over that connection, wherever its Contact says it listens.
    if (proto != UDP) {{
        if (is_method("REGISTER")) fix_nated_register();
        else set_contact_alias();
    }}

    if (is_method("CANCEL")) {{
        if (t_check_trans()) route(RELAY);
        exit;
    }}
    if (!is_method("ACK")) {{
        if (t_precheck_trans()) {{
            t_check_trans();
            exit;
        }}
        t_check_trans();
    }}
    if (has_totag()) {{
        route(WITHIN_DIALOG);
        exit;
    }}

    route(AUTHENTICATE);
    if (is_method("REGISTER")) {{
        if (!save("location")) sl_reply_error();
        exit;
    }}
    remove_hf("Route");
    if (is_method("INVITE|SUBSCRIBE")) record_route();
    if ($rU == $null) {{
        sl_send_reply("484", "Address Incomplete");
        exit;
    }}
    if (!lookup("location")) {{
        t_newtran();
        if ($rc == -2) t_reply("405", "Method Not Allowed");
        else t_reply("404", "Not Found");
        exit;
    }}
    route(RELAY);
}}

# Requests inside a dialog follow the route set that record_route laid.
route[WITHIN_DIALOG] {{
    if (loose_route()) {{
        handle_ruri_alias();
        if (is_method("NOTIFY")) record_route();
        route(RELAY);
        exit;
    }}
    if (is_method("ACK")) {{
        if (t_check_trans()) route(RELAY);
        exit;
    }}
    sl_send_reply("404", "Not Here");
}}

route[AUTHENTICATE] {{
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$td", "$sht(secrets=>$au)", "0")) {{
            www_challenge("$td", "1");
            exit;
        }}
        if ($au != $tU) {{
            sl_send_reply("403", "Not Your Account");
            exit;
        }}
    }} else {{
        if (!pv_proxy_authenticate("$fd", "$sht(secrets=>$au)", "0")) {{
            proxy_challenge("$fd", "1");
            exit;
        }}
        if ($au != $fU) {{
            sl_send_reply("403", "Not Your Account");
            exit;
        }}
        # Who has proved to be somebody is vouched for, and nobody else (RFC 3325 §5).
        remove_hf("P-Asserted-Identity");
        append_hf("P-Asserted-Identity: <sip:$au@$fd>\\r\\n");
    }}
    consume_credentials();
}}

route[RELAY] {{
    t_on_reply("ANSWERED");
    if (!t_relay()) sl_reply_error();
}}

onreply_route[ANSWERED] {{
    if (proto != UDP) set_contact_alias();
}}
{routes}
"""

TLS_LISTEN: Final = """\
enable_tls=yes
listen=tls:{host}:{tls_port}"""

TLS_MODULES: Final = """\
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")"""

WEBSOCKET_MODULES: Final = """\
loadmodule "xhttp.so"
loadmodule "websocket.so"
tcp_accept_no_cl=yes"""

# A WebSocket begins as an HTTP request on any of the ports for connections.
WEBSOCKET_ROUTES: Final = """\
event_route[xhttp:request] {
    if ($hdr(Upgrade) =~ "websocket" && $rm =~ "GET" && ws_handle_handshake()) exit;
    xhttp_reply("404", "Not Found", "", "");
}"""


class KamailioError(PorteroError):
    """Kamailio is not installed, did not start or died; the text carries its own last words."""


class KamailioServer:
    """`async with KamailioServer({"door": "secret"}) as pbx:` answers at `pbx.host`:`pbx.port` until the block ends.

    `accounts` maps user names to their secrets. `host` is a numeric loopback address; `port` and `tls_port` 0 take free ones. `algorithm`
    is the digest that it asks for, `MD5` or `SHA-256`. With a `certificate` (the files of it and of its key) it speaks TLS at `tls_port`
    too, and with `websocket` WebSocket at every port for connections; without `tcp` there are none; `sctp` adds that. `stop` and `start`
    again inside the block keep the ports: a restart loses every binding.
    """

    def __init__(
        self,
        accounts: dict[str, str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        algorithm: str = "MD5",
        min_expires_s: int = 10,
        nonce_expires_s: int = 300,
        certificate: tuple[str, str] | None = None,
        websocket: bool = False,
        tcp: bool = True,
        sctp: bool = False,
        debug: int = 0,
    ) -> None:
        assert all(f"{user}{secret}".isalnum() for user, secret in accounts.items()), "the configuration file quotes nothing else"
        self.accounts = accounts
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self.algorithm = algorithm
        self.min_expires_s = min_expires_s
        self.nonce_expires_s = nonce_expires_s
        self.certificate = certificate
        self.websocket = websocket
        self.tcp = tcp
        self.sctp = sctp
        self.debug = debug
        self.version = ""  # such as "kamailio (5.6.3 (x86_64/linux))", as its Server header says
        self._directory: Path | None = None
        self._undo = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> KamailioServer:
        with contextlib.ExitStack() as undo:
            self._directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="portero-kamailio-")))
            await self.start()
            self._undo = undo.pop_all()  # it runs: keep its directory
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
        self._undo.close()

    def log(self) -> str:
        """What it has written so far."""
        path = self._directory / "kamailio.log" if self._directory else None
        return path.read_text(errors="replace") if path and path.exists() else ""

    async def start(self) -> None:
        """Start it and wait until it answers OPTIONS. Raises KamailioError."""
        program = shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise KamailioError("Kamailio is not installed; `apt-get install kamailio` brings it")
        assert self._directory is not None, "start() belongs inside `async with`"
        self.port = self.port or _free_port(self.host)
        if self.certificate is not None:
            self.tls_port = self.tls_port or _free_port(self.host)
        config = self._directory / "kamailio.cfg"
        config.write_text(self.configuration())
        with (self._directory / "kamailio.log").open("ab") as log:
            # -DD: stay in the foreground; 16 MB shared and 4 MB private memory are plenty for two phones.
            self._process = await asyncio.create_subprocess_exec(
                program, "-DD", "-E", "-f", str(config), "-Y", str(self._directory), "-w", str(self._directory), "-m", "16", "-M", "4",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        answering = False
        try:
            async with asyncio.timeout(START_S):
                await self._until_it_answers()
            answering = True
        except TimeoutError:
            raise KamailioError(f"Kamailio did not answer within {START_S:.0f} s:\n{self.log()[-2000:]}") from None
        finally:
            if not answering:
                await self.stop()

    async def stop(self) -> None:
        """Ask it to end, and insist after a while. Allowed in any state."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def configuration(self) -> str:
        """The text of its configuration file."""
        accounts = "\n".join(f'    $sht(secrets=>{user}) = "{secret}";' for user, secret in self.accounts.items())
        listen, modules, routes = [f"listen=tcp:{self.host}:{self.port}" if self.tcp else "disable_tcp=yes"], [], []
        if self.certificate is not None:
            listen.append(TLS_LISTEN.format(host=self.host, tls_port=self.tls_port))
            modules.append(TLS_MODULES.format(certificate=self.certificate[0], key=self.certificate[1]))
        if self.sctp:
            listen.append(f"enable_sctp=yes\nlisten=sctp:{self.host}:{self.port}")
            modules.append('loadmodule "sctp.so"')
        if self.websocket:
            modules.append(WEBSOCKET_MODULES)
            routes.append(WEBSOCKET_ROUTES)
        return CONFIGURATION.format(
            listen="\n".join(listen),
            modules="\n".join(modules),
            routes="\n".join(routes),
            host=self.host,
            port=self.port,
            debug=self.debug,
            algorithm=self.algorithm,
            min_expires=self.min_expires_s,
            nonce_expires=self.nonce_expires_s,
            accounts=accounts,
        )

    async def _until_it_answers(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as ask:
            ask.settimeout(0)  # non-blocking
            ask.bind((self.host, 0))
            ask.connect((self.host, self.port))
            for number in itertools.count():
                assert self._process is not None
                if self._process.returncode is not None:
                    raise KamailioError(f"Kamailio ended at once:\n{self.log()[-2000:]}")
                with contextlib.suppress(OSError, TimeoutError):  # refused while nobody listens yet
                    ask.send(self._question(ask.getsockname()[1], number))
                    async with asyncio.timeout(ASK_EVERY_S):
                        answer = await loop.sock_recv(ask, 2048)
                    self.version = _server_header(answer)
                    return
                await asyncio.sleep(ASK_EVERY_S)

    def _question(self, port: int, number: int) -> bytes:
        here = f"{self.host}:{port}"
        return (
            f"OPTIONS sip:{self.host}:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKup{number}\r\n"
            f"Max-Forwards: 1\r\nFrom: <sip:{here}>;tag=up\r\nTo: <sip:{self.host}:{self.port}>\r\n"
            f"Call-ID: up{number}@{self.host}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode()


def _server_header(answer: bytes) -> str:
    for line in answer.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "server":
            return value.strip()
    return ""


def _free_port(host: str) -> int:
    """A port that is free for UDP and TCP alike at this moment."""
    for _ in range(16):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
            udp.bind((host, 0))
            port: int = udp.getsockname()[1]
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tcp, contextlib.suppress(OSError):
                tcp.bind((host, port))
                return port
    raise KamailioError(f"no free port on {host}")
