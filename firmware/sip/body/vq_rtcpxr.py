"""application/vq-rtcpxr: how a call sounded, for whoever collects it (RFC 6035 §4.6). Sent by PUBLISH or NOTIFY of the event vq-rtcpxr.

Read leniently: of the metrics, what is unknown or malformed is passed over. Alerts (VQAlertReport) are not read and not written: a door
reports at the end of a call and during it, and leaves thresholds to the collector.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar

CONTENT_TYPE = "application/vq-rtcpxr"
EVENT = "vq-rtcpxr"
BODY_BYTES_MAX = 16384  # both sides with every field there is have about 1.5 kB
LINES_MAX = 128
SESSION, INTERVAL = "VQSessionReport", "VQIntervalReport"

_EPOCH_S_MAX = 253402300799  # the end of the year 9999, where RFC 3339 ends


class MediaAddress(NamedTuple):
    """Where a stream comes from: address as text, port, SSRC (None when not told)."""

    host: str
    port: int
    ssrc: int | None = None


class Metrics(NamedTuple):
    """What one side measured; None is what it did not (RFC 6035 §4.6.2, whose keys stand behind each field)."""

    start_s: int | None = None  # Timestamps START, seconds since 1970
    stop_s: int | None = None  # STOP
    payload_type: int | None = None  # SessionDesc PT
    payload_name: str | None = None  # PD
    sample_rate_hz: int | None = None  # SR
    frame_ms: int | None = None  # FD
    frame_octets: int | None = None  # FO
    frames_per_packet: int | None = None  # FPP
    packets_per_s: int | None = None  # PPS
    fmtp: str | None = None  # FMTP
    concealment: int | None = None  # PLC: 0 unspecified, 1 disabled, 2 enhanced, 3 standard
    silence_suppression: str | None = None  # SSUP: on, off
    buffer_kind: int | None = None  # JitterBuffer JBA: 0 unknown, 2 fixed, 3 adaptive
    buffer_rate: int | None = None  # JBR
    buffer_nominal_ms: int | None = None  # JBN
    buffer_max_ms: int | None = None  # JBM
    buffer_limit_ms: int | None = None  # JBX
    loss_percent: float | None = None  # PacketLoss NLR
    discard_percent: float | None = None  # JDR
    burst_loss_percent: float | None = None  # BurstGapLoss BLD
    burst_ms: int | None = None  # BD
    gap_loss_percent: float | None = None  # GLD
    gap_ms: int | None = None  # GD
    gap_packets_min: int | None = None  # GMIN
    round_trip_ms: int | None = None  # Delay RTD
    end_system_ms: int | None = None  # ESD
    one_way_ms: int | None = None  # OWD
    symmetric_one_way_ms: int | None = None  # SOWD
    jitter_ms: int | None = None  # IAJ, as RFC 3550 counts it
    mean_jitter_ms: int | None = None  # MAJ
    signal_dbm: int | None = None  # Signal SL
    noise_dbm: int | None = None  # NL
    echo_return_loss_db: int | None = None  # RERL
    r_listening: int | None = None  # QualityEst RLQ, 0 to 120
    r_conversation: int | None = None  # RCQ
    mos_listening: float | None = None  # MOSLQ, 1.0 to 4.9
    mos_conversation: float | None = None  # MOSCQ
    algorithm: str | None = None  # QoEEstAlg


class QualityReport(NamedTuple):
    """One report: `kind` is SESSION or INTERVAL, `is_final` when the call has ended; the ids are SIP addresses as text (§4.6.1)."""

    kind: str
    is_final: bool
    call_id: str
    local_id: str
    remote_id: str
    orig_id: str
    local_address: MediaAddress | None
    remote_address: MediaAddress | None
    local: Metrics
    remote: Metrics | None = None
    local_group: str | None = None
    remote_group: str | None = None
    local_mac: str | None = None
    remote_mac: str | None = None
    dialog_id: str | None = None


# Line, and of each item its key, the field it fills and how it is written: Time, Number (signed), Decimal, Word, Quoted.
_LINES: dict[str, str] = {
    "Timestamps": "START:start_s:T STOP:stop_s:T",
    "SessionDesc": "PT:payload_type:N PD:payload_name:W SR:sample_rate_hz:N FD:frame_ms:N FO:frame_octets:N FPP:frames_per_packet:N "
    "PPS:packets_per_s:N FMTP:fmtp:Q PLC:concealment:N SSUP:silence_suppression:W",
    "JitterBuffer": "JBA:buffer_kind:N JBR:buffer_rate:N JBN:buffer_nominal_ms:N JBM:buffer_max_ms:N JBX:buffer_limit_ms:N",
    "PacketLoss": "NLR:loss_percent:D JDR:discard_percent:D",
    "BurstGapLoss": "BLD:burst_loss_percent:D BD:burst_ms:N GLD:gap_loss_percent:D GD:gap_ms:N GMIN:gap_packets_min:N",
    "Delay": "RTD:round_trip_ms:N ESD:end_system_ms:N OWD:one_way_ms:N SOWD:symmetric_one_way_ms:N IAJ:jitter_ms:N MAJ:mean_jitter_ms:N",
    "Signal": "SL:signal_dbm:N NL:noise_dbm:N RERL:echo_return_loss_db:N",
    "QualityEst": "RLQ:r_listening:N RCQ:r_conversation:N MOSLQ:mos_listening:D MOSCQ:mos_conversation:D QoEEstAlg:algorithm:W",
}
_ITEMS = {line: [tuple(item.split(":")) for item in items.split(" ")] for line, items in _LINES.items()}
_FIELDS = {(line.lower(), key.lower()): (field, form) for line, items in _ITEMS.items() for key, field, form in items}

_Value = int | float | str


def encode(report: QualityReport) -> bytes:
    """The report as a body, in the order of §4.6."""
    assert report.kind in (SESSION, INTERVAL), report.kind
    info = (
        ("CallID", report.call_id),
        ("LocalID", report.local_id),
        ("RemoteID", report.remote_id),
        ("OrigID", report.orig_id),
        ("LocalAddr", _address(report.local_address)),
        ("RemoteAddr", _address(report.remote_address)),
        ("LocalGroup", report.local_group),
        ("RemoteGroup", report.remote_group),
        ("LocalMAC", report.local_mac),
        ("RemoteMAC", report.remote_mac),
    )
    lines = [f"{report.kind}: CallTerm" if report.is_final else report.kind]
    lines += [f"{name}: {value}" for name, value in info if value is not None]
    lines += ["LocalMetrics:", *_written(report.local)]
    if report.remote is not None:
        lines += ["RemoteMetrics:", *_written(report.remote)]
    if report.dialog_id is not None:
        lines.append(f"DialogID: {report.dialog_id}")
    assert not any("\r" in line or "\n" in line for line in lines), "a report's value holds a line end"
    return ("\r\n".join(lines) + "\r\n").encode()


def decode(body: bytes) -> QualityReport:
    """Read a report. Raises RemoteProtocolError without its kind, its CallID or its LocalMetrics."""
    if len(body) > BODY_BYTES_MAX:
        raise RemoteProtocolError(f"quality report of {len(body)} bytes", status=513)
    first, *lines = body.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    name, _, rest = first.partition(":")
    kind = {kind.lower(): kind for kind in (SESSION, INTERVAL)}.get(name.strip().lower())
    if kind is None or len(lines) > LINES_MAX:
        raise RemoteProtocolError(f"not a quality report: {first[:80]!r}")
    info: dict[str, str] = {}
    metrics: dict[str, dict[str, _Value]] = {}
    side: dict[str, _Value] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in ("localmetrics", "remotemetrics"):
            side = metrics.setdefault(name, {})
        else:
            info.setdefault(name, value)
            side |= _read(name, value)
    if not info.get("callid") or "localmetrics" not in metrics:
        raise RemoteProtocolError("quality report without CallID or LocalMetrics")
    return _report(kind, rest.strip().lower() == "callterm", info, metrics)


def _report(kind: str, is_final: bool, info: dict[str, str], metrics: dict[str, dict[str, _Value]]) -> QualityReport:
    remote = metrics.get("remotemetrics")
    return QualityReport(
        kind,
        is_final,
        info["callid"],
        info.get("localid", ""),
        info.get("remoteid", ""),
        info.get("origid", ""),
        _read_address(info.get("localaddr", "")),
        _read_address(info.get("remoteaddr", "")),
        _metrics(metrics["localmetrics"]),
        None if remote is None else _metrics(remote),
        info.get("localgroup"),
        info.get("remotegroup"),
        info.get("localmac"),
        info.get("remotemac"),
        info.get("dialogid"),
    )


def _metrics(values: dict[str, _Value]) -> Metrics:
    return Metrics._make([values.get(field) for field in Metrics._fields])


def _read(line: str, text: str) -> Iterator[tuple[str, _Value]]:
    """The fields that one line of metrics gives."""
    for key, value in _items(text):
        field, form = _FIELDS.get((line, key), ("", ""))
        read = _value(form, value)
        if read is not None:
            yield field, read


def _items(text: str) -> list[tuple[str, str]]:
    """The KEY=value pairs of a line, keys in lower case; nothing when its quotes do not end."""
    try:
        parts = grammar.split_outside(text.replace("\t", " "), " ")
    except RemoteProtocolError:
        return []
    pairs = [part.partition("=") for part in parts[: grammar.PARAMETERS_MAX]]
    return [(key.lower(), value) for key, _, value in pairs]


def _value(form: str, text: str) -> _Value | None:
    if form == "N":
        digits = text.removeprefix("-")
        return int(text) if 0 < len(digits) <= 9 and not digits.strip(grammar.DIGITS) else None
    if form == "D":
        whole, _, part = text.partition(".")
        return round(float(text), 2) if 0 < len(whole) <= 9 and len(part) <= 9 and not (whole + part).strip(grammar.DIGITS) else None
    if form == "T":
        return _epoch_s(text)
    if form == "W":
        return text if grammar.is_token(text) else None
    return _unquoted(text) if form == "Q" else None


def _unquoted(text: str) -> str | None:
    try:
        return grammar.unquote(text) if text[:1] == '"' and grammar.quoted_end(text) == len(text) else None
    except RemoteProtocolError:
        return None


def _epoch_s(text: str) -> int | None:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    seconds = int(moment.timestamp())
    return seconds if 0 <= seconds <= _EPOCH_S_MAX else None


def _written(metrics: Metrics) -> Iterator[str]:
    values = metrics._asdict()
    for line, items in _ITEMS.items():
        found = [f"{key}={_text(form, values[field])}" for key, field, form in items if values[field] is not None]
        if found:
            yield f"{line}:{' '.join(found)}"


def _text(form: str, value: _Value) -> str:
    if form == "T":
        assert isinstance(value, int), value
        return datetime.datetime.fromtimestamp(value, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if form == "D":
        return str(round(float(value), 2))
    if form == "W":
        assert grammar.is_token(str(value)), value
    return grammar.quote(str(value)) if form == "Q" else str(value)


def _address(address: MediaAddress | None) -> str | None:
    if address is None:
        return None
    ssrc = "" if address.ssrc is None else f" SSRC=0x{address.ssrc:08x}"
    return f"IP={address.host} PORT={address.port}{ssrc}"


def _read_address(text: str) -> MediaAddress | None:
    items = dict(_items(text))
    host, port, ssrc = items.get("ip", ""), items.get("port", ""), items.get("ssrc", "").lower().removeprefix("0x")
    if not host or not port or len(port) > 5 or port.strip(grammar.DIGITS):
        return None
    known = 0 < len(ssrc) <= 8 and not ssrc.strip(grammar.HEX_DIGITS)
    return MediaAddress(host, int(port), int(ssrc, 16) if known else None)
