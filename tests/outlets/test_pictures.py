"""Pictures of rings over the API and on the page: only with a login, only pictures, and none where no camera is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from tests.app.house import settings
from tests.app.test_ring_pictures import NAMES, filled, with_film
from tests.outlets.asking import KEEPER, LOGINS, WATCHER, Served, served
from tests.outlets.test_page import Outline

Scenario = Callable[[Served], Coroutine[None, None, None]]


def with_pictures(tmp_path: Path, scenario: Scenario, *, camera: bool = True) -> None:
    filled(tmp_path / "pictures")

    async def run() -> None:
        wanted = settings(tmp_path)._replace(login=LOGINS)
        async with served(tmp_path, with_film(tmp_path, wanted) if camera else wanted) as there:
            await scenario(there)

    asyncio.run(run())


def test_a_machine_lists_and_fetches_them(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        listed = await there.client.ask("GET", "/api/v1/pictures?limit=2", token=WATCHER)
        assert [each["file"] for each in listed.json] == [NAMES[3], NAMES[2]]
        reply = await there.client.ask("GET", f"/api/v1/pictures/{NAMES[0]}", token=WATCHER)
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "image/jpeg", NAMES[0].encode())

    with_pictures(tmp_path, scenario)


@pytest.mark.parametrize(("token", "status"), [("", 401), (KEEPER, 403)], ids=["nobody", "without the right"])
def test_without_the_right_there_are_none(tmp_path: Path, token: str, status: int) -> None:
    async def scenario(there: Served) -> None:
        for path in ("/api/v1/pictures", f"/api/v1/pictures/{NAMES[0]}"):
            assert (await there.client.ask("GET", path, token=token)).status == status
        assert (await there.client.ask("GET", f"/pictures/{NAMES[0]}")).status == 403

    with_pictures(tmp_path, scenario)


@pytest.mark.parametrize("name", ["notes.txt", "..%2Fjournal.db", "20270101-000000-1.jpg", f"{NAMES[0]}.part"])
def test_what_is_no_picture_is_not_there(tmp_path: Path, name: str) -> None:
    async def scenario(there: Served) -> None:
        assert (await there.client.ask("GET", f"/api/v1/pictures/{name}", token=WATCHER)).status == 404
        await there.client.log_in()
        assert (await there.client.ask("GET", f"/pictures/{name}")).status == 404

    with_pictures(tmp_path, scenario)


def test_the_page_shows_the_last_rings(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        await there.client.log_in()
        page = await there.client.ask("GET", "/")
        Outline(page.text)
        assert page.text.count("<img ") == 4
        assert f'<img src="/pictures/{NAMES[3]}" loading="lazy" alt="Who rang at 28.11. 10:15:01">' in page.text
        assert "img-src 'self'" in page.headers["content-security-policy"]
        shown = await there.client.ask("GET", f"/pictures/{NAMES[3]}")
        assert (shown.status, shown.headers["content-type"], shown.headers["cache-control"]) == (200, "image/jpeg", "no-store")

    with_pictures(tmp_path, scenario)


def test_a_door_without_a_camera_shows_none_whatever_lies_in_the_folder(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        assert (await there.client.ask("GET", "/api/v1/pictures", token=WATCHER)).json == []
        assert (await there.client.ask("GET", f"/api/v1/pictures/{NAMES[0]}", token=WATCHER)).status == 404
        await there.client.log_in()
        assert "Who rang" not in (await there.client.ask("GET", "/")).text

    with_pictures(tmp_path, scenario, camera=False)
