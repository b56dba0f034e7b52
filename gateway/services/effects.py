"""Effects: what changes of an account do to its sessions.

A change raises the account's epoch and leaves one row in SQL in the same transaction; applying it ends the user's sessions below `end_below`, gives
the others below `epoch` the identity as it is now, and deletes the row if no newer change has replaced it. Whoever wrote it applies it at once;
every serving process looks for rows that are left each second, so a store that was away, or another process's memory store, delays an effect but
loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.services.sessions import Sessions
from gateway.snapshot import Live
from gateway.stores import StoreAway
from gateway.stores.accounts import AccountStore, SessionEffect


class Effects:
    """Applies effects. `report` hears of a store that was away."""

    def __init__(self, accounts: AccountStore, sessions: Sessions, live: Live, report: Callable[[str], None]) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._live = live
        self._report = report

    async def apply(self, effect: SessionEffect) -> None:
        """Raises StoreAway; then the row stays and the effect is applied later."""
        snapshot = self._live.snapshot
        account = await self._accounts.get(effect.user_id)
        for member, session in await self._sessions.members(snapshot, effect.user_id):
            if session.epoch < effect.end_below or account is None:
                await self._sessions.end_member(snapshot, effect.user_id, member)
            elif session.epoch < effect.epoch:
                await self._sessions.refresh(snapshot, member, account.identity, account.epoch)
        await self._accounts.effect_applied(effect)

    async def apply_pending(self) -> int:
        """Apply every effect that is left; how many there were."""
        effects = await self._accounts.effects()
        for effect in effects:
            await self.apply(effect)
        return len(effects)

    async def run(self, every: float = 1.0) -> None:
        """Apply what is left, forever; a store that is away is tried again."""
        away = False
        while True:
            try:
                await self.apply_pending()
                away = False
            except StoreAway as error:
                if not away:
                    self._report(f"changes of accounts wait for a store: {error}")
                away = True
            await asyncio.sleep(every)
