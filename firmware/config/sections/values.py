"""Kinds of value that several sections share, each with its checks."""

from typing import Annotated, Literal

from firmware.config.checks import between, is_flat_name, is_flat_number, is_gpio, is_name, is_not_empty, is_uri

Name = Annotated[str, is_name]
Text = Annotated[str, is_not_empty]
FlatNumber = Annotated[str, is_flat_number]
FlatName = Annotated[str, is_flat_name]
SipUri = Annotated[str, is_uri]
Gpio = Annotated[int, is_gpio]  # BCM numbering: GPIO17 is 17, never the position on the header
DebounceMs = Annotated[int, between(10, 200, "ms")]
RepeatMs = Annotated[int, between(0, 60000, "ms")]  # the same card counts again after it was away so long
HeldMs = Annotated[int, between(500, 60000, "ms")] | Literal["never"]  # a card that stays so long is reported as held
