"""The exception tree. A fresh exception per raise; each says what is wrong and where.

Errors of the other side (`RemoteProtocolError`) are expected events; errors of our own caller
(`LocalProtocolError`) are bugs. `hw` has its own root, `hw.api.HardwareError`, since it knows nothing of this package.
"""

from __future__ import annotations


class PorteroError(Exception):
    """Root of every error that this program raises on purpose."""


class RemoteProtocolError(PorteroError):
    """Bytes from the network break a rule of their protocol.

    `status` is the SIP status code that answers the offending request when it can be answered at all (400, 416, 505 …).
    """

    def __init__(self, what: str, *, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


class LocalProtocolError(PorteroError):
    """Our own caller asked for something that the protocol's state does not allow."""


class ConfigError(PorteroError):
    """The configuration cannot be used; the text names the key and the remedy."""


class TransportError(PorteroError):
    """A socket could not be opened or used; the text names the address."""


class MediaError(PorteroError):
    """The audio path could not be set up; the text names the device or the port."""


class JournalError(PorteroError):
    """The journal could not be opened or written; the text names the file."""


class UsersError(PorteroError):
    """The store of users could not be opened, read or changed; the text names the file or the user, and the remedy."""


class WebhookError(PorteroError):
    """A webhook was not delivered; the text names it and the reason."""


class UpdateError(PorteroError):
    """An update could not be fetched, was refused or did not get installed; the text says which and why. The device goes on as it was."""


class BundleRefusedError(UpdateError):
    """A bundle that this device does not take, however often it is offered: its signature, its kind or its version says so."""


class LoginError(PorteroError):
    """Logins of the web page could not be read or changed, or a password is no good; the text names the remedy."""
