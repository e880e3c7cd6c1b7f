"""A call that is answered apart from the panel: nothing is heard or seen in either direction, and nobody else gets it."""

from __future__ import annotations

from firmware.door import events as door
from firmware.sip import events as sip
from firmware.sip.names import TransferKey
from firmware.sip.uri import Uri
from tests.app.test_call_pictures import seeing
from tests.app.test_calls import HOP, REMOTE, Rig


def apart(rig: Rig) -> None:
    """A call that is answered apart from the panel."""
    rig.incoming()
    rig.calls.accept(door.Accept(call=door.CallName("in-1"), by_itself=True, apart=True))
    rig.agree("in-1", early=False)
    rig.answer("in-1")


def test_a_call_that_is_apart_hears_and_sees_nothing_of_the_panel_until_it_is_admitted() -> None:
    rig, picture = seeing()
    apart(rig)
    assert (rig.sound.apart, picture.shown) == ({"in-1"}, [])
    rig.agree("in-1", early=False)  # it negotiates anew
    assert picture.shown == []
    rig.calls.admit(door.Admit(call=door.CallName("in-1")))
    assert (rig.sound.apart, picture.shown) == (set(), ["in-1 as in-1"])
    rig.end("in-1", sip.EndCause.REMOTE)
    rig.calls.admit(door.Admit(call=door.CallName("in-1")))  # both at once
    assert rig.all_closed()


def test_a_call_that_is_apart_is_not_handed_on() -> None:
    rig, _ = seeing()
    apart(rig)
    transfer, target = TransferKey(7), Uri.parse("sip:eve@x")
    rig.hear(sip.TransferRequested(call=sip.CallKey("in-1"), transfer=transfer, target=target, referred_by=None, takes_over=False))
    assert rig.commands[-1] == sip.RefuseTransfer(transfer=transfer)
    called = Uri.parse("sip:door@x")
    key, old = sip.CallKey("in-2"), sip.CallKey("in-1")
    rig.hear(sip.IncomingCall(call=key, caller=REMOTE, called=called, source=HOP, account=None, has_offer=True, replaces=old))
    assert [each.call for each in rig.told if isinstance(each, door.IncomingCall)] == ["in-1", "in-2"], "a call of its own"
    rig.end("in-1", sip.EndCause.REMOTE)
    rig.end("in-2", sip.EndCause.REMOTE)
    assert rig.all_closed()
