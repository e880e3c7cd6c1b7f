"""What crosses the door's border, under one roof: `inputs`, `effects`, and the words and records that they are made of.

    app --Input--> door.machine.handle --Effect--> app

Effects are obeyed in order. A `Record` comes before what it announces: the app waits until the journal has it, then goes on. The one
exception is the request to exit: its driver opens before the door hears of it, for letting people out outranks the paper.

A new outlet is a new subscriber to the records. Times are monotonic seconds and durations seconds; the wall clock belongs to the journal.
"""

# ruff: noqa: I001 -- sorting would give each name that is exported again an import of its own

from __future__ import annotations

from firmware.door.access_events import (
    AskId as AskId,
    CardHeld as CardHeld,
    CardHeldBy as CardHeldBy,
    DuressUsed as DuressUsed,
    KeptWrong as KeptWrong,
    KeyPressed as KeyPressed,
    NotVerified as NotVerified,
    Place as Place,
    Question as Question,
    Right as Right,
    Spend as Spend,
    Spent as Spent,
    User as User,
    UsersChanged as UsersChanged,
    Verified as Verified,
    VerifyCard as VerifyCard,
    VerifyDigits as VerifyDigits,
)
from firmware.door.effects import (
    Accept as Accept,
    Admit as Admit,
    Block as Block,
    ClearTimer as ClearTimer,
    Confer as Confer,
    Effect as Effect,
    End as End,
    Hold as Hold,
    KeepDoor as KeepDoor,
    Light as Light,
    Message as Message,
    Offer as Offer,
    Play as Play,
    Record as Record,
    Refuse as Refuse,
    Request as Request,
    Ring as Ring,
    SetTimer as SetTimer,
    Shut as Shut,
    Unblock as Unblock,
    Unlock as Unlock,
)
from firmware.door.inputs import (
    Bring as Bring,
    CallMoved as CallMoved,
    CallTurnedAway as CallTurnedAway,
    CardRead as CardRead,
    Dial as Dial,
    DialFlat as DialFlat,
    DigitHeard as DigitHeard,
    Dismiss as Dismiss,
    IncomingCall as IncomingCall,
    Input as Input,
    OpenLock as OpenLock,
    Operate as Operate,
    Press as Press,
    SetLockMode as SetLockMode,
    SetQuiet as SetQuiet,
    Start as Start,
    TimerFired as TimerFired,
)
from firmware.door.menu_events import (
    MenuBegun as MenuBegun,
    MenuKey as MenuKey,
    MenuOver as MenuOver,
    OpenByMenu as OpenByMenu,
    StartMenu as StartMenu,
    StopMenu as StopMenu,
)
from firmware.door.call_records import (
    Admitted as Admitted,
    Answered as Answered,
    CallEnded as CallEnded,
    CallMeasured as CallMeasured,
    CallPlaced as CallPlaced,
    CallReceived as CallReceived,
    PartyChanged as PartyChanged,
    PartySkipped as PartySkipped,
    Ringing as Ringing,
)
from firmware.door.records import (
    BlockEnded as BlockEnded,
    CardRefused as CardRefused,
    CodeRefused as CodeRefused,
    ContactChanged as ContactChanged,
    DeviceChanged as DeviceChanged,
    DoorForced as DoorForced,
    DoorOpenTooLong as DoorOpenTooLong,
    DoorRecord as DoorRecord,
    HealthChanged as HealthChanged,
    KeypadRefused as KeypadRefused,
    LockHeld as LockHeld,
    LockModeChanged as LockModeChanged,
    LoginRefused as LoginRefused,
    MessageLeft as MessageLeft,
    NumberUnknown as NumberUnknown,
    PictureTaken as PictureTaken,
    OpeningRefused as OpeningRefused,
    PressEnded as PressEnded,
    Pressed as Pressed,
    ProfileChanged as ProfileChanged,
    QuietChanged as QuietChanged,
    RelayMoved as RelayMoved,
    RelaysBlocked as RelaysBlocked,
    RuleRan as RuleRan,
    RuleStopped as RuleStopped,
    Unlocked as Unlocked,
)
from firmware.door.words import (
    ButtonName as ButtonName,
    CallName as CallName,
    CodeFault as CodeFault,
    DeviceChange as DeviceChange,
    DigitWay as DigitWay,
    EndReason as EndReason,
    Grant as Grant,
    LampName as LampName,
    LampRole as LampRole,
    LockFault as LockFault,
    LockMode as LockMode,
    LockName as LockName,
    Outcome as Outcome,
    PressId as PressId,
    Refusal as Refusal,
    Sound as Sound,
    Stage as Stage,
    TimerKey as TimerKey,
    Verb as Verb,
)
