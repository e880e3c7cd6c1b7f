"""firmware/net/names.py: what is remembered, how long, and what happens when nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from firmware.net.names import ADDRESS_TTL_S, CACHE_MAX, SILENCE_S, TTL_MAX_S, LookupFailed, NameCache, Srv
from tests.net.scripted_names import TTL_S, ScriptedNames

RECORD = Srv(0, 0, 5060, "pbx.example.com")


class Memory:
    """A cache over scripted names, with a clock to set."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.names = ScriptedNames(hosts={"pbx": ("192.0.2.1",)}, srv={"_sip._udp.x": (RECORD,)})
        self.cache = NameCache(self.names, lambda: self.now_s)

    def addresses(self, host: str = "pbx") -> tuple[str, ...]:
        return asyncio.run(self.cache.addresses(host))

    def srv(self, name: str = "_sip._udp.x") -> tuple[Srv, ...]:
        return asyncio.run(self.cache.srv(name))


def test_an_answer_is_believed_for_its_lifetime() -> None:
    memory = Memory()
    assert memory.addresses() == memory.addresses() == ("192.0.2.1",)
    assert memory.srv() == memory.srv() == (RECORD,)
    assert memory.names.asked == ["A pbx", "SRV _sip._udp.x"]
    memory.now_s += ADDRESS_TTL_S
    memory.addresses()
    memory.now_s += TTL_S
    memory.srv()
    assert memory.names.asked == ["A pbx", "SRV _sip._udp.x"] * 2


def test_having_no_records_is_an_answer_too() -> None:
    memory = Memory()
    assert memory.srv("_sip._tcp.x") == memory.srv("_sip._tcp.x") == ()
    assert len(memory.names.asked) == 1


def test_a_lifetime_of_days_is_not_believed() -> None:
    memory = Memory()

    async def week(name: str) -> tuple[tuple[Srv, ...], float]:
        memory.names.asked.append(name)
        return (RECORD,), 7 * 86_400.0

    memory.names.srv = week  # type: ignore[method-assign] # one answer of the script differs
    memory.srv()
    memory.now_s += TTL_MAX_S
    memory.srv()
    assert len(memory.names.asked) == 2


def test_a_silent_name_server_leaves_the_old_answers_in_use() -> None:
    # RFC 8767 §4: stale data is better than none.
    memory = Memory()
    memory.addresses()
    memory.srv()
    memory.names.silent = True
    memory.now_s += 100_000
    assert memory.addresses() == ("192.0.2.1",)
    assert memory.srv() == (RECORD,)


def test_a_silent_name_server_is_not_asked_for_records_again_at_once() -> None:
    memory = Memory()
    memory.names.silent = True
    assert memory.srv() == ()
    assert memory.srv("other") == ()
    assert memory.names.asked == ["SRV _sip._udp.x"]
    memory.names.silent = False
    memory.now_s += SILENCE_S
    assert memory.srv() == (RECORD,)


def test_an_unknown_host_is_a_failure_each_time() -> None:
    memory = Memory()
    for _ in range(2):
        with pytest.raises(LookupFailed, match="not known"):
            memory.addresses("other")
    assert memory.names.asked == ["A other"] * 2


def test_a_changed_network_means_asking_anew() -> None:
    memory = Memory()
    memory.addresses()
    memory.names.silent = True
    memory.srv("silence")
    memory.cache.forget()
    memory.names.silent = False
    memory.names.hosts["pbx"] = ("198.51.100.1",)
    assert memory.addresses() == ("198.51.100.1",)
    assert memory.srv() == (RECORD,)


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = Memory()
    for number in range(CACHE_MAX + 1):
        memory.srv(f"name{number}")
    memory.names.asked.clear()
    memory.srv(f"name{CACHE_MAX}")
    assert memory.names.asked == []
    memory.srv("name0")
    assert memory.names.asked == ["SRV name0"]
