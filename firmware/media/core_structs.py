"""The values of `core_values` as the core's structs, and back."""

from __future__ import annotations

import socket
from typing import Any

from firmware.media import _pm
from firmware.media.core_values import RELAYED, Address, EchoSettings, EchoState, EchoStats, StreamSettings, StreamStats

_ffi: Any = _pm.ffi
_lib: Any = _pm.lib


def write_address(into: Any, address: Address | None) -> None:
    """Fill a `struct pm_address`. The host RELAYED stands for a relay, its port is then the number of a channel. ValueError for a name."""
    if address is None:
        into.family = _lib.PM_FAMILY_NONE
        return
    if address[0] == RELAYED:
        into.family, into.port = _lib.PM_FAMILY_RELAYED, address[1]
        return
    host, _, scope = address[0].partition("%")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        packed = socket.inet_pton(family, host)
    except OSError:
        raise ValueError(f"not a literal address: {address[0]!r}") from None
    into.family = _lib.PM_FAMILY_IPV6 if family == socket.AF_INET6 else _lib.PM_FAMILY_IPV4
    _ffi.memmove(into.ip, packed, len(packed))
    into.port = address[1]
    into.scope_id = int(scope or 0)


def read_address(address: Any) -> Address | None:
    """What a `struct pm_address` says, None for nowhere."""
    if address.family == _lib.PM_FAMILY_NONE:
        return None
    if address.family == _lib.PM_FAMILY_RELAYED:
        return RELAYED, address.port
    packed = bytes(_ffi.buffer(address.ip))
    if address.family == _lib.PM_FAMILY_IPV4:
        return socket.inet_ntop(socket.AF_INET, packed[:4]), address.port
    host = socket.inet_ntop(socket.AF_INET6, packed)
    return f"{host}%{address.scope_id}" if address.scope_id else host, address.port


def read_stats(c: Any) -> StreamStats:
    """What a `struct pm_stream_stats` says."""
    optional = {
        "rtt_ms": c.rtt_known,
        "remote_loss_fraction": c.remote_report_known,
        "remote_packets_lost": c.remote_report_known,
        "remote_jitter_ms": c.remote_report_known,
    }
    values: list[Any] = [getattr(c, name) if optional.get(name, True) else None for name in StreamStats._fields[:-1]]
    return StreamStats._make([*values, read_address(c.remote_rtp)])


def write_echo(into: Any, echo: EchoSettings, rate_hz: int) -> None:
    """Fill a `struct pm_echo_config`."""
    into.rate_hz, into.mode, into.suppress_noise, into.gain_control = rate_hz, echo.mode, echo.suppress_noise, echo.gain_control


def read_echo(c: Any) -> EchoStats:
    """What a `struct pm_echo_stats` says."""
    return EchoStats(
        state=EchoState(c.state),
        delay_ms=c.delay_ms if c.delay_known else None,
        delay_moves=c.delay_moves,
        echo_loss_db=c.echo_loss_db,
        filter_db=c.filter_db,
        suppressed_db=c.suppressed_db,
        both_percent=c.both_percent,
        noise_db=c.noise_db,
        gain_db=c.gain_db,
    )


def stream_config(s: StreamSettings) -> Any:
    """A `struct pm_stream_config` without memory for codecs. ValueError for more than it has room for."""
    if len(s.receive) > _lib.PM_PAYLOADS_MAX or max(len(s.digit_receive), len(s.red_receive_types)) > _lib.PM_DIGIT_PAYLOADS_MAX:
        raise ValueError("too many payload types")
    cname = s.cname.encode()
    if len(cname) > _lib.PM_CNAME_MAX:
        raise ValueError("the CNAME is too long")
    c = _ffi.new("struct pm_stream_config *")
    c.rtp_fd, c.rtcp_fd = s.rtp_fd, -1 if s.rtcp_fd is None else s.rtcp_fd
    c.relay_fd = -1 if s.relay_fd is None else s.relay_fd
    write_address(c.remote_rtp, s.remote_rtp)
    write_address(c.remote_rtcp, s.remote_rtcp)
    for i, (payload_type, codec) in enumerate(s.receive):
        c.receive[i].payload_type, c.receive[i].codec = payload_type, codec
    c.receive_count = len(s.receive)
    c.send.payload_type, c.send.codec = s.send_payload_type, s.send_codec
    c.encoder = tuple(s.encoder)
    for i, (payload_type, clock_rate_hz) in enumerate(s.digit_receive):
        c.digit_receive[i].payload_type, c.digit_receive[i].clock_rate_hz = payload_type, clock_rate_hz
    c.digit_receive_count = len(s.digit_receive)
    for i, payload_type in enumerate(s.red_receive_types):
        c.red_receive_types[i] = payload_type
    c.red_receive_count = len(s.red_receive_types)
    c.sends_red, c.red_send_type = s.red_send_type is not None, s.red_send_type or 0
    c.sends_noise, c.hears_tones = s.sends_noise, s.hears_tones
    c.sends_digits = s.digit_send_type is not None
    c.digit_send_type = s.digit_send_type or 0
    c.sends, c.receives, c.ptime_ms = s.sends, s.receives, s.ptime_ms
    c.ssrc, c.first_timestamp, c.first_sequence = s.ssrc, s.first_timestamp, s.first_sequence
    c.extended_reports, c.shares_way = s.extended_reports, s.shares_way
    c.latch_ms, c.delay_min_ms, c.delay_max_ms = s.latch_ms, s.delay_min_ms, s.delay_max_ms
    c.cname = cname
    return c


def codec_memory(config: Any, memory: Any = None) -> Any:
    """Give the codecs of `config` the memory that they need: what was given before, or new. None when they need none."""
    octets = _lib.pm_stream_memory(config)
    if memory is None and octets:
        memory = _ffi.new("uint8_t[]", octets)
    config.codec_memory, config.codec_octets = memory or _ffi.NULL, octets
    return memory
