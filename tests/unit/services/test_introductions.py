"""Introductions: made once for a session and route, and anew for whatever changed."""

from __future__ import annotations

from dataclasses import replace

from gateway.core.headers import IdentityHeaders
from gateway.core.identity import Identity
from gateway.core.session import Session
from gateway.services.introductions import Introductions
from gateway.services.sessions import Found
from tests.samples import SettableClock, sample_identity, sample_route, sample_snapshot

HEADERS = IdentityHeaders(attributes=(("X-User-Email", "email"), ("X-User-Groups", "groups")), assertion="X-Assertion")


def found(identity: Identity) -> Found:
    session = Session(
        identity=identity,
        epoch=1,
        created=0,
        authenticated=0,
        last_seen=0,
        rotated=0,
        confirmed=0,
        secret=b"",
        replaced=b"",
        cookie="",
        address="192.0.2.1",
        user_agent="",
        remember=False,
    )
    return Found(session, identity.user_id)


def test_one_is_made_for_each_session_and_route_until_something_changes(clock: SettableClock) -> None:
    introductions, snapshot = Introductions(clock), sample_snapshot()
    ann, bob = sample_identity("ann"), sample_identity("bob")
    wiki, shop = sample_route("wiki", identity=HEADERS), sample_route("shop", identity=HEADERS)
    of_ann, of_bob = found(ann), found(bob)

    first = introductions.of(snapshot, wiki, ann, of_ann)
    assert introductions.of(snapshot, wiki, sample_identity("ann"), of_ann) is first
    assert first.lines == b"".join(b"%b: %b\r\n" % header for header in first.headers)
    assert dict(first.headers)[b"X-User-Email"] == b"ann@example.com"

    assert dict(introductions.of(snapshot, wiki, bob, of_bob).headers)[b"X-User-Email"] == b"bob@example.com"
    assert dict(introductions.of(snapshot, shop, ann, of_ann).headers)[b"X-Assertion"] != dict(first.headers)[b"X-Assertion"]
    assert dict(introductions.of(snapshot, wiki, None, of_ann).headers) == {b"X-User-Email": b"", b"X-User-Groups": b"", b"X-Assertion": b""}

    moved = replace(ann, groups=("staff",))
    assert dict(introductions.of(snapshot, wiki, moved, of_ann).headers)[b"X-User-Groups"] == b"staff"

    other = replace(wiki, identity=IdentityHeaders(attributes=(("Remote-User", "email"),)))
    assert introductions.of(replace(snapshot), other, ann, of_ann).headers == ((b"Remote-User", b"ann@example.com"),)


def test_an_assertion_is_renewed_after_half_of_its_life(clock: SettableClock) -> None:
    introductions, snapshot, route = Introductions(clock), sample_snapshot(), sample_route(identity=HEADERS)
    ann = sample_identity("ann")
    first = introductions.of(snapshot, route, ann, found(ann))
    clock.now += HEADERS.assertion_lifetime / 2 - 1
    assert introductions.of(snapshot, route, ann, found(ann)) is first
    clock.now += 1
    assert introductions.of(snapshot, route, ann, found(ann)) != first
