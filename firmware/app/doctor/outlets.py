"""What the doctor looks at of the web server, whether anybody may come in, and of spoken menus, whether they can be read and spoken."""

from __future__ import annotations

from collections.abc import Iterator

from firmware.app.doctor.findings import Finding, fail, ok, warn
from firmware.config.schema import Settings
from firmware.errors import LoginError


def web(settings: Settings) -> Iterator[Finding]:
    """Nothing where there is no web server."""
    if not settings.web.enabled:
        return
    from firmware.app.outlets.logins_file import logins_of

    try:
        logins = logins_of(settings).all()
    except LoginError as error:
        yield fail("web", str(error), "portero logins list")
        return
    people = sum(not login.is_token for login in logins.values())
    if not logins:
        yield warn("web", "the web server is on, and nobody may come in", "portero logins password NAME --may see open")
    elif not people:
        yield ok("web", f"{len(logins)} tokens for the API; nobody has a password, so the page is shut")
    else:
        yield ok("web", f"{people} may use the page, {len(logins) - people} tokens the API")


def menus(settings: Settings) -> Iterator[Finding]:
    """Nothing where there are none. A document on a server is left to the call that wants it."""
    if not settings.menu:
        return
    from shutil import which

    from firmware.app.voicexml.examine import mistake_in

    mistakes = [mistake for menu in settings.menu if (mistake := mistake_in(menu))]
    yield from (fail("menus", mistake, "see docs/voicexml.md") for mistake in mistakes)
    if which("espeak-ng") is None:
        yield warn("menus", "espeak-ng is not installed: of menus nothing but <audio> is heard", "apt-get install espeak-ng")
    elif not mistakes:
        yield ok("menus", f"{len(settings.menu)} can be read and spoken")
