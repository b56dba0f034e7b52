"""Numbers for metrics, counted where things happen without those places knowing of metrics."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from gateway.services.audit import Event
from gateway.services.copies import Copies
from gateway.stores import StoreAway
from gateway.stores.redis.primaries import PrimariesTracking
from gateway.stores.redis.tracking import Tracking
from gateway.telemetry.metrics import CopyEvent, CopyNumbers, LoginOutcome, Metrics, SessionEvent, TrackingState

_Store = TypeVar("_Store")

_SESSIONS: Final = {
    Event.SESSION_START: SessionEvent.STARTED,
    Event.SESSION_ROTATE: SessionEvent.ROTATED,
    Event.SESSION_END: SessionEvent.ENDED,
    Event.SESSION_EXPIRE: SessionEvent.ENDED,
    Event.SESSION_REVOKE: SessionEvent.ENDED,
    Event.SESSION_THEFT: SessionEvent.THEFT,
}
_LOGINS: Final = {
    Event.LOGIN_SUCCESS: LoginOutcome.SUCCESS,
    Event.LOGIN_FAILURE: LoginOutcome.FAILURE,
    Event.LOGIN_THROTTLED: LoginOutcome.THROTTLED,
}


def counting_events(metrics: Metrics) -> Callable[[Event], None]:
    """What an audit trail is to tell its events to."""

    def heard(event: Event) -> None:
        if event in _SESSIONS:
            metrics.session(_SESSIONS[event])
        elif event in _LOGINS:
            metrics.login(_LOGINS[event])

    return heard


def copy_numbers(copies: Copies[Any], tracking: Tracking | PrimariesTracking) -> CopyNumbers:
    """The numbers of copies that `tracking` keeps true."""
    state = TrackingState.GOOD if tracking.good else TrackingState.LOST if tracking.refused is None else TrackingState.REFUSED
    events = {
        CopyEvent.HIT: copies.hits,
        CopyEvent.MISS: copies.misses,
        CopyEvent.INVALIDATION: copies.invalidations,
        CopyEvent.FLUSH: copies.flushes,
    }
    return CopyNumbers(events, len(copies), copies.bytes, state)


def counting_absence(store: _Store, count: Callable[[], None]) -> _Store:
    """`store`, with `count` called each time one of its methods raises StoreAway."""
    return cast(_Store, _Counting(store, count))


class _Counting:
    """Stands in front of a store; methods are wrapped when first asked for and then found like any attribute."""

    def __init__(self, store: object, count: Callable[[], None]) -> None:
        self._store = store
        self._count = count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if inspect.iscoroutinefunction(found):
            found = _counted(found, self._count)
            setattr(self, name, found)
        return found


def _counted(method: Callable[..., Awaitable[Any]], count: Callable[[], None]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def call(*arguments: Any, **named: Any) -> Any:
        try:
            return await method(*arguments, **named)
        except StoreAway:
            count()
            raise

    return call
