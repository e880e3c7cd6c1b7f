"""A house with a web server, asked over the loopback by http.client as any client would."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from firmware.app.outlets.web import WebOutlet
from firmware.config.schema import Login, Settings, Users, Web
from firmware.config.secrets import Secret
from firmware.outlets.logins import new_token, password_proof
from tests.app.house import House, house, settings

LIMIT_S = 60.0
PASSWORD = "correct horse battery"
OPENER, OPENER_PROOF = new_token()
WATCHER, WATCHER_PROOF = new_token()
KEEPER, KEEPER_PROOF = new_token()
LOGINS = (
    Login(name="anna", proof=Secret(password_proof(PASSWORD)), may=("see", "ring", "open")),
    Login(name="hass", proof=Secret(OPENER_PROOF), may=("see", "ring", "open")),
    Login(name="office", proof=Secret(KEEPER_PROOF), may=("users",)),
    Login(name="grafana", proof=Secret(WATCHER_PROOF), may=("see",)),
)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """Asks one server. `cookie` is sent once a reply has set it."""

    def __init__(self, port: int, trusted: Path | None = None) -> None:
        self._port = port
        self._trusted = trusted
        self.cookie = ""

    async def ask(self, method: str, path: str, body: bytes | None = None, *, token: str = "", **headers: str) -> Reply:
        """One request on a connection of its own; underscores in names of headers become hyphens."""
        return await asyncio.to_thread(self._asked, method, path, body, token, headers)

    async def post(self, path: str, token: str = "", **value: str) -> Reply:
        return await self.ask("POST", path, json.dumps(value).encode(), token=token, Content_Type="application/json")

    async def form(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Reply:
        encoded = urlencode(fields).encode()
        return await self.ask("POST", path, encoded, Content_Type="application/x-www-form-urlencoded", **(headers or {}))

    async def log_in(self, name: str = "anna", password: str = PASSWORD) -> Reply:
        reply = await self.form("/login", name=name, password=password)
        self.cookie = reply.headers.get("set-cookie", "").partition(";")[0]
        return reply

    def _asked(self, method: str, path: str, body: bytes | None, token: str, headers: dict[str, str]) -> Reply:
        connection = self._connection()
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if token:
                sent["Authorization"] = f"Bearer {token}"
            if self.cookie:
                sent["Cookie"] = self.cookie
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._trusted is None:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT_S)
        context = ssl.create_default_context(cafile=str(self._trusted))
        context.check_hostname = False  # it names portero.local, and we ask at 127.0.0.1
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=LIMIT_S, context=context)


class Served(NamedTuple):
    """The house, its web server, and a client."""

    house: House
    outlet: WebOutlet
    client: Client


def web_settings(folder: Path, **changes: object) -> Web:
    plain = Web(enabled=True, bind="127.0.0.1", port=0, tls=False, logins=str(folder / "logins"))
    return plain._replace(**changes)  # type: ignore[arg-type]  # fields of Web, by whoever calls


@asynccontextmanager
async def served(folder: Path, wanted: Settings | None = None, web: Web | None = None) -> AsyncIterator[Served]:
    """A house without phones, or with `wanted` settings, and its web server."""
    web = web or web_settings(folder)
    users = Users(path=str(folder / "users.db"), key=str(folder / "users.key"))
    base = (wanted or settings(folder))._replace(web=web, users=users)
    async with house(base if base.login else base._replace(login=LOGINS)) as lived:
        outlet = WebOutlet(lived.station)
        await outlet.start()
        assert outlet.server is not None
        try:
            trusted = Path(web.logins).with_name("web.pem") if web.tls else None
            yield Served(lived, outlet, Client(outlet.server.port, trusted))
        finally:
            await outlet.close()
