"""What is done for an answer, in its order: hashes, commands to the session store, SQL, and pauses that hide the rest. A command can be held up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from gateway.services.pace import Pace
from gateway.services.passwords import Checked, Passwords

#: Marks of a stretch that lasts equally long for everybody, whatever is done in it.
BEGIN, KEEP = "pace begins", "pace is kept"
WAIT_OUT = "wait out"
STORE = "store: "


class Held(NamedTuple):
    """A command that is held up: `reached` when it has come so far, until `let_go`."""

    reached: asyncio.Event
    let_go: asyncio.Event


class Ledger:
    """Everything that was done since the last `take`."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._held: dict[str, Held] = {}
        self.given: list[bytes] = []
        """What the session store was ever given: keys, records, counters."""

    def note(self, what: str) -> None:
        """Write it down."""
        self._done.append(what)

    def take(self) -> list[str]:
        """What was done, and forget it."""
        done, self._done = self._done, []
        return done

    def hold(self, command: str) -> Held:
        """Hold up the next command of that name to the session store."""
        self._held[command] = held = Held(asyncio.Event(), asyncio.Event())
        return held

    async def pass_on(self, command: str, arguments: Iterable[object]) -> None:
        """Note a command to the session store, and return when it may go on."""
        self.note(f"{STORE}{command}")
        self.given += [one if isinstance(one, bytes) else repr(one).encode() for one in arguments]
        held = self._held.pop(command, None)
        if held is not None:
            held.reached.set()
            await held.let_go.wait()

    @contextmanager
    def reads_sql(self) -> Iterator[None]:
        """Note every statement, without its values, of any database of this process."""

        def execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.note(" ".join(statement.split()))

        event.listen(Engine, "before_cursor_execute", execute)
        yield
        event.remove(Engine, "before_cursor_execute", execute)


def noted(store: Any, ledger: Ledger) -> Any:
    """`store`, each command to which is noted."""
    return _Noted(store, ledger)


class _Noted:
    def __init__(self, store: Any, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        command = getattr(self._store, name)

        async def pass_on(*arguments: Any, **named: Any) -> Any:
            await self._ledger.pass_on(name, [*arguments, *named.values()])
            return await command(*arguments, **named)

        return pass_on


class NotedPasswords(Passwords):
    """Notes hashes, and refusals that are waited out."""

    ledger: Ledger

    async def hash(self, password: str) -> str:
        self.ledger.note("hash")
        return await super().hash(password)

    async def check(self, stored: str | None, password: str) -> Checked:
        self.ledger.note("hash")
        return await super().check(stored, password)

    async def wait_out(self, checked: Checked) -> None:
        self.ledger.note(WAIT_OUT)
        await super().wait_out(checked)


class NotedPace(Pace):
    """Notes where a pause begins to count and where it ends."""

    ledger: Ledger

    def begin(self) -> float:
        self.ledger.note(BEGIN)
        return super().begin()

    async def keep(self, begun: float) -> None:
        await super().keep(begun)
        self.ledger.note(KEEP)


def seen(done: list[str]) -> list[str]:
    """What of it takes time that can be seen: whatever lies within a pause is told as one pause."""
    told, hidden = [], False
    for what in done:
        if what == BEGIN:
            hidden = True
        elif what == KEEP:
            assert hidden
            hidden = False
            told.append("pause")
        elif not hidden:
            told.append(what)
    assert not hidden, "a pause that was never kept"
    return told
