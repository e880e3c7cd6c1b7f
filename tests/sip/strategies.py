"""Hypothesis strategies that generate from the grammar of RFC 3261 §25.1: what they give is valid by construction."""

from __future__ import annotations

from hypothesis import strategies as st

ALPHANUM = "abcXYZ0189"
TOKEN_CHARS = ALPHANUM + "-.!%*_+`'~"
UNRESERVED = ALPHANUM + "-_.!~*'()"


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def optional(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), strategy)


def repeated(strategy: st.SearchStrategy[str], most: int, least: int = 0) -> st.SearchStrategy[str]:
    return st.lists(strategy, min_size=least, max_size=most).map("".join)


def escapable(safe: str, least: int = 1) -> st.SearchStrategy[str]:
    """Characters out of `safe` and %HH escapes."""
    escaped = st.integers(0, 255).map(lambda octet: f"%{octet:02X}")
    return repeated(st.one_of(st.sampled_from(safe), escaped), 8, least)


tokens = st.text(TOKEN_CHARS, min_size=1, max_size=12)
sws = st.sampled_from(["", "", " ", "\t ", "\r\n ", " \r\n\t"])  # LWS in every form, folding included
quoted_pairs = st.integers(0, 127).filter(lambda code: code not in (10, 13)).map(lambda code: "\\" + chr(code))
quoted_text = st.text(st.characters(min_codepoint=32, blacklist_characters='"\\\x7f', blacklist_categories=["Cs"]), max_size=4)
quoted_strings = repeated(st.one_of(quoted_text, quoted_pairs), 4).map(lambda inner: f'"{inner}"')

domain_labels = st.from_regex(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?", fullmatch=True)
host_names = st.lists(domain_labels, min_size=1, max_size=3).map(".".join)
ipv4_addresses = st.ip_addresses(v=4).map(str)
ipv6_references = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
hosts = st.one_of(host_names, ipv4_addresses, ipv6_references)
ports = optional(st.integers(1, 65535).map(lambda number: f":{number}"))

uri_params = repeated(
    joined(st.just(";"), escapable(UNRESERVED + "[]/:&+$"), optional(joined(st.just("="), escapable(UNRESERVED + "[]/:&+$")))), 3
)
uri_headers = optional(
    st.lists(joined(escapable(UNRESERVED + "[]/?:+$"), st.just("="), escapable(UNRESERVED + "[]/?:+$", 0)), min_size=1, max_size=3).map(
        lambda pairs: "?" + "&".join(pairs)
    )
)
user_infos = optional(
    joined(escapable(UNRESERVED + "&=+$,;?/"), optional(joined(st.just(":"), escapable(UNRESERVED + "&=+$,", 0))), st.just("@"))
)
schemes = st.sampled_from(["sip:", "sips:", "SIP:", "Sips:"])
request_uris = joined(schemes, user_infos, hosts, ports, uri_params)
sip_uris = joined(request_uris, uri_headers)
tel_uris = st.from_regex(r"tel:\+?[0-9][0-9.-]{0,10}(?:;phone-context=[a-z.]{1,9})?", fullmatch=True)
other_uris = st.from_regex(r"(?:isbn|http|urn|soap\.beep):[a-zA-Z0-9/:.]{1,20}", fullmatch=True)
uris = st.one_of(sip_uris, sip_uris, tel_uris, other_uris)

header_params = repeated(
    joined(sws, st.just(";"), sws, tokens, optional(joined(sws, st.just("="), sws, st.one_of(tokens, hosts, quoted_strings)))), 3
)
display_names = st.one_of(st.just(""), quoted_strings, joined(tokens, st.just(" "), tokens, st.just(" ")))
name_addrs = joined(display_names, sws, st.just("<"), uris, st.just(">"), header_params)
addr_specs = joined(schemes, hosts, ports, header_params)
addresses = st.one_of(name_addrs, addr_specs)

vias = joined(
    st.just("SIP"), sws, st.just("/"), sws, st.just("2.0"), sws, st.just("/"), sws, tokens, st.sampled_from([" ", "\t", "\r\n  "]),
    st.one_of(host_names, ipv6_references), optional(joined(sws, st.just(":"), sws, st.integers(1, 65535).map(str))), header_params,
)  # fmt: skip

words = st.text(ALPHANUM + "-.!%*_+`'~()<>:\\\"/[]?{}", min_size=1, max_size=12)
call_ids = joined(words, optional(joined(st.just("@"), words)))
methods = st.one_of(st.sampled_from(["INVITE", "OPTIONS", "REGISTER", "BYE"]), tokens)
plain_text = st.text(st.characters(min_codepoint=33, blacklist_characters="\x7f", blacklist_categories=["Cs", "Cc"]), max_size=10)


# Text that an XML document carries unchanged: no controls, nothing that XML 1.0 §2.2 leaves out, and no white space at its ends.
xml_texts = st.text(
    st.characters(min_codepoint=32, blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"), min_size=1, max_size=8
).filter(lambda text: text == text.strip())


@st.composite
def names(draw: st.DrawFn, long: str, compact: str = "") -> str:
    """A header name in long or compact form and any case."""
    name = draw(st.sampled_from([long, compact or long]))
    return draw(st.sampled_from([name, name.upper(), name.lower(), name.title()]))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A complete request: mandatory headers in any order and spelling, folded anywhere, some more headers, a body."""
    spaces = [" ", "  ", "\t", "\r\n "]
    method, body = draw(methods), draw(st.binary(max_size=30))
    lines = [
        (draw(names("Via", "v")), ", ".join(draw(st.lists(vias, min_size=1, max_size=3)))),
        (draw(names("From", "f")), draw(addresses)),
        (draw(names("To", "t")), draw(addresses)),
        (draw(names("Call-ID", "i")), draw(call_ids)),
        (draw(names("CSeq")), f"{draw(st.integers(0, 2**31 - 1))}{draw(st.sampled_from(spaces))}{method}"),
        (draw(names("Content-Length", "l")), str(len(body))),
    ]
    if draw(st.booleans()):
        lines.append((draw(names("Contact", "m")), ",".join(draw(st.lists(name_addrs, min_size=1, max_size=3)))))
    if draw(st.booleans()):
        lines.append((draw(names("Record-Route")), " , ".join(draw(st.lists(name_addrs, min_size=1, max_size=3)))))
    if draw(st.booleans()):
        lines.append((draw(names("Max-Forwards")), str(draw(st.integers(0, 255)))))
    lines += draw(st.lists(st.tuples(st.sampled_from(["Subject", "X-Custom", "Server", "k"]), plain_text), max_size=3))
    before = st.sampled_from(["", " ", "\t"])  # HCOLON allows white space in front of the colon
    head = "".join([f"{name}{draw(before)}:{draw(sws)}{value}\r\n" for name, value in draw(st.permutations(lines))])
    return f"{method} {draw(request_uris)} SIP/2.0\r\n{head}\r\n".encode() + body
