"""The web page as a browser uses it: no default password, logging in and out, forms from elsewhere, guessing, strangers' names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from html.parser import HTMLParser
from pathlib import Path

import pytest

from firmware.config.schema import Access, Flat, Flats, Keypad, Login, Target
from firmware.config.secrets import Secret
from firmware.door import events as door
from firmware.outlets.logins import Login as Known
from firmware.outlets.logins import May, password_proof
from firmware.outlets.web.sessions import IDLE_S_MAX, LIFE_S_MAX, SESSIONS_MAX, Sessions
from tests.app.house import settings
from tests.outlets.asking import LOGINS, OPENER_PROOF, PASSWORD, Served, served

Scenario = Callable[[Served], Coroutine[None, None, None]]
WATCHING = Login(name="guest", proof=Secret(password_proof(PASSWORD)), may=("see",))


def with_page(tmp_path: Path, scenario: Scenario, *logins: Login, access: Access | None = None, targets: tuple[Target, ...] = ()) -> None:
    async def run() -> None:
        wanted = settings(tmp_path)._replace(login=logins or LOGINS, access=access or Access(), target=targets)
        async with served(tmp_path, wanted) as there:
            await scenario(there)

    asyncio.run(run())


class Outline(HTMLParser):
    """Elements that must be closed are, and every field has its label."""

    VOID = frozenset({"meta", "link", "input", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.buttons: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input" and dict(attrs).get("type") != "hidden":
            assert "label" in self.open, "a field without a label"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "button":
            self.buttons.append(data)


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def page_of(there: Served) -> str:
    reply = await there.client.ask("GET", "/")
    assert reply.status == 200
    return reply.text


def test_flats_are_rung_by_their_number_and_offered_with_their_names(tmp_path: Path) -> None:
    pad = Keypad(name="pad", gpio_rows=(12, 16, 20, 21), gpio_columns=(13, 19, 26), lock="gate")

    async def run() -> None:
        flats = (Flat(number="12", name="<Weber>", targets=("sip:12@127.0.0.1:9",)),)
        wanted = settings(tmp_path)._replace(login=LOGINS, keypad=(pad,), flats=Flats(keypads=("pad",)), flat=flats)
        async with served(tmp_path, wanted) as there:
            await there.client.log_in()
            page = await page_of(there)
            Outline(page)
            assert '<option value="12">&lt;Weber&gt;</option>' in page
            assert (await there.client.form("/flat", key=key_of(page), name="12")).status == 303
            await there.house.until(door.PressEnded)
            assert "A flat was rung at pad: 12 &lt;Weber&gt;" in await page_of(there)
            assert (await there.client.form("/flat", key=key_of(page), name="13")).status == 409

    asyncio.run(run())


def test_without_a_password_nobody_comes_in_and_the_page_says_how_to_set_one(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        for path in ("/", "/login", "/events"):
            reply = await there.client.ask("GET", path)
            assert (reply.status, "portero logins password" in reply.text) == (503, True)
        assert (await there.client.form("/login", name="hass", password="")).status == 503

    with_page(tmp_path, scenario, Login(name="hass", proof=Secret(OPENER_PROOF), may=("open",)))


def test_somebody_logs_in_opens_and_logs_out(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        assert (await there.client.ask("GET", "/")).headers["location"] == "/login"
        Outline((await there.client.ask("GET", "/login")).text)
        reply = await there.client.log_in()
        cookie = reply.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        page = await page_of(there)
        assert "Open gate" in Outline(page).buttons
        reply = await there.client.form("/lock", key=key_of(page), name="gate", do="open")
        assert (reply.status, reply.headers["location"]) == (303, "/")
        (unlocked,) = there.house.of(door.Unlocked)
        assert isinstance(unlocked, door.Unlocked)
        assert (unlocked.who, unlocked.grant) == ("web anna", door.Grant.OPERATOR)
        assert "web anna" in await page_of(there)
        assert (await there.client.form("/logout", key=key_of(page))).headers["location"] == "/login"
        assert (await there.client.ask("GET", "/")).status == 303

    with_page(tmp_path, scenario)


def test_a_form_of_another_site_opens_nothing(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        await there.client.log_in()
        key = key_of(await page_of(there))
        assert (await there.client.form("/lock", name="gate", do="open")).status == 403
        assert (await there.client.form("/lock", key="guessed", name="gate", do="open")).status == 403
        foreign = {"Origin": "https://evil.example"}
        assert (await there.client.form("/lock", foreign, key=key, name="gate", do="open")).status == 403
        assert (await there.client.form("/login", foreign, name="anna", password=PASSWORD)).status == 403
        assert (await there.client.form("/lock", {"Sec-Fetch-Site": "cross-site"}, key=key, name="gate", do="open")).status == 403
        assert there.house.of(door.Unlocked) == []
        assert not there.house.board.relay("gate").closed

    with_page(tmp_path, scenario)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://door.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://door.example", "Host": "door.example"},
        {"Origin": "http://door.example", "Host": "door.example"},
    ],
)
def test_a_form_of_ours_is_taken_however_the_browser_and_a_proxy_tell_of_it(tmp_path: Path, headers: dict[str, str]) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.form("/login", headers, name="anna", password=PASSWORD)
        assert (reply.status, reply.headers["location"]) == (303, "/")

    with_page(tmp_path, scenario)


def test_the_page_lets_browsers_tell_where_its_forms_come_from(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.ask("GET", "/login")
        assert reply.headers["referrer-policy"] == "same-origin"

    with_page(tmp_path, scenario)


def test_who_may_only_see_is_shown_no_button_and_refused(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        await there.client.log_in("guest")
        page = await page_of(there)
        assert Outline(page).buttons == ["Log out guest"]
        reply = await there.client.form("/lock", key=key_of(page), name="gate", do="open")
        assert (reply.status, "may not open" in reply.text) == (403, True)

    with_page(tmp_path, scenario, WATCHING)


def test_whoever_guesses_is_locked_out_and_journalled_and_the_right_password_does_not_help_then(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        for _ in range(3):
            assert (await there.client.log_in(password="password1234")).status == 403
        reply = await there.client.log_in()
        assert reply.status == 429
        assert int(reply.headers["retry-after"]) > 0
        await there.house.until(door.LoginRefused, times=3)
        refused = there.house.of(door.LoginRefused)
        assert refused[0] == door.LoginRefused(outlet="web", who="anna", source="127.0.0.1", lockout_s=0.0)
        assert isinstance(refused[2], door.LoginRefused)
        assert refused[2].lockout_s > 0

    with_page(tmp_path, scenario, access=Access(wrong_limit=3))


def test_the_page_speaks_the_language_of_the_browser(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.ask("GET", "/login", Accept_Language="de-AT,de;q=0.9,en;q=0.5")
        assert '<html lang="de">' in reply.text
        assert "Passwort" in reply.text
        await there.client.log_in()
        page = (await there.client.ask("GET", "/", Accept_Language="fr")).text
        assert "Ouvrir gate" in Outline(page).buttons
        await there.client.form("/lock", key=key_of(page), name="gate", do="open")
        page = (await there.client.ask("GET", "/", Accept_Language="it")).text
        assert "gate aperta: operatore, da web anna" in page

    with_page(tmp_path, scenario)


def test_who_is_away_is_left_in_peace_and_rung_again(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        await there.client.log_in()
        page = await page_of(there)
        assert "Let eva rest" in Outline(page).buttons
        assert "<details open>" not in page
        assert (await there.client.form("/quiet", key=key_of(page), name="eva", do="on")).status == 303
        assert there.house.of(door.QuietChanged) == [door.QuietChanged(target="eva", quiet=True, by="web anna")]
        page = await page_of(there)
        assert "Ring eva again" in Outline(page).buttons
        assert "<details open>" in page
        assert (await there.client.form("/quiet", key=key_of(page), name="eva", do="off")).status == 303
        assert (await there.client.form("/quiet", key=key_of(page), name="nobody", do="on")).status == 409

    with_page(tmp_path, scenario, targets=(Target(name="eva", uri="sip:eva@127.0.0.1:9"),))


def test_what_a_visitor_calls_himself_stays_text(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        evil = '<script>alert("x")</script>'
        there.house.station.inbox.put(door.HealthChanged(part=evil, working=False, detail=evil))
        await there.house.until(door.HealthChanged)
        await there.client.log_in()
        reply = await there.client.ask("GET", "/")
        assert "alert(" in reply.text
        assert "<script>alert" not in reply.text
        assert "script-src 'self'" in reply.headers["content-security-policy"]
        Outline(reply.text)

    with_page(tmp_path, scenario)


def test_a_login_that_was_removed_is_out_at_once(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        await there.client.log_in()
        await page_of(there)
        keeper = there.outlet.keeper
        keeper.logins._configured.pop("anna")
        assert (await there.client.ask("GET", "/")).headers["location"] == "/login"

    with_page(tmp_path, scenario, *LOGINS, WATCHING)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/call", {"name": "sip:00900@toll.example"}, 404),
        ("/lock", {"name": "gate", "do": "burn"}, 404),
        ("/lock", {"name": "cellar", "do": "open"}, 409),
        ("/hangup", {}, 409),
        ("/nothing", {}, 404),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, path: str, fields: dict[str, str], status: int) -> None:
    async def scenario(there: Served) -> None:
        await there.client.log_in()
        reply = await there.client.form(path, None, key=key_of(await page_of(there)), **fields)
        assert (reply.status, 'role="alert"' in reply.text) == (status, True)

    with_page(tmp_path, scenario)


def test_style_and_script_are_there_for_everybody(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        style = await there.client.ask("GET", "/page.css")
        assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
        assert "prefers-color-scheme: dark" in style.text
        assert (await there.client.ask("GET", "/page.js")).status == 200
        icon = await there.client.ask("GET", "/icon.svg")
        assert (icon.status, icon.headers["content-type"]) == (200, "image/svg+xml")

    with_page(tmp_path, scenario)


def test_sessions_end_by_silence_by_age_and_when_there_are_too_many() -> None:
    now_s = [0.0]
    sessions = Sessions(lambda: now_s[0])
    login = Known(name="anna", proof="", may=frozenset({May.SEE}))
    first = sessions.begin(login)
    now_s[0] = IDLE_S_MAX + 1
    assert sessions.of(first) is None
    old = sessions.begin(login)
    while now_s[0] < LIFE_S_MAX + 2 * IDLE_S_MAX:
        now_s[0] += IDLE_S_MAX / 2
        sessions.of(old)
    assert sessions.of(old) is None
    seen = sessions.begin(login)
    silent = sessions.begin(login)
    assert sessions.of(seen) is not None
    for _ in range(SESSIONS_MAX - 1):
        sessions.begin(login)
    assert sessions.of(silent) is None
    assert sessions.of(seen) is not None
