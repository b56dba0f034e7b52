"""A wrong code takes one time for every address, however long hashing took: what may tell something begins behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.facts import Facts
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.services.audit import Audit
from gateway.services.effects import Effects
from gateway.services.pace import Pace
from gateway.services.passwords import Passwords
from gateway.services.records import Records
from gateway.services.recovery import Recovery
from gateway.services.renewal import Renewal
from gateway.services.sessions import Sessions
from gateway.services.throttle import Throttle
from gateway.services.tickets import Tickets
from gateway.services.verification import Bad, Verification
from gateway.snapshot import Live, Snapshot
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.tokens import SqlTokenStore
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot


class Slow(Passwords):
    """So many others hash that each hash takes ten seconds of `clock`."""

    clock: SettableClock

    async def hash(self, password: str) -> str:
        self.clock.now += 10.0
        return await super().hash(password)


class Letters:
    """Nobody reads them here."""

    async def post(self, snapshot: Snapshot, recipient: str, letter: str, language: str, *, facts: Facts | None = None, **values: str | int) -> None:
        """Forget it."""


@pytest.mark.parametrize("email", [sample_account().identity.email, "nobody@example.org"])
async def test_a_wrong_code_waits_however_long_hashing_took(tmp_path: Path, clock: SettableClock, email: str) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    database = open_database(f"sqlite:///{tmp_path / 'users.db'}")
    await schema.upgrade(database)
    accounts, snapshot, audit = SqlAccountStore(database), sample_snapshot(), Audit(lambda line: None, clock)
    await accounts.add(sample_account())
    records = Records(MemorySessionStore(clock), "gw:")
    sessions = Sessions(records, Renewal(records, clock), audit, clock)
    throttle = Throttle(MemoryThrottleStore(clock), "gw:", SqlFailureStore(database))
    effects, tickets = Effects(accounts, sessions, Live(snapshot), lambda line: None), Tickets(SqlTokenStore(database), throttle, clock)
    passwords, pace = Slow(Hasher(CHEAPEST), 1), Pace(1.0, clock, sleep)
    passwords.clock = clock
    verification = Verification(accounts, tickets, Letters(), passwords, throttle, effects, audit, pace)
    recovery = Recovery(accounts, tickets, verification, Letters(), passwords, throttle, effects, audit, pace)
    outcome = await recovery.reset_with_code(snapshot, sample_facts(), email, "123456", "a tortoise plays the cello")
    assert (outcome, slept) == (Bad(), [1.0])
    passwords.close()
    await database.close()
