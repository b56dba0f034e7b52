"""Header hygiene as tables. H numbers are the proxy checklist's: what may pass, in which spelling, and what can take it away."""

from __future__ import annotations

import pytest

from gateway.core.headers import (
    HOP_BY_HOP,
    Header,
    IdentityHeaders,
    clean_request,
    clean_response,
    cut_cookies,
    encode_value,
    find_cookies,
    fold,
    is_token,
    keep_private,
    nominated,
)
from gateway.core.identity import GROUP_NAME
from tests.samples import IDENTITY_HEADERS, sample_identity

OWN = frozenset({b"gw", b"__Host-gw", b"__Secure-gw", b"__Host-gw-csrf", b"gw-csrf", b"gw-lang"})
STRIP = IDENTITY_HEADERS.strip


def request(*headers: Header) -> list[Header]:
    return clean_request(headers, STRIP, OWN)


def response(*headers: Header) -> list[Header]:
    return clean_response(headers, STRIP, OWN)


def test_h1_what_connection_names_goes_with_it() -> None:
    assert request((b"Connection", b"close, X-Foo"), (b"X-Foo", b"1"), (b"X-Bar", b"2")) == [(b"X-Bar", b"2")]
    assert response((b"Connection", b"close, X-Foo"), (b"X-Foo", b"1"), (b"X-Bar", b"2")) == [(b"X-Bar", b"2")]


@pytest.mark.parametrize(
    "value",
    [b"X-Foo", b" x-foo ", b"close,X-FOO", b"close ,\tX-foo\t, keep-alive", b",,X-Foo,,", b"X_Foo", b"x.foo"],
)
def test_h1_however_connection_writes_it(value: bytes) -> None:
    assert request((b"cOnNeCtIoN", value), (b"X-Foo", b"1")) == []


def test_h1_every_connection_header_counts() -> None:
    headers = ((b"Connection", b"X-A"), (b"Connection", b"X-B"), (b"X-A", b"1"), (b"X-B", b"2"), (b"X-C", b"3"))
    assert request(*headers) == [(b"X-C", b"3")]
    assert nominated(headers) == {b"x-a", b"x-b"}


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_h2_hop_by_hop_headers_pass_in_neither_direction(name: bytes) -> None:
    for spelling in (name, name.upper(), name.title()):
        assert request((spelling, b"x")) == []
        assert response((spelling, b"x")) == []


@pytest.mark.parametrize("name", [b"transfer_encoding", b"Proxy_Connection", b"keep.alive", b"X_Forwarded_For", b"Content_Length", b"HOST"])
def test_h2_other_spellings_of_what_must_not_pass(name: bytes) -> None:
    assert request((name, b"x")) == []


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"Expect", b"Transfer-Encoding"])
def test_what_each_side_makes_anew_is_not_copied(name: bytes) -> None:
    assert request((name, b"x")) == []


@pytest.mark.parametrize(
    "spelling",
    [
        b"X-User-Id",
        b"x-user-id",
        b"X-USER-ID",
        b"X_User_Id",
        b"x_user_id",
        b"X-User_Id",
        b"X_User-Id",
        b"X.User.Id",
        b"x.USER_id",
        b"X-User-Email",
        b"X_USER_GROUPS",
        b"X-User.Name",
        b"X-Gateway-Jwt-Assertion",
        b"x_gateway_jwt_assertion",
        b"X.Gateway.JWT.Assertion",
    ],
)
def test_h4_identity_headers_are_dropped_in_every_spelling(spelling: bytes) -> None:
    assert request((spelling, b"admin"), (spelling, b"again"), (b"Accept", b"*/*")) == [(b"Accept", b"*/*")]
    assert response((spelling, b"admin")) == [], "H17: nor are they told to the browser"


@pytest.mark.parametrize("configured", ["x-webauth_USER", "X.Webauth.User", "x-WEBAUTH-user"])
def test_h4_a_configured_name_in_any_spelling_strips_all(configured: str) -> None:
    """CVE-2026-33433: a header name configured in an unusual spelling must not save the client's copy."""
    strip = frozenset({fold(configured.encode())})
    for spelling in (b"X-Webauth-User", b"x_webauth_user", b"X-WebAuth.User", configured.encode()):
        assert clean_request([(spelling, b"admin")], strip, OWN) == []


@pytest.mark.parametrize(
    "name",
    [
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
        b"X-Forwarded-Host",
        b"X-Forwarded-Port",
        b"X-Forwarded-Prefix",
        b"X-Forwarded-Method",
        b"X-Forwarded-Uri",
        b"X-Forwarded-Anything",
        b"Forwarded",
        b"X-Real-IP",
        b"X-Original-URL",
        b"X-Original-URI",
        b"X-Original-Method",
        b"X-Original-Host",
        b"X-Rewrite-URL",
        b"X-HTTP-Method-Override",
        b"True-Client-IP",
        b"X-Client-IP",
        b"X-Cluster-Client-IP",
    ],
)
def test_h8_h9_no_word_of_the_client_about_where_it_comes_from(name: bytes) -> None:
    for spelling in (name, name.lower(), name.replace(b"-", b"_"), name.replace(b"-", b".")):
        assert request((spelling, b"10.0.0.1")) == []


def test_h3_nothing_named_by_connection_takes_away_what_is_set_afterwards() -> None:
    """Stripping comes first, so the client's list meets nothing of ours."""
    kept = request((b"Connection", b"X-User-Id, X-User-Email, Cookie, Host, X-Real-IP, X-Forwarded-For"), (b"X-User-Id", b"admin"))
    ours = [*kept, *IDENTITY_HEADERS.values(sample_identity())]
    assert [name for name, _ in ours] == [b"X-User-Id", b"X-User-Email", b"X-User-Name", b"X-User-Groups"]


@pytest.mark.parametrize(
    ("cookie", "left"),
    [
        (b"__Host-gw=x", None),
        (b" __Host-gw=x ; ", None),
        (b"a=1; __Host-gw=x; b=2", b"a=1; b=2"),
        (b"__Host-gw=x; a=1", b"a=1"),
        (b"a=1; __Host-gw=x", b"a=1"),
        (b"__Host-gw=x; __Host-gw=y; __Secure-gw=z; gw=1; gw-csrf=2; __Host-gw-csrf=3; gw-lang=de; a=1", b"a=1"),
        (b"a=1;__Host-gw=x;b=2", b"a=1;b=2"),
        (b"__Host-gw = x; a=1", b"a=1"),
        (b"gwx=1; xgw=2; gw.=3; GW=4", b"gwx=1; xgw=2; gw.=3; GW=4"),
        (b'a="gw=1"; b=gw=2', b'a="gw=1"; b=gw=2'),
        (b"gw", None),
        (b"gw; a=1", b"a=1"),
        (b"a=b=c; gw=d=e; f", b"a=b=c; f"),
        (b"a=1;  b=2 ;c=3", b"a=1;  b=2 ;c=3"),
        (b"a=\xff\xfe; gw=1", b"a=\xff\xfe"),
        (b"", None),
    ],
)
def test_h6_own_cookies_are_cut_out_the_others_stay_as_they_were(cookie: bytes, left: bytes | None) -> None:
    assert request((b"Cookie", cookie)) == ([] if left is None else [(b"Cookie", left)])


def test_h6_in_every_cookie_header() -> None:
    assert request((b"Cookie", b"gw=1"), (b"cookie", b"a=1; gw=2"), (b"COOKIE", b"b=2")) == [(b"cookie", b"a=1"), (b"COOKIE", b"b=2")]


def test_h6_a_cookie_with_another_separator_is_another_cookie_to_us_and_hides_none() -> None:
    assert cut_cookies(b"a=1, gw=2; gw=3", OWN) == b"a=1, gw=2"


def test_h12_doubled_headers_stay_doubled_in_their_order() -> None:
    headers = [(b"Accept", b"a"), (b"X-A", b"1"), (b"Accept", b"b"), (b"accept", b"c")]
    assert request(*headers) == headers
    cookies = [(b"Set-Cookie", b"a=1"), (b"X-A", b"1"), (b"Set-Cookie", b"b=2, c=3"), (b"Set-Cookie", b"a=1")]
    assert response(*cookies) == cookies


def test_h13_value_bytes_are_not_touched() -> None:
    value = bytes(range(0x80, 0x100)) + b" \t %00 "
    assert request((b"X-A", value)) == [(b"X-A", value)]
    assert response((b"X-A", value)) == [(b"X-A", value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Ann", b"Ann"),
        ("Ann Onymous <a@example.com>", b"Ann Onymous <a@example.com>"),
        ("", b""),
        ("Zoë", b"Zo%C3%AB"),
        ("张伟", b"%E5%BC%A0%E4%BC%9F"),
        ("100%", b"100%25"),
        ("%0d%0aX: 1", b"%250d%250aX: 1"),
        ("a\r\nX-User-Groups: admins", b"a%0D%0AX-User-Groups: admins"),
        ("a\nb", b"a%0Ab"),
        ("a\rb", b"a%0Db"),
        ("a\x00b", b"a%00b"),
        ("a\tb", b"a%09b"),
        ("a\x7fb", b"a%7Fb"),
        ("a\x85b\u2028c", b"a%C2%85b%E2%80%A8c"),
        ("\U0001f600", b"%F0%9F%98%80"),
        ("a\udc80b", b"a?b".replace(b"?", b"%3F")),
    ],
)
def test_h14_values_cannot_split_and_stay_readable(text: str, value: bytes) -> None:
    assert encode_value(text) == value


@pytest.mark.parametrize("name", ["admins", "a", "Team.A", "ou:dev/ops@eu-1_x", "0", "a" * 64])
def test_h15_groups_that_are_names(name: str) -> None:
    assert GROUP_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "a,b", "a|b", "a;b", "a b", " a", "a\n", ".a", "-a", "a\x00", "gruppe-ä", "a" * 65, "a%2Cb", '"a"', "a\u202e"])
def test_h15_no_group_name_can_forge_a_list(name: str) -> None:
    assert not GROUP_NAME.fullmatch(name)


def test_h15_groups_are_joined_by_commas() -> None:
    values = dict(IDENTITY_HEADERS.values(sample_identity("ann", "admins", "dev/ops")))
    assert values[b"X-User-Groups"] == b"admins,dev/ops"


@pytest.mark.parametrize("cookie", [b"__Host-gw=x; Path=/", b"__host-gw=x", b"gw=x", b" gw =x", b"gw-csrf=", b"gw", b"__Secure-gw=1; Domain=a"])
def test_h16_an_upstream_sets_no_cookie_of_ours(cookie: bytes) -> None:
    """The case of a cookie's name counts, so `__host-gw` is not ours, and not a name that browsers treat as ours either."""
    passes = cookie == b"__host-gw=x"
    assert response((b"Set-Cookie", cookie), (b"set-cookie", b"app=1")) == [*([(b"Set-Cookie", cookie)] if passes else []), (b"set-cookie", b"app=1")]


def test_nobody_is_told_with_empty_values_and_never_with_none() -> None:
    assert IDENTITY_HEADERS.values(None) == [(b"X-User-Id", b""), (b"X-User-Email", b""), (b"X-User-Name", b""), (b"X-User-Groups", b"")]


def test_an_attribute_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="attribute"):
        IdentityHeaders(attributes=(("X-A", "password"),)).values(sample_identity())


@pytest.mark.parametrize("name", ["X-A", "x", "!#$%&'*+.^_`|~09", "Content-Type"])
def test_tokens(name: str) -> None:
    assert is_token(name)


@pytest.mark.parametrize("name", ["", " X", "X ", "X:", "X\n", "X(1)", "Ä", "X\t", "X/Y", "[X]", '"X"', "X,Y", "X=Y", "X\x00"])
def test_no_tokens(name: str) -> None:
    assert not is_token(name)


@pytest.mark.parametrize(
    ("cookie", "found"),
    [
        ([b"gw=1"], ("1",)),
        ([b"a=0; gw=1; gw=2"], ("1", "2")),
        ([b"gw=1", b"gw=2"], ("1", "2")),
        ([b"gw=1;gw=2;gw=3;gw=4;gw=5"], ("1", "2", "3", "4")),
        ([b" gw = 1 "], ("1",)),
        ([b"gwx=1; xgw=2; GW=3"], ()),
        ([b'a="gw=1"'], ()),
        ([b"a=gw=1"], ()),
        ([b"gw"], ("",)),
        ([b"gw="], ("",)),
        ([b"gw=a=b"], ("a=b",)),
        ([b"gw=\xff"], ("\xff",)),
        ([b""], ()),
        ([], ()),
    ],
)
def test_own_cookies_are_found_in_the_raw_header(cookie: list[bytes], found: tuple[str, ...]) -> None:
    assert find_cookies([(b"Cookie", value) for value in cookie], b"gw") == found
    assert find_cookies([(b"cOOkie", value) for value in cookie], b"gw") == found
    assert find_cookies([(b"X-Cookie", value) for value in cookie], b"gw") == ()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([], b"private"),
        ([b"public, max-age=60"], b"max-age=60, private"),
        ([b"Public, S-MaxAge=60"], b"private"),
        ([b"s-maxage = 60, max-age=1"], b"max-age=1, private"),
        ([b"no-store"], b"no-store"),
        ([b"public, no-store"], b"no-store"),
        ([b"private"], b"private"),
        ([b'private="X-A", max-age=1'], b'private="X-A", max-age=1, private'),
        ([b"max-age=1", b"public"], b"max-age=1, private"),
        ([b""], b"private"),
        ([b"no-cache"], b"no-cache, private"),
    ],
)
def test_an_answer_with_our_cookie_is_for_one_person(sent: list[bytes], kept: bytes) -> None:
    others = [(b"X-A", b"1"), (b"CDN-Cache-Control", b"max-age=9"), (b"surrogate-control", b"max-age=9")]
    assert keep_private([*[(b"cache-control", value) for value in sent], *others]) == [(b"X-A", b"1"), (b"Cache-Control", kept)]
