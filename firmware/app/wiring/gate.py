"""The settings as the user agent's gate: who may reach the door, and under which name of the device."""

from __future__ import annotations

from pathlib import Path

from firmware.config.schema import Settings
from firmware.sip.auth import Credentials
from firmware.sip.gate import Gate, Proof, Unwanted
from firmware.sip.settings import AgentSettings
from firmware.sip.uri import Uri

MACHINE_ID = Path("/etc/machine-id")
UNWANTED = {"drop": Unwanted.DROP, "404": Unwanted.NOT_FOUND, "603": Unwanted.DECLINE}


def own_users(settings: Settings) -> frozenset[str] | None:
    """The users that may be called here: those of the settings, the accounts' and that of direct calls; None: any."""
    users = settings.incoming.users
    accounts = [Uri.parse(each.uri).user_text for each in settings.account]
    return None if users is None else frozenset({"", AgentSettings().user, settings.incoming.conference, *users, *accounts})


def gate(settings: Settings) -> Gate:
    """What [incoming] and [[caller]] say."""
    incoming = settings.incoming
    return Gate(
        writers=tuple(each.lower() for each in incoming.write),
        watchers=tuple(each.lower() for each in incoming.watch),
        only_servers=incoming.only_servers,
        unwanted=UNWANTED[incoming.unwanted],
        proof=Proof[incoming.proof.upper()],
        callers=tuple(Credentials(each.name, each.password.reveal()) for each in settings.caller),
        realm=settings.station.name,
        allow_md5=incoming.allow_md5,
    )


def device_urn(machine_id: Path) -> str:
    """A URN of this machine that lasts (RFC 5626 §4.1), and from which its secret id cannot be told (machine-id(5)); '' without one."""
    import hashlib

    try:
        digest = hashlib.sha256(b"portero " + machine_id.read_bytes().strip()).hexdigest()
    except OSError:
        return ""
    # RFC 9562 §5.8: version 8, for values that are made by a rule of one's own; the variant bits are 10.
    return f"urn:uuid:{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
