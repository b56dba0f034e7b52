"""One JSON object of known keys, and an error that says what is wrong and where."""

from __future__ import annotations

import pytest

from gateway.web.api.body import MOST_TEXT, BadBody, BadFields, Kind, parse_values

FIELDS = {"email": Kind.TEXT, "remember": Kind.FLAG, "phone": Kind.CLEARABLE}


def test_values():
    values = parse_values(b' {"email": "ann@example.com", "remember": true, "phone": null}\n', FIELDS)
    assert values == {"email": "ann@example.com", "remember": True, "phone": None}
    assert parse_values(b'{"email": "x"}', FIELDS) == {"email": "x"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty, a JSON object is needed"),
        (b" \n", "the body is empty, a JSON object is needed"),
        (b'{"email": "a\xff"}', "the body is not UTF-8 at byte 13"),
        (b"\xef\xbb\xbf{}", "the body is not JSON at character 1"),
        (b'{"email": }', "the body is not JSON at character 11"),
        (b'{"email": "x"} {}', "the body has more than one JSON value, the second at character 16"),
        (b'{"email": "x"}x', "the body has more than one JSON value, the second at character 15"),
        (b'["email"]', "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'{"email": "x", "admin": true}', 'the key "admin" is not known here'),
        (b'{"email": "x", "email": "y"}', 'the key "email" stands twice'),
        (b'{"email": {"a": 1, "a": 2}}', 'the key "a" stands twice'),
        (b'{"email": 5}', 'the key "email" must be a string'),
        (b'{"email": "x", "remember": "yes"}', 'the key "remember" must be true or false'),
        (b'{"email": "x", "remember": 1}', 'the key "remember" must be true or false'),
        (b'{"email": "x", "phone": []}', 'the key "phone" must be a string or null'),
        (b'{"email": NaN}', "the body is not JSON: NaN is no number"),
        (b'{"email": -Infinity}', "the body is not JSON: -Infinity is no number"),
        (b'{"email": ' + b"1" * 5000 + b"}", "the body has a number with too many digits"),
        (b"[" * 200_000, "the body is nested too deeply"),
        (b'{"email": "\\ud800"}', 'the key "email" has a character that no text may have'),
        (b'{"email": "a\\u0000"}', 'the key "email" has a character that no text may have'),
        (b'{"\\ud800": "a"}', 'the key "?" is not known here'),
    ],
)
def test_what_cannot_be_read(body: bytes, message: str):
    with pytest.raises(BadBody) as caught:
        parse_values(body, FIELDS)
    assert str(caught.value) == message
    assert caught.value.status == 400


def test_fields_that_are_missing_or_too_long():
    for body in (b"{}", b'{"email": null}'):
        with pytest.raises(BadFields) as caught:
            parse_values(body, FIELDS)
        assert caught.value.faults == {"email": "is missing"}
    with pytest.raises(BadFields) as caught:
        parse_values(b'{"phone": "%s"}' % (b"9" * (MOST_TEXT + 1)), FIELDS)
    assert caught.value.faults == {"email": "is missing", "phone": "is too long"}
