"""A real mail server for tests (aiosmtpd) in a process of its own, which can refuse, hang, drop the line and recover.

    with MailServer() as server:                      # server.url is for mail.url
        …
        message = server.wait_for("ann@example.com")  # the newest letter to her; server.letters("ann@example.com") are all
        link_in(message)                              # where its button leads

`server.mood` says what it does from now on; `server.pause()` makes it accept connections and never answer.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.servers import Process, free_port, listens, wait_until

_REPOSITORY = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"https?://\S+")
_CODE = re.compile(r"\b([0-9]{3}) ?([0-9]{3})\b")


class Mood(StrEnum):
    """What the server does with a message."""

    TAKE = "take"
    LATER = "later"
    """451 after the data."""
    NEVER = "never"
    """550 for the recipient."""
    DROP = "drop"
    """Closes the connection after the data."""
    HANG = "hang"
    """Says nothing after the data."""


class MailServer(Process):
    """`certificate` is (certificate, key): STARTTLS then, or TLS from the start with `tls`. `login` is the user and password that it asks for."""

    name = "mailserver"

    def __init__(self, *, certificate: tuple[Path, Path] | None = None, tls: bool = False, login: tuple[str, str] | None = None) -> None:
        super().__init__()
        self.port = free_port()
        self._certificate = certificate
        self._tls = tls
        self._login = login
        (self.folder / "mail").mkdir()
        self.mood = Mood.TAKE

    def argv(self) -> Sequence[str]:
        options = ["--port", str(self.port), "--folder", str(self.folder)]
        if self._certificate:
            options += ["--certificate", *map(str, self._certificate), *(["--tls"] if self._tls else [])]
        if self._login:
            options += ["--login", *self._login]
        return [sys.executable, "-W", "ignore", "-m", "tests.mailserver", *options]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "PYTHONPATH": str(_REPOSITORY)}

    def ready(self) -> bool:
        return listens(self.port)

    @property
    def url(self) -> str:
        """For mail.url, without credentials."""
        scheme = "smtp" if self._certificate is None else "smtps" if self._tls else "smtp+starttls"
        return f"{scheme}://localhost:{self.port}"

    @property
    def mood(self) -> Mood:
        return Mood((self.folder / "mood").read_text())

    @mood.setter
    def mood(self, mood: Mood) -> None:
        partial = self.folder / "mood.new"
        partial.write_text(mood)
        partial.replace(self.folder / "mood")

    @property
    def asked(self) -> int:
        """How many messages it was offered, whatever it did with them."""
        return len(list((self.folder / "mail").glob("*.asked")))

    def letters(self, recipient: str | None = None) -> list[EmailMessage]:
        """What it took, the oldest first."""
        files = sorted((self.folder / "mail").glob("*.eml"))
        line = b"" if recipient is None else f"X-Envelope-To: {recipient}\r\n".encode()
        return [message_from_bytes(found, policy=policy.default) for file in files if line in (found := file.read_bytes())]

    def wait_for(self, recipient: str, count: int = 1, seconds: float = 20.0) -> EmailMessage:
        """The newest letter to `recipient`, once there are `count`."""
        wait_until(lambda: len(self.letters(recipient)) >= count, f"letter {count} to {recipient}", seconds)
        return self.letters(recipient)[-1]


def text_of(message: EmailMessage) -> str:
    """What a person reads."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(message: EmailMessage) -> str:
    """The first address in the text: where the button leads."""
    return _LINK.findall(text_of(message))[0]


def code_in(message: EmailMessage) -> str:
    """The six digits."""
    return "".join(_CODE.findall(text_of(message))[0])


class _Handler:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _mood(self) -> Mood:
        return Mood((self._folder / "mood").read_text())

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self._mood() is Mood.NEVER:
            self._offered()
            return f"550 5.1.1 {address} is nobody"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        name = self._offered()
        match self._mood():
            case Mood.LATER:
                return "451 4.3.0 come back later"
            case Mood.DROP:
                server.transport.abort()
                return "250 OK"
            case Mood.HANG:
                await asyncio.Event().wait()
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {','.join(envelope.rcpt_tos)}\r\n"
        partial = self._folder / "mail" / f"{name}.part"
        partial.write_bytes(head.encode() + envelope.original_content)
        partial.rename(partial.with_suffix(".eml"))
        return "250 OK"

    def _offered(self) -> str:
        name = str(time.time_ns())
        (self._folder / "mail" / f"{name}.asked").touch()
        return name


async def _serve(port: int, folder: Path, certificate: list[str] | None, login: list[str] | None, *, tls: bool) -> None:
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

    def judge(_server: object, _session: object, _envelope: object, _mechanism: str, given: object) -> AuthResult:
        wanted = LoginPassword(*(word.encode() for word in login or ()))
        return AuthResult(success=given == wanted, handled=False)

    handler = _Handler(folder)

    def protocol() -> SMTP:
        starttls = context is not None and not tls
        return SMTP(
            handler,
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=judge if login else None,
            auth_required=bool(login),
            auth_require_tls=starttls,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=context if tls else None)
    await server.serve_forever()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--certificate", nargs=2)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--login", nargs=2)
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.folder, given.certificate, given.login, tls=given.tls))


if __name__ == "__main__":
    _main()
