"""SMTP (RFC 5321): one connection for each message, encrypted unless the configuration says otherwise (RFC 8314), within bounded time.

STARTTLS is never left out because a server does not offer it: whoever sits on the way could take the offer away (RFC 3207 section 6). Certificates
are checked against the system's authorities; OpenSSL reads others from the file that SSL_CERT_FILE names. A refusal for good is one of the recipient
or of the message (5yz, RFC 5321 section 4.2.1); a 5yz before that speaks of us or of the server, and passes when somebody has mended it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Final

import aiosmtplib

from gateway.mail.senders import NotSent
from gateway.snapshot import MailSafety, MailSettings

#: How long one step (connecting, an answer) and a whole message may take (seconds).
STEP: Final = 10.0
WHOLE: Final = 30.0
_ENHANCED: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")


class SmtpSender:
    """Sends through the server of `settings`. `step` and `whole` are seconds; `context` is for tests with an authority of their own."""

    def __init__(self, settings: MailSettings, *, step: float = STEP, whole: float = WHOLE, context: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._step = step
        self._whole = whole
        self._context = context

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Raises NotSent."""
        try:
            async with asyncio.timeout(self._whole):
                await self._send(message, sender, recipient)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            answer = refused.recipients[0]
            raise NotSent(f"the server refused the recipient ({_status(answer.code, answer.message)})", final=answer.code >= 500) from None
        except aiosmtplib.SMTPDataError as refused:
            raise NotSent(f"the server refused the message ({_status(refused.code, refused.message)})", final=refused.code >= 500) from None
        except aiosmtplib.SMTPAuthenticationError as refused:
            raise NotSent(f"the server refused the user or password ({_status(refused.code, refused.message)})") from None
        except aiosmtplib.SMTPNotSupported:
            raise NotSent("the server cannot do what is needed") from None
        except (aiosmtplib.SMTPTimeoutError, TimeoutError):
            raise NotSent("the server did not answer in time") from None
        except aiosmtplib.SMTPResponseException as refused:
            raise NotSent(f"the server answered {_status(refused.code, refused.message)}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(_away(error)) from None
        except ValueError:
            raise NotSent("the address or the message cannot be written in SMTP", final=True) from None

    async def _send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=settings.password,
            # Who we are, for the server's log; the machine's own name would have to be looked up, which may block.
            local_hostname=sender.rpartition("@")[2],
            timeout=self._step,
            use_tls=settings.safety is MailSafety.TLS,
            start_tls=settings.safety is MailSafety.STARTTLS,
            tls_context=self._context,
        )
        plain = recipient.isascii()
        content = message.as_bytes(policy=SMTP if plain else SMTPUTF8)
        try:
            await client.connect()
            await client.sendmail(sender, [recipient], content, mail_options=() if plain else ("SMTPUTF8",))
            try:
                await client.quit()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                pass  # the message was taken; how the server says goodbye does not matter
        finally:
            client.close()


def _status(code: int, said: str) -> str:
    """The code, and the enhanced one (RFC 3463) where the server gave one: the rest of its words may quote addresses."""
    enhanced = _ENHANCED.match(said)
    return f"{code} {enhanced[0]}" if enhanced else str(code)


def _away(error: Exception) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the server's certificate is not good: {cause.verify_message}"
    return f"the server is away ({type(cause).__name__})"
