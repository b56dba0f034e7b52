"""Who is told that a session has ended, and who is not."""

from __future__ import annotations

from gateway.services.audit import Audit
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Sessions
from gateway.services.watch import Watch
from gateway.snapshot import Live
from gateway.stores import StoreAway
from gateway.stores.memory import MemorySessionStore
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot


class Parted(MemorySessionStore):
    """As in a cluster: `absent` keys are on a server that is away."""

    absent: frozenset[str] = frozenset()

    async def get(self, key: str) -> bytes | None:
        if key in self.absent:
            raise StoreAway("gone")
        return await super().get(key)

    async def get_many(self, keys: list[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]


async def test_a_server_that_is_away_hides_no_end_of_the_others_sessions(clock: SettableClock) -> None:
    store = Parted(clock)
    records = Records(store, "gw:")
    sessions = Sessions(records, Renewal(records, clock), Audit(lambda line: None, clock), clock)
    snapshot = sample_snapshot()
    watch = Watch(sessions, Live(snapshot))
    told: list[str] = []
    members = []
    for name in ("absent", "ended", "lives"):
        started = await sessions.start(snapshot, sample_account(name), sample_facts(), remember=False)
        watch.add(started.member, lambda name=name: told.append(name))  # type: ignore[misc]
        members.append(started.member)
    for member in members[:2]:
        await store.delete(f"gw:s:{member}")
    store.absent = frozenset({f"gw:s:{members[0]}"})
    await watch.check()
    assert told == ["ended"]
    store.absent = frozenset()
    await watch.check()
    assert told == ["ended", "absent"]
