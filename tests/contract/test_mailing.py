"""Letters on their way: from the outbox in a real database to a real mail server that refuses, hangs, drops the line and recovers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from gateway.mail.letters import Letters
from gateway.mail.senders import sender_of
from gateway.mail.smtp import SmtpSender
from gateway.services.audit import Audit
from gateway.services.mailing import AT_ONCE, BURIED, LEASE, PAUSES, Mailer
from gateway.snapshot import Live, MailSafety, MailSettings, MailWay
from gateway.stores import StoreAway
from gateway.stores.sql.outbox import SqlOutboxStore
from gateway.telemetry.metrics import MailOutcome
from tests.mailserver import Mood, link_in, text_of
from tests.samples import SettableClock, sample_facts, sample_ring, sample_snapshot

LINK = "https://auth.example.com/_auth/reset?token=secret-of-this-letter"
LETTER: dict[str, str | int] = {"link": LINK, "code": "", "lasts": 1800, "user": "01a204ee"}


class Office:
    """A process with its mailer: the database and the mail server are others' too."""

    def __init__(self, database, server, clock, *, folder=None, step=5.0, mail=True):
        self.clock = clock
        self.outbox = SqlOutboxStore(database)
        self.audit: list[str] = []
        self.counted: Counter[MailOutcome] = Counter()
        settings = MailSettings(MailWay.SMTP, "no-reply@example.com", "Example", "localhost", server.port, MailSafety.NONE)
        self.snapshot = sample_snapshot(mail=settings if mail else None)
        self.live = Live(self.snapshot)
        self.letters = Letters(lambda _language: lambda text: text, folder)
        self.mailer = self.mailer_of(self.outbox, step)

    def mailer_of(self, outbox, step=5.0) -> Mailer:
        return Mailer(
            outbox,
            self.letters,
            self.live,
            lambda settings: SmtpSender(settings, step=step),
            Audit(self.audit.append, self.clock),
            self.count,
            self.clock,
        )

    def count(self, outcome: MailOutcome) -> None:
        self.counted[outcome] += 1

    async def post(self, recipient="ann@example.com") -> None:
        await self.mailer.post(self.snapshot, recipient, "reset", "en", facts=sample_facts(user_agent="Firefox/1 on Linux"), **LETTER)

    async def send(self) -> int:
        """Send what is due; how many were tried."""
        begun = await self.mailer.send_due()
        await asyncio.gather(*begun)
        return len(begun)


@pytest.fixture
def office(database, mail_server, clock) -> Office:
    return Office(database, mail_server, clock)


async def test_a_letter_is_put_in_and_leaves(office, mail_server):
    await office.post()
    assert await office.outbox.waiting() == 1
    assert mail_server.asked == 0
    assert await office.send() == 1
    (message,) = mail_server.letters("ann@example.com")
    assert message["From"] == "Example <no-reply@example.com>"
    assert message["X-Envelope-From"] == "no-reply@example.com"
    assert message["Subject"] == "Set a new password"
    assert link_in(message) == LINK
    assert "192.0.2.7" in text_of(message)
    assert "Firefox (Linux)" in text_of(message)
    assert await office.outbox.waiting() == 0
    assert await office.send() == 0
    assert office.counted == {MailOutcome.POSTED: 1, MailOutcome.SENT: 1}


async def test_what_waits_cannot_be_read(office, database):
    await office.post()
    (letter,) = await office.outbox.claim(office.clock(), office.clock() + 1, 1)
    assert b"secret" not in letter.sealed
    assert b"reset" not in letter.sealed
    assert "secret" not in repr(letter)


async def test_a_server_that_refuses_for_now_is_tried_five_times(office, mail_server):
    mail_server.mood = Mood.LATER
    await office.post()
    for tries, pause in enumerate(PAUSES, 1):
        assert await office.send() == 1
        assert mail_server.asked == tries
        office.clock.forward(pause - 0.01)
        assert await office.send() == 0, "not before its pause is over"
        office.clock.forward(0.02)
    assert (PAUSES[0], PAUSES[-1]) == (1.0, 600.0)
    assert await office.send() == 1
    office.clock.forward(1e6)
    assert await office.send() == 0
    assert mail_server.asked == 5
    (dead,) = await office.outbox.dead(10)
    assert dead.error == "the server refused the message (451 4.3.0)"
    (line,) = map(json.loads, office.audit)
    assert (line["audit"], line["outcome"], line["letter"], line["tries"]) == ("mail:dead", "failure", dead.id, 5)
    assert "ann@example.com" not in office.audit[0]
    assert office.counted == {MailOutcome.POSTED: 1, MailOutcome.POSTPONED: 4, MailOutcome.DEAD: 1}


async def test_a_recipient_whom_the_server_does_not_know_is_not_tried_again(office, mail_server):
    mail_server.mood = Mood.NEVER
    await office.post()
    assert await office.send() == 1
    office.clock.forward(1e6)
    assert await office.send() == 0
    assert len(await office.outbox.dead(10)) == 1
    assert office.counted[MailOutcome.DEAD] == 1


@pytest.mark.parametrize("mood", [Mood.LATER, Mood.DROP, Mood.HANG])
async def test_a_letter_arrives_once_the_server_has_recovered(database, mail_server, clock, mood):
    office = Office(database, mail_server, clock, step=0.3 if mood is Mood.HANG else 5.0)
    mail_server.mood = mood
    await office.post()
    await office.send()
    assert mail_server.letters() == []
    mail_server.mood = Mood.TAKE
    clock.forward(PAUSES[0])
    await office.send()
    assert len(mail_server.letters("ann@example.com")) == 1


async def test_a_server_that_was_away_gets_the_letter_when_it_is_back(office, mail_server):
    mail_server.stop()
    await office.post()
    await office.send()
    mail_server.start()
    office.clock.forward(PAUSES[0])
    await office.send()
    assert len(mail_server.letters()) == 1


async def test_several_processes_send_each_letter_once(database, mail_server, clock):
    offices = [Office(database, mail_server, clock) for _ in range(3)]
    for number in range(3 * AT_ONCE):
        await offices[number % 3].post(f"user{number}@example.com")
    while sum(await asyncio.gather(*(office.send() for office in offices))):
        pass
    recipients = [message["X-Envelope-To"] for message in mail_server.letters()]
    assert sorted(recipients) == sorted(f"user{number}@example.com" for number in range(3 * AT_ONCE))
    assert mail_server.asked == len(recipients)


async def test_one_process_sends_only_so_many_at_a_time(office, mail_server):
    mail_server.mood = Mood.HANG
    for number in range(AT_ONCE + 3):
        await office.post(f"user{number}@example.com")
    assert len(await office.mailer.send_due()) == AT_ONCE
    assert await office.mailer.send_due() == []
    await office.mailer.drain(0.1)


async def test_what_another_process_claimed_and_never_sent_is_taken_over(database, mail_server, clock):
    dying, other = Office(database, mail_server, clock), Office(database, mail_server, clock)
    await dying.post()
    await dying.outbox.claim(clock(), clock() + LEASE, 1)
    assert await other.send() == 0
    clock.forward(LEASE + 1)
    assert await other.send() == 1
    assert len(mail_server.letters()) == 1


async def test_at_the_end_what_is_due_is_sent(office, mail_server):
    for number in range(2 * AT_ONCE + 1):
        await office.post(f"user{number}@example.com")
    await office.mailer.drain(20.0)
    assert len(mail_server.letters()) == 2 * AT_ONCE + 1


async def test_what_cannot_be_sent_at_the_end_is_free_for_the_next_at_once(database, mail_server, clock):
    ending, following = Office(database, mail_server, clock), Office(database, mail_server, clock)
    mail_server.mood = Mood.HANG
    await ending.post()
    await ending.mailer.drain(0.2)
    assert await ending.outbox.waiting() == 1
    mail_server.mood = Mood.TAKE
    assert await following.send() == 1
    assert len(mail_server.letters()) == 1


async def test_a_letter_leaves_by_itself(database, mail_server, clock):
    office = Office(database, mail_server, clock)
    running = asyncio.create_task(office.mailer.run(3600.0))
    await office.post()
    await office.post("bob@example.com")
    await asyncio.to_thread(mail_server.wait_for, "bob@example.com")
    await asyncio.to_thread(mail_server.wait_for, "ann@example.com")
    running.cancel()
    await office.mailer.drain(5.0)
    assert await office.outbox.waiting() == 0


class Failing:
    """An outbox that fails when it is told that a letter was sent."""

    def __init__(self, outbox, times):
        self._outbox = outbox
        self._times = times

    def __getattr__(self, name):
        return getattr(self._outbox, name)

    async def sent(self, letter_id):
        self._times -= 1
        if self._times >= 0:
            raise StoreAway("the database is away")
        await self._outbox.sent(letter_id)


async def test_a_letter_that_left_while_the_database_was_away_is_not_sent_again(office, mail_server):
    await office.post()
    mailer = office.mailer_of(Failing(office.outbox, 2))
    await asyncio.gather(*await mailer.send_due())
    with pytest.raises(StoreAway):
        await mailer.send_due()
    office.clock.forward(LEASE + 1)
    assert await mailer.send_due() == []
    assert len(mail_server.letters()) == 1
    assert await office.outbox.waiting() == 0


async def test_a_letter_of_a_key_that_is_gone_is_buried(office, mail_server):
    await office.post()
    office.live.snapshot = replace(office.snapshot, keys=sample_ring("2027a"))
    assert await office.send() == 1
    (dead,) = await office.outbox.dead(1)
    assert dead.error == "its words cannot be opened: no key of keys: fits"
    assert mail_server.asked == 0


async def test_a_broken_template_is_tried_again_when_it_may_be_mended(database, mail_server, clock, tmp_path, caplog):
    (tmp_path / "reset.txt").write_text("Subject: x\n{{ nothing }}")
    office = Office(database, mail_server, clock, folder=tmp_path)
    await office.post()
    assert await office.send() == 1
    assert "secret-of-this-letter" not in caplog.text
    (tmp_path / "reset.txt").unlink()
    mended = Office(database, mail_server, clock)
    clock.forward(PAUSES[0])
    assert await mended.send() == 1
    assert len(mail_server.letters()) == 1


async def test_without_a_way_out_nothing_piles_up(database, mail_server, clock):
    office = Office(database, mail_server, clock, mail=False)
    await office.post()
    assert await office.outbox.waiting() == 0
    assert await office.send() == 0


async def test_a_letter_without_its_values_is_not_put_in(office):
    with pytest.raises(ValueError, match="lasts"):
        await office.mailer.post(office.snapshot, "ann@example.com", "reset", "en", link=LINK, code="")
    with pytest.raises(ValueError, match="name"):
        await office.mailer.post(office.snapshot, "ann@example.com", "reset", "en", name="Ann", **LETTER)
    assert await office.outbox.waiting() == 0


async def test_buried_letters_are_deleted_in_the_end(office, mail_server):
    mail_server.mood = Mood.NEVER
    await office.post()
    await office.send()
    office.clock.forward(BURIED - 1)
    await office.mailer.tidy()
    assert len(await office.outbox.dead(10)) == 1
    office.clock.forward(2)
    await office.mailer.tidy()
    assert await office.outbox.dead(10) == []


async def test_a_sender_that_is_configured_anew_takes_over(database, mail_server, clock, tmp_path):
    office = Office(database, mail_server, clock)
    await office.post()
    office.live.snapshot = replace(office.snapshot, mail=MailSettings(MailWay.SPOOL, "other@example.com", folder=str(tmp_path / "spool")))
    mailer = Mailer(
        office.outbox, office.letters, office.live, lambda mail: sender_of(mail, print), Audit(print, clock), office.count, SettableClock()
    )
    await asyncio.gather(*await mailer.send_due())
    (file,) = (tmp_path / "spool").iterdir()
    assert b"From: other@example.com" in file.read_bytes()
