"""`portero:open`: what a document may say of a lock and a code, and what the door's word about it is to the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from firmware.door import events as door
from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.expression import Value, as_text
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.voicexml.signals import Done

if TYPE_CHECKING:
    from firmware.app.station import Station

DECIDED_S_MAX: Final = 10.0  # the store of users may take five
CODE: Final = re.compile(r"[0-9A-D]{1,32}", re.ASCII)


async def wish(station: Station, call: door.CallName, params: Mapping[str, Value], is_word: Callable[[object], bool]) -> Done:
    """Let the door decide, and wait for its word, which is the one that `is_word` knows. Raises Thrown for parameters that say nothing."""
    lock, code = as_text(params.get("lock", "")), as_text(params.get("code", ""))
    if lock and lock not in {each.name for each in station.settings.lock}:
        raise Thrown(faults.SEMANTIC, f"there is no lock {lock[:40]!r}")
    if not lock and not code:
        raise Thrown(faults.SEMANTIC, "portero:open needs a lock, a code, or both")
    if code and not CODE.fullmatch(code):
        return Done("refused", (("reason", "wrong"),))
    station.inbox.put(door.OpenByMenu(call=call, lock=door.LockName(lock), code=code))
    word = await station.wait_for(is_word, DECIDED_S_MAX)
    match word:
        case door.Unlocked():
            return Done("opened", (("reason", ""), ("lock", word.lock)))
        case door.OpeningRefused() | door.CodeRefused() | door.KeypadRefused():
            return Done("refused", (("reason", word.fault.name.lower()),))
        case _:
            return Done("refused", (("reason", "unchecked"),))
