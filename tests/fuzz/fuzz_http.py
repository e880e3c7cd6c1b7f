"""Fuzz what a stranger can send to the web server: HTTP in pieces, and SOAP envelopes in its bodies."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware", "h11"]):
    from firmware.outlets.soap.envelope import SoapFault, call_of, fault
    from firmware.outlets.web.exchange import BODY_BYTES_MAX, BadRequestError, Exchange
    from firmware.outlets.web.message import Request, Response

from tests.fuzz.runner import run

SEEDS = (
    b"GET /api/v1/log?limit=5&kind=a HTTP/1.1\r\nHost: d\r\nAuthorization: Bearer x\r\n\r\nGET / HTTP/1.1\r\nHost: d\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: d\r\nCookie: a=b; door=c\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 8\r\n\r\nname=%C3",
    b"POST /soap HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\n<a>\r\n0\r\n\r\n",
    b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:d="urn:portero:door:1"><e:Header/><e:Body>'
    b"<d:OpenLock><d:lock>gate</d:lock></d:OpenLock></e:Body></e:Envelope>",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"CONNECT /x HTTP/1.1\r\nHost: d\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
)


def one_input(data: bytes) -> None:
    """The bytes as a connection that comes in pieces, each request answered, and as the body of a SOAP request."""
    exchange = Exchange("192.0.2.1")
    step = 1 + (data[0] if data else 0)
    try:
        for at in range(0, len(data) + 1, step):
            exchange.receive(data[at : at + step])
            exchange.invitation()
            while (request := exchange.next()) is not None:
                look_at(request)
                exchange.answer(Response(200, b"ok"))
                if exchange.is_over:
                    return
    except BadRequestError as error:
        exchange.farewell(error)
    soap(data)


def look_at(request: Request) -> None:
    """What every page asks of a request."""
    assert request.path.startswith("/")
    assert len(request.body) <= BODY_BYTES_MAX
    request.form()
    request.cookie("door")
    soap(request.body)


def soap(body: bytes) -> None:
    try:
        call_of(body)
    except SoapFault as error:
        fault(error)


def main() -> None:
    """Run the fuzzer."""
    run("http", one_input, SEEDS)


if __name__ == "__main__":
    main()
