"""The settings as the user agent's accounts."""

from __future__ import annotations

from firmware.app.wiring.gate import MACHINE_ID, device_urn, gate, own_users
from firmware.config.schema import Account as Configured
from firmware.config.schema import Call, Settings
from firmware.sip.events import AccountName
from firmware.sip.settings import Account, AgentSettings, CallHabits, KeepAliveWay, ReferPolicy, Use
from firmware.sip.uri import Uri


def agent_settings(settings: Settings) -> AgentSettings:
    """Raises RemoteProtocolError for an address that `config` let through and the grammar does not (a bug of ours)."""
    return AgentSettings(
        accounts=tuple(_account(each, settings) for each in settings.account),
        users=own_users(settings),
        conference=settings.incoming.conference,
        gate=gate(settings),
        instance=device_urn(MACHINE_ID) if any(each.gruu or each.outbound for each in settings.account) else "",
        proves_itself=settings.tls.certificate is not None,
        user_agent=settings.station.user_agent or None,
        display_name=settings.station.name,
        habits=_habits(settings.call),
        refer=ReferPolicy[settings.call.transfers.upper()],
        info_types=_info_types(settings),
    )


def _info_types(settings: Settings) -> frozenset[str]:
    """What an INFO may bear. To ask a door without a camera for a picture is 415."""
    digits = AgentSettings().info_types
    sees = settings.camera.source != "none" and settings.camera.in_calls
    return digits | {"application/media_control+xml"} if sees else digits


def listed_addresses(settings: Settings) -> dict[str, str]:
    """The targets of the configuration by their address, user@host in lower case."""
    return {f"{uri.user_text}@{uri.host}".lower(): name for uri, name in _targets(settings)}


def listed_uris(settings: Settings) -> dict[str, str]:
    """The targets of the configuration by their URI as it is written in a message."""
    return {str(uri): name for uri, name in _targets(settings)}


def _targets(settings: Settings) -> list[tuple[Uri, str]]:
    known = [(uri, target.name) for target in settings.target for uri in (target.fallback_uri, target.uri) if uri is not None]
    return [(Uri.parse(uri), name) for uri, name in known]


def _habits(call: Call) -> CallHabits:
    return CallHabits(
        reliable=Use[call.reliable.upper()], session_timer=Use[call.session_timer.upper()], session_expires_s=call.session_expires_s
    )


def _account(configured: Configured, settings: Settings) -> Account:
    aor = Uri.parse(configured.uri)
    # RFC 3261 §10.2: the Request-URI of a REGISTER names the domain, without user part.
    registrar = Uri.parse(configured.registrar) if configured.registrar else aor._replace(user=None, password=None)
    return Account(
        name=AccountName(configured.name),
        aor=aor,
        registrar=registrar,
        outbound_proxy=Uri.parse(configured.proxy) if configured.proxy else None,
        second_proxy=Uri.parse(configured.second_proxy) if configured.second_proxy else None,
        wants_outbound=configured.outbound,
        username=configured.username or aor.user_text,
        secret=configured.password.reveal() if configured.password else "",
        display_name=configured.display_name or settings.station.name,
        expires_s=configured.expires_s,
        allow_md5=configured.allow_md5,
        backups=tuple(Uri.parse(each) for each in configured.backups),
        wants_gruu=configured.gruu,
        watches_binding=configured.watch_binding,
        probe_s=0.0 if configured.probe_s == "never" else float(configured.probe_s),
        keepalive=KeepAliveWay[configured.keepalive.upper()],
        keepalive_s=0.0 if configured.keepalive_s == "never" else float(configured.keepalive_s),
        habits=_habits(settings.call)._replace(trusts_identity=configured.trust_identity, is_anonymous=configured.anonymous),
    )
