"""A request's headers gone through by verdicts, held to the plain form of core/headers.py."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.headers import Header, clean_request, clean_response
from gateway.core.routes import Route
from gateway.web.proxy.asking import read_sent
from gateway.web.proxy.lane import Lane
from gateway.web.proxy.names import MOST_LETTERS, MOST_NAMES, Verdict, answer_names, request_names
from gateway.web.proxy.pool import Pool
from tests.samples import IDENTITY_HEADERS, sample_facts, sample_route, sample_snapshot

OWN = sample_snapshot().own_cookies
STRIP = IDENTITY_HEADERS.strip


def sample_lane(route: Route) -> Lane:
    assert route.upstream is not None
    return Lane(route, Pool(route.upstream, route.tls))


LANE = sample_lane(sample_route(remove_headers=frozenset({"X-Gone", "Referer"}), set_headers=(("X-Set", "1"),)))

NAMES = st.sampled_from(
    b"Accept|accept|Cookie|cookie|COOKIE|Host|hOsT|Content-Length|content_length|Transfer-Encoding|Transfer_Encoding|Connection|connection|Close|CLOSE|"
    b"Keep-Alive|keep_alive|TE|Upgrade|Expect|X-User-Id|x_user_id|X.User.Email|X-Gateway-Jwt-Assertion|X-Forwarded-For|X_Forwarded_For|x-forwarded-host|"
    b"Authorization|authorization|Proxy-Authorization|X-Gone|x_gone|Referer|X-Set|X+Set|X-Request-Id|Forwarded|X-Real-IP|X-Foo|Proxy-Connection".split(
        b"|"
    )
) | st.from_regex(rb"[A-Za-z_.+-]{1,60}", fullmatch=True)
VALUES = st.sampled_from(
    b"|1|close|keep-alive|Keep-Alive|close, X-Foo|X-Foo|upgrade|gw=1; a=b|a=b;gw=2; c|gw=1|NTLM abc|negotiate x|Basic abc|10.0.0.1|\xff\xe4".split(
        b"|"
    )
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=12)


@settings(max_examples=600, deadline=None)
@example([(b"Connection", b"close"), (b"Close", b"1")])
@example([(b"X-Foo", b"1"), (b"Connection", b"close, x_foo")])
@given(HEADERS)
def test_what_passes_is_what_the_plain_form_lets_pass(headers: list[Header]) -> None:
    lines, _, hops, framed, bound = read_sent(headers, LANE, OWN)
    assert lines[1:] == [name + b": " + value for name, value in clean_request(headers, LANE.strip_request, OWN)]
    assert hops == [value for name, value in headers if name.lower() == b"x-forwarded-for"]
    assert framed == any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)
    binding = [name.lower() == b"authorization" and value.lower().startswith((b"negotiate", b"ntlm")) for name, value in headers]
    assert bound == any(binding)


@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_a_verdict_says_what_the_plain_form_does_with_a_name(name: bytes) -> None:
    asked, answered = request_names(STRIP)[name], answer_names(STRIP)[name]
    if asked in (Verdict.KEEP, Verdict.COOKIE, Verdict.CREDENTIALS):
        assert clean_request([(name, b"x")], STRIP, OWN)
    elif asked is not Verdict.DOUBT:
        assert not clean_request([(name, b"x")], STRIP, OWN)
    if answered in (Verdict.KEEP, Verdict.COOKIE, Verdict.CREDENTIALS, Verdict.CONTENT_TYPE):
        assert clean_response([(name, b"x")], STRIP, OWN)
    elif answered is not Verdict.DOUBT:
        assert not clean_response([(name, b"x")], STRIP, OWN)


def test_what_a_route_removes_from_answers_still_counts() -> None:
    """A challenge binds the connection and an event stream may be silent, whether or not the client hears of them."""
    names = answer_names(STRIP | {b"www-authenticate", b"content-type", b"x-gone"})
    assert [names[name] for name in (b"WWW-Authenticate", b"content-type", b"X-Gone")] == [Verdict.DOUBT, Verdict.DOUBT, Verdict.DROP]


def test_a_table_is_bounded_in_names_and_letters() -> None:
    """Whoever sends chooses the names."""
    names = request_names(STRIP)
    for number in range(10 * MOST_NAMES):
        assert names[b"X-Junk-%d" % number] is Verdict.KEEP
        assert len(names) <= MOST_NAMES
    kept = len(names)
    assert names[b"X-" + b"a" * MOST_LETTERS] is Verdict.KEEP
    assert len(names) == kept
    assert names[b"X_User-Id"] is Verdict.DROP


def test_lanes_that_strip_the_same_share_their_tables() -> None:
    first, second, other = (
        sample_lane(sample_route()),
        sample_lane(sample_route("two")),
        sample_lane(sample_route("three", remove_headers=frozenset({"A"}))),
    )
    second.share(first)
    other.share(first)
    assert second.request_names is first.request_names
    assert other.request_names is not first.request_names
    assert other.answer_names is first.answer_names


def test_the_place_is_that_of_this_request() -> None:
    """What is remembered of the last request counts for an equal one only."""
    lane = sample_lane(sample_route())
    wiki, plain, other = sample_facts(), sample_facts(scheme="http", port=8080), sample_facts(host="docs.example.com")
    for _ in range(2):
        assert lane.place(b"wiki.example.com", wiki) == (
            b"wiki.example.com",
            b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: wiki.example.com\r\nX-Forwarded-Port: 443\r\n",
        )
        assert lane.place(b"Wiki.example.com", wiki)[0] == b"Wiki.example.com"
        assert lane.place(b"wiki.example.com", other) == (
            b"docs.example.com",  # a trusted proxy named it: the one that was judged
            b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: docs.example.com\r\nX-Forwarded-Port: 443\r\n",
        )
        assert lane.place(b"wiki.example.com:8080", plain)[1].endswith(b"X-Forwarded-Host: wiki.example.com:8080\r\nX-Forwarded-Port: 8080\r\n")


def test_a_long_host_is_not_remembered() -> None:
    """What clients choose is kept in small pieces only. Where the route and a trusted proxy name the host, nobody reads the one that was sent."""
    lane = sample_lane(sample_route(preserve_host=False))
    facts = sample_facts()
    lane.place(b"wiki.example.com", facts)
    assert lane.place(b"a" * 400, facts)[0] == b"127.0.0.1:9"
    assert lane._place is not None
    assert lane._place[0] == b"wiki.example.com"
