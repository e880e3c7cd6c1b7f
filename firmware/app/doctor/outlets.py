"""What the doctor looks at of the web server: whether anybody may come in, and whether its own certificate is there."""

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
