"""The call for help: rules hear of it, the door shows nothing."""

from __future__ import annotations

from firmware.door.directory import Deed, Do, Rule, Trigger
from firmware.door.events import Message, Record, RuleRan
from tests.door.test_users import EVA, HOUSE, Store


def test_a_call_for_help_sets_its_rule_off_and_the_door_moves_as_without_it() -> None:
    rule = Rule(name="help", on=Trigger.DURESS, subject="", deeds=(Do(what=Deed.MESSAGE, name="anna", text="Help"),))
    store, other = Store(), Store()
    store.door = store.door._replace(directory=HOUSE._replace(rules=(rule,)))
    under_duress, free = store.pin(EVA, duress=True), other.pin(EVA)
    assert under_duress[1:] == (
        *free,
        Record(record=RuleRan(rule="help", cause="DuressUsed")),
        Message(uri="sip:anna@pbx", account="pbx", text="Help"),
    )
