"""What servers tell of the mailboxes of the door's accounts (RFC 3842)."""

from __future__ import annotations

import logging

import pytest

from firmware.app.mailboxes import Mailboxes
from firmware.config.schema import Account, Settings
from firmware.sip import events as sip
from firmware.sip.body import message_summary
from firmware.sip.notices import MailboxTold, Notified, Subscribe, SubscriptionChanged
from firmware.sip.uri import Uri

URI = Uri.parse("sip:door@pbx.example")
HOME = sip.AccountName("home")
REGISTERED = sip.Registered(account=HOME, contact=URI, expires_s=300)
KEY = "mailbox:home"


def mailboxes(*, watch: bool = True) -> Mailboxes:
    return Mailboxes(Settings(account=(Account(name="home", uri=str(URI), watch_mailbox=watch),)))


def told(body: bytes) -> MailboxTold:
    return MailboxTold(account=HOME, content_type=message_summary.CONTENT_TYPE, body=body)


def test_an_account_that_watches_asks_once_it_is_registered_and_only_then() -> None:
    watched = mailboxes()
    (question,) = watched.on_event(REGISTERED)
    assert isinstance(question, Subscribe)
    assert (question.key, question.target, question.package, question.account) == (KEY, URI, "message-summary", HOME)
    assert question.accept == (message_summary.CONTENT_TYPE,)
    assert watched.on_event(REGISTERED) == ()
    assert mailboxes(watch=False).on_event(REGISTERED) == ()


def test_who_was_refused_for_good_is_asked_again_with_the_next_registration() -> None:
    watched = mailboxes()
    watched.on_event(REGISTERED)
    assert watched.on_event(SubscriptionChanged(key=KEY, state="waiting", reason="503", retry_in_s=5.0)) == ()
    assert watched.on_event(REGISTERED) == ()
    assert watched.on_event(SubscriptionChanged(key=KEY, state="terminated", reason="489 Bad Event")) == ()
    assert len(watched.on_event(REGISTERED)) == 1


@pytest.mark.parametrize(
    ("body", "new"),
    [
        (b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\nFax-Message: 1/0\r\n", 3),
        (b"Messages-Waiting: yes\r\n", 1),  # RFC 3842 §5.2: counts are optional
        (b"Messages-Waiting: no\r\nVoice-Message: 0/8\r\n", 0),
    ],
)
def test_what_waits_is_counted_whether_it_was_asked_for_or_not(body: bytes, new: int) -> None:
    for event in (told(body), Notified(key=KEY, package="message-summary", content_type=message_summary.CONTENT_TYPE, body=body)):
        heard = mailboxes()
        heard.on_event(event)
        assert heard.waiting == {"home": new}


def test_what_cannot_be_read_changes_nothing_and_a_number_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "portero.mailboxes")
    heard = mailboxes()
    heard.on_event(told(b"Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n"))
    heard.on_event(told(b"Messages-Waiting: yes\r\nVoice-Message: 2/1\r\n"))
    heard.on_event(told(b"nonsense"))
    heard.on_event(Notified(key="presence sip:anna@pbx.example", package="presence", content_type="", body=b"Messages-Waiting: no\r\n"))
    assert heard.waiting == {"home": 2}
    assert [record.message for record in caplog.records] == [
        "account home: new messages in its mailbox at the server: 2",
        "account home: what the server tells of its mailbox cannot be read: message summary without Messages-Waiting",
    ]
