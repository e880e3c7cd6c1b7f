"""Hypothesis strategies that build session descriptions within the grammar."""

from __future__ import annotations

import string
from collections.abc import Callable

from hypothesis import strategies as st

from firmware.sdp.codec import Codec
from firmware.sdp.codec_list import SOUND, codec_list
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.description import VERSION_MAX, Attribute, Connection, MediaDescription, Origin, SessionDescription
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.protection import Encryption, Method, Protection

tokens = st.text(alphabet=string.ascii_letters + string.digits + "-._*+", min_size=1, max_size=12)
texts = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n\0"), max_size=20)
hosts = st.ip_addresses().map(str)
numbers = st.integers(min_value=0, max_value=VERSION_MAX)
ports = st.integers(min_value=0, max_value=65_535)


def connections() -> st.SearchStrategy[Connection]:
    return hosts.map(lambda host: Connection(family="IP6" if ":" in host else "IP4", host=host))


def origins() -> st.SearchStrategy[Origin]:
    families = st.sampled_from(["IP4", "IP6"])
    return st.builds(
        Origin, username=tokens, session_id=numbers, version=numbers, host=hosts, network=st.sampled_from(["IN", "ATM"]), family=families
    )


def attributes() -> st.SearchStrategy[tuple[Attribute, ...]]:
    rtpmaps = st.tuples(st.just("rtpmap"), st.builds("{} {}/{}".format, st.integers(0, 140), tokens, st.integers(0, 99_000)))
    one = st.tuples(tokens, st.none() | texts) | rtpmaps
    return st.lists(one, max_size=6).map(tuple)


def media_descriptions() -> st.SearchStrategy[MediaDescription]:
    return st.builds(
        MediaDescription,
        kind=st.sampled_from(["audio", "video", "image"]) | tokens,
        port=ports,
        port_count=st.integers(min_value=1, max_value=9),
        protocol=st.sampled_from(["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "udptl"]),
        formats=st.lists(st.sampled_from(["0", "8", "18", "96", "101", "*"]) | tokens, max_size=5).map(tuple),
        title=st.none() | texts,
        connections=st.lists(connections(), max_size=2).map(tuple),
        bandwidths=st.lists(texts, max_size=2).map(tuple),
        attributes=attributes(),
    )


def descriptions() -> st.SearchStrategy[SessionDescription]:
    return st.builds(
        SessionDescription,
        origin=origins(),
        name=texts,
        about=st.lists(st.tuples(st.sampled_from("iuep"), texts), max_size=3).map(tuple),
        connection=st.none() | connections(),
        bandwidths=st.lists(texts, max_size=2).map(tuple),
        times=st.lists(st.tuples(st.sampled_from("trz"), texts), min_size=1, max_size=2).map(tuple),
        attributes=attributes(),
        media=st.lists(media_descriptions(), max_size=4).map(tuple),
    )


def local_codecs() -> st.SearchStrategy[tuple[Codec, ...]]:
    """One to five of what the house speaks, sound among it, in any order."""
    spoken = codec_list(tuple(SOUND), redundancy=True, comfort_noise=True)
    return (
        st.lists(st.sampled_from(spoken), min_size=1, max_size=5, unique=True)
        .filter(lambda codecs: any(codec.is_sound for codec in codecs))
        .map(tuple)
    )


def protections() -> st.SearchStrategy[Protection]:
    """Every wish; whoever wants encryption has at least one method, with what it needs."""
    keys = st.lists(st.sampled_from(Suite), min_size=1, unique=True).flatmap(
        lambda suites: st.tuples(*(st.binary(min_size=suite.octets, max_size=suite.octets).map(_key(suite)) for suite in suites))
    )
    return st.builds(
        Protection,
        encryption=st.sampled_from(Encryption),
        methods=st.lists(st.sampled_from(Method), min_size=1, unique=True).map(tuple),
        keys=keys,
        fingerprint=st.binary(min_size=32, max_size=32).map(lambda octets: Fingerprint("sha-256", octets)),
        keys_in_clear=st.booleans(),
    )


def _key(suite: Suite) -> Callable[[bytes], SrtpKey]:
    return lambda octets: SrtpKey(suite, octets)
