"""Request to exit: from the contact to the relay without the program, which may be busy, hung, or waiting for a network that is dead.

The contact's own thread settles the level, closes the relay, and only then reports. Nothing in between waits for the event loop; the
relay's maximum, its keeper and its block hold as for everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hw.api import HardwareError, RelayBlockedError
from hw.relay import TimedRelay
from hw.settings import InputSettings

WayOut = Callable[[], str | None]  # opens; says in a sentence why it could not


def way_out(contact: InputSettings, relays: Mapping[str, TimedRelay]) -> WayOut | None:
    """What the contact does by itself, or None. Raises HardwareError when its relay does not exist."""
    if contact.opens is None:
        return None
    if contact.opens not in relays:
        raise HardwareError(f"contact {contact.name} opens a relay {contact.opens} that is not configured")
    relay = relays[contact.opens]

    def open_now() -> str | None:
        try:
            relay.let_out(contact.opens_s, contact.name)
        except RelayBlockedError:
            return None  # whoever blocked it knows; the contact's edge is reported all the same
        except HardwareError as error:
            return f"contact {contact.name} could not open: {error}"
        return None

    return open_now
