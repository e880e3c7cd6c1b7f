"""What the settings of the user agent show of themselves."""

from __future__ import annotations

from firmware.app.control.protocol import as_json
from firmware.sip.events import AccountName
from firmware.sip.settings import Account
from firmware.sip.uri import Uri

ACCOUNT = Account(
    name=AccountName("house"), aor=Uri.parse("sip:door@example.org"), registrar=Uri.parse("sip:example.org"), secret="only ours"
)


def test_an_account_never_shows_its_secret() -> None:
    shown = (repr(ACCOUNT), str(ACCOUNT), f"{ACCOUNT}", f"{(ACCOUNT,)}", str(as_json(ACCOUNT)))
    assert all("only ours" not in text and "house" in text for text in shown)
