"""Sending letters: they wait in an outbox in SQL and leave beside everything else, so that no page waits for a mail server.

    post   seals a letter's words and puts it into the outbox: one short write, whatever the mail server does
    run    claims what is due, composes it, sends it; forever, in every process; a claim keeps other processes away for `LEASE`
    drain  at the end: send what is due, for a moment; the rest stays for whoever comes next

A letter is tried five times, with pauses from a second to ten minutes; then, or at once where it can never be taken, it is buried: it stays in the
table, an audit event and a metric tell of it. A process that dies in the middle leaves a claim that ends by itself: a letter may then arrive twice,
with one Message-ID, and is never lost. What a letter says is sealed while it waits: its links open accounts.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from email.message import EmailMessage
from typing import Final

from gateway.core.facts import Facts
from gateway.crypto.keys import Purpose
from gateway.crypto.sealing import open_note, seal_note
from gateway.crypto.tokens import new_user_id
from gateway.mail.letters import WORDS, Asked, Letters, shows_logo
from gateway.mail.message import Logo, make_message
from gateway.mail.senders import NotSent, Sender
from gateway.services.audit import Audit, Event
from gateway.snapshot import Live, MailSettings, Snapshot
from gateway.stores import StoreAway
from gateway.stores.outbox import Letter, OutboxStore
from gateway.telemetry.metrics import MailOutcome

log = logging.getLogger("gateway.mail")

#: How long to wait after each failure (seconds); after as many failures and one more a letter is buried.
PAUSES: Final = (1.0, 10.0, 100.0, 600.0)
#: How long a claim keeps other processes away (seconds): longer than a sender may take, and than the database may take twice.
LEASE: Final = 60.0
#: Letters that one process sends at a time.
AT_ONCE: Final = 8
#: How long buried letters stay to be seen (seconds).
BURIED: Final = 30 * 86400.0
_TIDY_EVERY: Final = 900.0
#: How often the outbox is looked into (seconds), letters of this process aside, which leave at once.
_EVERY: Final = 1.0


class Mailer:
    """See the module. `sender` makes the way out that is configured; `count` hears what became of letters; `clock` is seconds since 1970."""

    def __init__(
        self,
        outbox: OutboxStore,
        letters: Letters,
        live: Live,
        sender: Callable[[MailSettings], Sender],
        audit: Audit,
        count: Callable[[MailOutcome], None],
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._letters = letters
        self._live = live
        self._sender = sender
        self._audit = audit
        self._count = count
        self._clock = clock
        self._posted = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._left: set[str] = set()
        """Letters that left while the database was away, so that it does not know yet."""

    async def post(self, snapshot: Snapshot, recipient: str, letter: str, language: str, *, facts: Facts | None = None, **values: str | int) -> None:
        """Put `letter` (a name in `mail.letters.WORDS`, with its values) into the outbox. `facts` is the request of whoever made us write.

        Raises StoreAway. Without a way out that is configured nothing is put in, since nothing could ever leave.
        """
        if missing := WORDS[letter] ^ set(values):
            raise ValueError(f"{letter}: missing or unknown {', '.join(sorted(missing))}")
        if snapshot.mail is None:
            log.warning("a letter (%s) is not sent: mail.url is not configured", letter)
            return
        now = self._clock()
        letter_id = new_user_id(now)
        words = {
            "letter": letter,
            "language": language,
            "address": facts.client if facts else "",
            "browser": (facts.user_agent or "")[:512] if facts else "",
            "values": values,
        }
        sealed = seal_note(snapshot.keys, Purpose.MAIL, letter_id, json.dumps(words).encode())
        await self._outbox.put(Letter(letter_id, recipient, sealed, now, now, 0))
        self._count(MailOutcome.POSTED)
        self._posted.set()

    async def run(self, every: float = _EVERY) -> None:
        """Send what is due, and tidy up now and then, forever; a database that is away is asked again."""
        tidy_at = self._clock() + _TIDY_EVERY  # a process that starts has better things to do
        while True:
            self._posted.clear()
            try:
                await self.send_due()
                if self._clock() >= tidy_at:
                    await self.tidy()
                    tidy_at = self._clock() + _TIDY_EVERY
            except StoreAway:
                pass  # readiness and metrics tell of it
            posted = asyncio.ensure_future(self._posted.wait())
            waits = {posted, *self._under_way.values()} if len(self._under_way) >= AT_ONCE else {posted}
            try:
                await asyncio.wait(waits, timeout=every, return_when=asyncio.FIRST_COMPLETED)
            finally:
                posted.cancel()

    async def tidy(self) -> None:
        """Delete letters that were buried long ago. Raises StoreAway."""
        await self._outbox.prune(self._clock() - BURIED)

    async def send_due(self) -> list[asyncio.Task[None]]:
        """Begin to send what is due now, as much as one process may at a time. Raises StoreAway."""
        for letter_id in tuple(self._left):
            await self._outbox.sent(letter_id)
            self._left.discard(letter_id)
        room = AT_ONCE - len(self._under_way)
        settings = self._live.snapshot.mail
        if room <= 0 or settings is None:
            return []
        now = self._clock()
        return [self._begin(letter, settings) for letter in await self._outbox.claim(now, now + LEASE, room)]

    async def drain(self, within: float) -> None:
        """Send what is due, for at most `within` seconds; the rest is free for other processes at once. For when `run` has ended."""
        try:
            async with asyncio.timeout(within):
                while await self.send_due() or self._under_way:
                    await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
        except (TimeoutError, StoreAway):
            pass  # it stays in the outbox
        unfinished = tuple(self._under_way.values())
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    def _begin(self, letter: Letter, settings: MailSettings) -> asyncio.Task[None]:
        task = asyncio.create_task(self._settle(letter, settings))
        self._under_way[letter.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(letter.id, None))
        return task

    async def _settle(self, letter: Letter, settings: MailSettings) -> None:
        """Send one letter and write down what became of it. Where that cannot be written, the claim ends by itself."""
        try:
            await self._attempt(letter, settings)
        except StoreAway:
            pass
        except asyncio.CancelledError:
            if letter.id in self._left:
                await self._outbox.sent(letter.id)
            else:
                await self._outbox.postpone(letter.id, self._clock(), letter.tries, "the gateway was stopped")
            raise

    async def _attempt(self, letter: Letter, settings: MailSettings) -> None:
        try:
            # In a thread: the first letter loads templates and the mail client, which no request shall wait for.
            sender, message = await asyncio.to_thread(self._prepare, letter, settings)
            await sender.send(message, settings.sender, letter.recipient)
        except NotSent as error:
            await self._failed(letter, str(error), final=error.final)
            return
        except Exception:
            log.exception("a letter cannot be composed")
            await self._failed(letter, "it cannot be composed", final=False)
            return
        self._count(MailOutcome.SENT)
        self._left.add(letter.id)
        await self._outbox.sent(letter.id)
        self._left.discard(letter.id)

    def _prepare(self, letter: Letter, settings: MailSettings) -> tuple[Sender, EmailMessage]:
        snapshot = self._live.snapshot
        inside = open_note(snapshot.keys, Purpose.MAIL, letter.id, letter.sealed)
        if inside is None:
            raise NotSent("its words cannot be opened: no key of keys: fits", final=True)
        words = json.loads(inside)
        language = words["language"]
        asked = Asked(words["address"], words["browser"], letter.created)
        composed = self._letters.compose(snapshot, words["letter"], language, asked, words["values"])
        mark = snapshot.mark
        message = make_message(
            composed,
            letter_id=letter.id,
            created=letter.created,
            sender=(settings.sender_name, settings.sender),
            recipient=letter.recipient,
            language=language,
            logo=Logo(mark.logo, mark.logo_type) if mark.logo is not None and shows_logo(mark) else None,
        )
        return self._sender(settings), message

    async def _failed(self, letter: Letter, reason: str, *, final: bool) -> None:
        if final or letter.tries >= len(PAUSES):
            await self._outbox.bury(letter.id, reason)
            # Whom it was for is in the table only: it may be what somebody merely typed.
            self._audit.record(Event.MAIL_DEAD, outcome="failure", letter=letter.id, reason=reason, tries=letter.tries + 1)
            self._count(MailOutcome.DEAD)
            log.error("letter %s is given up after %d tries: %s", letter.id, letter.tries + 1, reason)
            return
        pause = PAUSES[letter.tries]
        await self._outbox.postpone(letter.id, self._clock() + pause, letter.tries + 1, reason)
        self._count(MailOutcome.POSTPONED)
        log.warning("letter %s did not leave and is tried again in %d s: %s", letter.id, pause, reason)
