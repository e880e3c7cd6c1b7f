"""Which catch takes an event (VoiceXML 2.0 §5.2.4), and what happens without one (§5.2.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.dialogs import Catch
from firmware.outlets.voicexml.expression import Expression


class Default(Enum):
    """What the platform does with an event that no catch takes."""

    REPROMPT = "reprompt"
    NOTHING = "nothing"
    LEAVE = "leave"


# §5.2.5; whatever is not here leaves.
DEFAULTS: Final = {
    faults.NO_INPUT: Default.REPROMPT,
    faults.NO_MATCH: Default.REPROMPT,
    faults.HELP: Default.REPROMPT,
    faults.CANCEL: Default.NOTHING,
}


def taken_by(scopes: Sequence[tuple[Catch, ...]], event: str, count: int, holds: Callable[[Expression | None], bool]) -> Catch | None:
    """The catch that takes the `count`th `event`: `scopes` from the innermost outwards, in document order each. Raises what `holds` does.

    §5.2.4: of those whose name and condition fit, the ones with the highest count that is not above the event's; of these the first.
    """
    fitting = [each for scope in scopes for each in scope if each.count <= count and _fits(each, event) and holds(each.cond)]
    highest = max((each.count for each in fitting), default=0)
    return next((each for each in fitting if each.count == highest), None)


def _fits(catch: Catch, event: str) -> bool:
    """§5.2.4: a name matches when it is the event's, or a beginning of it at a dot; none matches everything."""
    return not catch.events or any(event == name or event.startswith(name.rstrip(".") + ".") for name in catch.events)
