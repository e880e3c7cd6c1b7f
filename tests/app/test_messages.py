"""Messages of rules: what is asked of the user agent, and what its answers say of the station's health."""

from __future__ import annotations

from firmware.app.messages import WAITING_MAX, Messages
from firmware.door import events as door
from firmware.errors import LocalProtocolError
from firmware.sip import events as sip
from firmware.sip.notices import RequestAnswered, SendMessage

HELLO = door.Message(uri="sip:anna@192.0.2.1", account="pbx", text="Grüße")
PART = "messages to sip:anna@192.0.2.1"


class Rig:
    def __init__(self) -> None:
        self.sent: list[SendMessage] = []
        self.told: list[door.Input] = []
        self.refuses = False
        self.messages = Messages(self._command, self.told.append)

    def _command(self, command: sip.Command) -> None:
        if self.refuses:
            raise LocalProtocolError("no such account")
        assert isinstance(command, SendMessage)
        self.sent.append(command)

    def answer(self, status: int, key: str | None = None) -> None:
        self.messages.on_answer(RequestAnswered(key=key or self.sent[-1].key, method="MESSAGE", status=status, text="Text"))


def test_a_message_is_sent_through_its_account_under_a_key_of_its_own() -> None:
    rig = Rig()
    rig.messages.send(HELLO)
    rig.messages.send(HELLO._replace(account=None))
    first, second = rig.sent
    assert (str(first.target), first.account, first.body.decode()) == ("sip:anna@192.0.2.1", "pbx", "Grüße")
    assert second.account is None
    assert first.key != second.key


def test_what_does_not_arrive_is_news_once_until_it_arrives_again() -> None:
    rig = Rig()
    for status in (202, 404, 408, 200, 200):
        rig.messages.send(HELLO)
        rig.answer(status)
    assert rig.told == [
        door.HealthChanged(part=PART, working=False, detail="a message was answered 404 Text"),
        door.HealthChanged(part=PART, working=True, detail="arrive again"),
    ]


def test_the_answer_to_a_message_of_somebody_else_means_nothing() -> None:
    rig = Rig()
    rig.messages.send(HELLO)
    rig.answer(404, key="message 17")
    assert rig.told == []


def test_a_message_that_the_user_agent_refuses_is_news_and_waits_for_nothing() -> None:
    rig = Rig()
    rig.refuses = True
    for _ in range(WAITING_MAX + 1):
        rig.messages.send(HELLO)
    assert rig.told == [door.HealthChanged(part=PART, working=False, detail="no such account")]


def test_more_than_a_few_without_an_answer_are_given_up() -> None:
    rig = Rig()
    for _ in range(WAITING_MAX + 2):
        rig.messages.send(HELLO)
    assert len(rig.sent) == WAITING_MAX
    assert rig.told == [door.HealthChanged(part=PART, working=False, detail="16 messages wait for an answer already")]
    rig.answer(200)
    rig.messages.send(HELLO)
    assert len(rig.sent) == WAITING_MAX + 1
