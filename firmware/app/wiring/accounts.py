"""The settings as the user agent's accounts."""

from __future__ import annotations

from firmware.config.schema import Account as Configured
from firmware.config.schema import Settings
from firmware.sip.events import AccountName
from firmware.sip.settings import Account, AgentSettings, CallHabits
from firmware.sip.uri import Uri


def agent_settings(settings: Settings) -> AgentSettings:
    """Raises RemoteProtocolError for an address that `config` let through and the grammar does not (a bug of ours)."""
    return AgentSettings(
        accounts=tuple(_account(each, settings.station.name) for each in settings.account),
        user_agent=settings.station.user_agent or None,
        display_name=settings.station.name,
    )


def _account(configured: Configured, station: str) -> Account:
    aor = Uri.parse(configured.uri)
    # RFC 3261 §10.2: the Request-URI of a REGISTER names the domain, without user part.
    registrar = Uri.parse(configured.registrar) if configured.registrar else aor._replace(user=None, password=None)
    return Account(
        name=AccountName(configured.name),
        aor=aor,
        registrar=registrar,
        outbound_proxy=Uri.parse(configured.proxy) if configured.proxy else None,
        username=configured.username or aor.user_text,
        secret=configured.password.reveal() if configured.password else "",
        display_name=configured.display_name or station,
        expires_s=configured.expires_s,
        allow_md5=configured.allow_md5,
        habits=CallHabits(trusts_identity=configured.trust_identity),
    )
