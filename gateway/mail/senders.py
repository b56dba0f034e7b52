"""The ways out: a mail server (smtp.py), a folder, standard output.

    Sender
    ├── SmtpSender      smtp+starttls://, smtps://, smtp://
    ├── SpoolSender     spool:PATH, a file for each message, for another program to send, or for tests
    └── ConsoleSender   console:, for development

A sender sends one message once; trying again is `services/mailing.py`'s.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Protocol

from gateway.snapshot import MailSettings, MailWay


class NotSent(Exception):
    """The message did not leave. The text says what went wrong, and quotes neither addresses nor what a server said. `final`: this message will
    never be taken, so trying again is of no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Sender(Protocol):
    """Sends messages."""

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """`sender` and `recipient` are the envelope's. Raises NotSent."""


class SpoolSender:
    """Writes `<Message-ID>.eml`, in one step and for the owner's eyes only: letters hold links that open accounts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Raises NotSent when the file cannot be written."""
        name = message["Message-ID"].strip("<>").partition("@")[0]
        # An encoded word cannot stand in an address (RFC 2047 section 5).
        written = message.as_bytes(policy=SMTP if recipient.isascii() else SMTPUTF8)
        content = f"Return-Path: <{sender}>\nDelivered-To: {recipient}\n".encode() + written.replace(b"\r\n", b"\n")
        try:
            await asyncio.to_thread(self._write, name, content)
        except OSError as error:
            raise NotSent(f"the spool folder cannot be written: {error.strerror}") from None

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._folder / f".{name}.part"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        partial.replace(self._folder / f"{name}.eml")


class ConsoleSender:
    """Writes what a person would read through `write`, which takes text without its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Never fails."""
        body = message.get_body(("plain",))
        text = "" if body is None else body.get_content().rstrip()
        self._write(f"---- mail from {sender} to {recipient}: {message['Subject']}\n{text}\n----")


def sender_of(settings: MailSettings, write: Callable[[str], None]) -> Sender:
    """The way out that is configured."""
    match settings.way:
        case MailWay.SPOOL:
            return SpoolSender(Path(settings.folder))
        case MailWay.CONSOLE:
            return ConsoleSender(write)
        case MailWay.SMTP:
            # Loaded with the first letter: no start is slower for it.
            from gateway.mail.smtp import SmtpSender

            return SmtpSender(settings)
