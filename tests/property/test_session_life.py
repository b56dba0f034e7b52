"""A session's life against a model that is nothing but a list of what happened."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.core.identity import Identity, State
from gateway.core.session import TTL_SLACK, Life, Session, Standing, confirmed, decode, encode, judge, refreshed, rotated, rotation_due, touched
from tests.samples import NOW, sample_identity

LIFE = Life(idle=1800, absolute=43200, remember=2592000, rotate_every=3600, rotate_grace=60, touch_every=30)


def session(**changes: object) -> Session:
    fresh = Session(
        identity=sample_identity(),
        epoch=1,
        created=NOW,
        authenticated=NOW,
        last_seen=NOW,
        rotated=NOW,
        confirmed=0.0,
        secret=secret(0),
        replaced=b"",
        cookie="cookie 0",
        address="192.0.2.7",
        user_agent="Browser/1",
        remember=False,
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]  # a test names the field and gives its type


def secret(number: int) -> bytes:
    return number.to_bytes(32, "big")


class SessionLife(RuleBasedStateMachine):
    """The model: secrets in the order made, when each was first presented, the last use, and whether anybody remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.remember = False
        self.session = session()
        self.secrets = [secret(0)]
        self.first_presented: list[float | None] = [None]
        self.used = NOW
        self.made = NOW

    @precondition(lambda self: self.session == session() and not self.remember)
    @rule()
    def log_in_with_remember(self) -> None:
        self.remember = True
        self.session = session(remember=True)

    @rule(seconds=st.sampled_from([0.5, 1, 29, 59, 60, 61, 599, 1799, 1800, 3600, 40_000, 2_000_000]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(back=st.integers(0, 4), also=st.integers(0, 4), both=st.booleans())
    def present(self, back: int, also: int, both: bool) -> None:
        """A browser comes with the secret that was made `back` rotations ago, and perhaps with another one."""
        indices = {max(len(self.secrets) - 1 - number, -1) for number in ((back, also) if both else (back,))}
        secrets = tuple(self.secrets[index] if index >= 0 else secret(10**9) for index in indices)
        standing = judge(self.session, secrets, LIFE, self.now)
        assert standing is self.expected(indices)
        if standing is Standing.UNCONFIRMED:
            self.session = confirmed(self.session, self.now)
            self.first_presented[-1] = self.now
        elif standing in (Standing.PRESENT, Standing.REPLACED):
            self.session = touched(self.session, self.now)
        else:
            return
        self.used = self.now

    def expected(self, indices: set[int]) -> Standing:
        last = len(self.secrets) - 1
        if self.now >= NOW + (LIFE.remember if self.remember else LIFE.absolute):
            return Standing.OVER
        if not self.remember and self.now - self.used >= LIFE.idle:
            return Standing.IDLE
        successor = self.first_presented[last]
        if last in indices:
            return Standing.UNCONFIRMED if successor is None else Standing.PRESENT
        if last > 0 and last - 1 in indices and (successor is None or self.now - successor < LIFE.rotate_grace):
            return Standing.REPLACED
        return Standing.RETIRED

    @precondition(lambda self: rotation_due(self.session, LIFE, self.now))
    @rule()
    def rotate(self) -> None:
        self.secrets.append(secret(len(self.secrets)))
        self.first_presented.append(None)
        self.session = rotated(self.session, self.secrets[-1], f"cookie {len(self.secrets) - 1}", self.now)
        self.made = self.used = self.now

    @rule(epoch=st.integers(2, 5))
    def feel_a_newer_epoch(self, epoch: int) -> None:
        before = self.session
        self.session = refreshed(self.session, sample_identity("ann", "admins"), epoch)
        assert self.session.epoch == epoch
        assert self.session.identity.groups == ("admins",)
        assert (self.session.secret, self.session.cookie, self.session.confirmed) == (before.secret, before.cookie, before.confirmed)
        self.made = 0.0

    @invariant()
    def rotation_is_due_only_when_old_and_confirmed_and_past_the_grace(self) -> None:
        seen = self.first_presented[-1]
        in_grace = len(self.secrets) > 1 and seen is not None and self.now - seen < LIFE.rotate_grace
        assert rotation_due(self.session, LIFE, self.now) == (seen is not None and self.now - self.made >= LIFE.rotate_every and not in_grace)

    @invariant()
    def nothing_extends_the_absolute_limit(self) -> None:
        assert self.session.created == NOW
        assert self.session.absolute_end(LIFE) == NOW + (LIFE.remember if self.remember else LIFE.absolute)
        assert self.session.end(LIFE) <= self.session.absolute_end(LIFE)

    @invariant()
    def the_store_keeps_it_as_long_as_it_lives_and_slack(self) -> None:
        ttl = self.session.ttl(LIFE, self.now)
        assert ttl >= TTL_SLACK
        assert self.now >= self.session.end(LIFE) or abs(self.now + ttl - TTL_SLACK - self.session.end(LIFE)) < 1e-3

    @invariant()
    def a_record_holds_all_of_it(self) -> None:
        assert decode(encode(self.session)) == self.session


TestSessionLife = SessionLife.TestCase

TEXTS = st.text(max_size=60)
TIMES = st.floats(0, 4e9)
SESSIONS = st.builds(
    Session,
    identity=st.builds(Identity, TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=5).map(tuple), st.sampled_from(State)),
    epoch=st.integers(0, 2**53),
    created=TIMES,
    authenticated=TIMES,
    last_seen=TIMES,
    rotated=TIMES,
    confirmed=TIMES,
    secret=st.binary(min_size=32, max_size=32),
    replaced=st.binary(min_size=32, max_size=32) | st.just(b""),
    cookie=TEXTS,
    address=TEXTS,
    user_agent=TEXTS,
    remember=st.booleans(),
)


@given(SESSIONS)
def test_any_session_survives_its_record(one: Session) -> None:
    assert decode(encode(one)) == one


@given(SESSIONS, TIMES)
def test_a_session_that_is_not_remembered_never_outlives_its_idle_limit(one: Session, now: float) -> None:
    standing = judge(one, (one.secret,), LIFE, now)
    if not one.remember and now >= one.last_seen + LIFE.idle:
        assert standing in (Standing.IDLE, Standing.OVER)


@given(SESSIONS, TIMES)
def test_a_foreign_secret_is_never_good(one: Session, now: float) -> None:
    foreign = bytes(byte ^ 0xFF for byte in one.secret)
    if foreign != one.replaced:
        assert judge(one, (foreign,), LIFE, now) in (Standing.RETIRED, Standing.IDLE, Standing.OVER)
        assert judge(one, (), LIFE, now) in (Standing.RETIRED, Standing.IDLE, Standing.OVER)


@given(SESSIONS, TIMES)
def test_using_never_goes_back_in_time(one: Session, now: float) -> None:
    for after in (touched(one, now), confirmed(one, now), rotated(one, secret(1), "c", now)):
        assert after.last_seen >= one.last_seen


@given(SESSIONS, st.floats(1e6, 4e9), st.floats(0, 1800))
def test_a_use_that_is_not_written_yet_counts(one: Session, now: float, ago: float) -> None:
    one = replace(one, remember=False, created=now - 10_000, last_seen=now - 9000)
    assert judge(one, (one.secret,), LIFE, now) is Standing.IDLE
    standing = judge(one, (one.secret,), LIFE, now, last_used=now - ago)
    assert (standing is Standing.IDLE) == (now >= (now - ago) + LIFE.idle)


@given(st.binary(max_size=200))
def test_what_is_no_session_raises_what_is_promised(data: bytes) -> None:
    try:
        decode(data)
    except (ValueError, KeyError, TypeError):
        return
    raise AssertionError("garbage was read as a session")
