"""Registers a phone over WebSocket (RFC 7118), by the library websockets: web_socket.py URL ORIGIN [AUTHORITY]

AUTHORITY is the file of the certificates that are good, for a URL within TLS.
"""

import asyncio
import hashlib
import re
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def register(transport, turn, credentials):
    return (
        "REGISTER sip:tsunagu SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} a1b2c3.invalid;branch=z9hG4bKpython{turn}\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:python@tsunagu>;tag=1\r\nTo: <sip:python@tsunagu>\r\n"
        f"Call-ID: python-{transport}\r\nCSeq: {turn} REGISTER\r\nSupported: path, outbound\r\n"
        "Contact: <sip:python@a1b2c3.invalid;transport=ws>;reg-id=1;"
        '+sip.instance="<urn:uuid:11111111-2222-3333-4444-555555555555>"\r\n'
        f"{credentials}Content-Length: 0\r\n\r\n"
    )


async def main(url, origin, authority=None):
    transport = url.split(":")[0].upper()
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        # Not the library's threads: Python's TLS may hang where one reads while another writes.
        socket = await connect(url, subprotocols=["sip"], origin=origin, ssl=context)
    except InvalidStatus as refused:
        print(f"refused with {refused.response.status_code}")
        return
    async with socket, asyncio.timeout(60):
        await socket.send(register(transport, 1, ""))
        challenge = await socket.recv()
        realm, nonce = (re.search(f'{name}="([^"]*)"', challenge).group(1) for name in ("realm", "nonce"))
        proof = md5(f"{md5(f'python:{realm}:anything')}:{nonce}:00000001:c0:auth:{md5('REGISTER:sip:tsunagu')}")
        await socket.send(register(transport, 2, (
            f'Authorization: Digest username="python", realm="{realm}", nonce="{nonce}", uri="sip:tsunagu", '
            f'response="{proof}", algorithm=MD5, cnonce="c0", qop=auth, nc=00000001\r\n'
        )))
        answer = await socket.recv()
        assert answer.startswith("SIP/2.0 200 "), answer
        assert "Require: outbound" in answer and "reg-id=1" in answer, answer
        await (await socket.ping())
        await socket.send("\r\n\r\n")
        assert await socket.recv() == "\r\n"
        print(f"registered over {socket.subprotocol}")


asyncio.run(main(*sys.argv[1:]))
