"""docs/pbx.md: each configuration of the page is one that the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware.config.load import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pbx.md").read_text(encoding="utf-8")
SECTIONS = {section.partition("\n")[0]: section for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
SERVERS = [name for name in SECTIONS if name != "When it does not work"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_configuration_of_the_page_is_whole(tmp_path: Path, server: str) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", SECTIONS[server], flags=re.MULTILINE | re.DOTALL)
    for name, secret in (("password", "a password"), ("code", "739184")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(f"{secret}\n")
    (tmp_path / "portero.toml").write_text(text.replace("/etc/portero/", ""))
    settings = load(tmp_path / "portero.toml")
    assert settings.warnings == ()
    assert (settings.button[0].gpio, settings.lock[0].gpio) == (17, 27)
    assert {target.account for target in settings.target} == ({None} if server == "Without a server" else {"pbx"})
    assert set(settings.button[0].targets) == {target.name for target in settings.target}


def test_the_page_has_each_server_of_the_readme() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Servers")[2].partition("### ")[0]
    named = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ") and "---" not in row][1:]
    assert named
    assert all(any(name in section or section in name for section in SERVERS) for name in named)
