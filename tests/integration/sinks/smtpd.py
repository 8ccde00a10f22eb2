"""A mail server on loopback that keeps what it takes, one file a message.

smtpd.py FOLDER [CERTIFICATE KEY]: with a certificate it wants STARTTLS and the user `applecart` with the
password `s3cret`. Prints its port. Addresses that begin with `nobody` are refused, and those
that begin with `later` for now.
"""
import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder = pathlib.Path(sys.argv[1])


class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        if address.startswith("later"):
            return "450 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        number = len(list(folder.glob("*.eml")))
        (folder / f"{number:04}.eml").write_bytes(envelope.original_content)
        (folder / f"{number:04}.json").write_text(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
            "user": session.authenticated,
        }))
        return "250 kept"


def knows(server, session, envelope, mechanism, data):
    right = data.login == b"applecart" and data.password == b"s3cret"
    return AuthResult(success=right, handled=False)


def make():
    if len(sys.argv) < 4:
        return SMTP(Keep(), enable_SMTPUTF8=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    return SMTP(Keep(), tls_context=context, require_starttls=True, authenticator=knows,
                auth_required=True, enable_SMTPUTF8=True)


async def main():
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
