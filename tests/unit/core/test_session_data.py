"""What may be kept with a session, and how a patch changes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.session_data import MOST_DEPTH, MOST_KEY, MOST_KEYS, Fault, decode, encode, faults, fits, merged

NUMBER = 2**53 - 1


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # RFC 7396 appendix A; those whose outermost value is no object are refused before they come here.
        ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
        ('{"a":"b"}', '{"a":null}', "{}"),
        ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
        ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
        ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
        ('["a","b"]', '["c","d"]', '["c","d"]'),
        ('{"a":"b"}', '["c"]', '["c"]'),
        ('{"a":"foo"}', "null", "null"),
        ('{"a":"foo"}', '"bar"', '"bar"'),
        ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
        ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
        ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
    ],
)
def test_a_patch_is_merged_as_rfc_7396_says(target: str, patch: str, result: str) -> None:
    before = json.loads(target)
    assert merged(before, json.loads(patch)) == json.loads(result)
    assert before == json.loads(target), "what is kept is not changed under anybody's hands"


def _nested(depth: int, inside: object = 1) -> Any:
    for _ in range(depth):
        inside = {"a": inside} if depth % 2 else [inside]
    return inside


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, None),
        (True, None),
        ("Zoë 🐈", None),
        ([NUMBER, -NUMBER, {"": []}], None),
        (NUMBER + 1, Fault.NUMBER),
        (-NUMBER - 1, Fault.NUMBER),
        (1.0, Fault.NUMBER),
        ([{"price": 9.99}], Fault.NUMBER),
        (float("inf"), Fault.NUMBER),
        ("a\0", Fault.TEXT),
        (["\ud800"], Fault.TEXT),
        ({"\udfff": 1}, Fault.KEY),
        ({"x" * MOST_KEY: 1}, None),
        ({"x" * (MOST_KEY + 1): 1}, Fault.KEY),
        (_nested(MOST_DEPTH - 1), None),
        (_nested(MOST_DEPTH), Fault.DEPTH),
        (_nested(MOST_DEPTH + 1), Fault.DEPTH),
        (_nested(5000), Fault.DEPTH),
    ],
    ids=lambda value: "" if isinstance(value, dict | list | str) else None,
)
def test_what_may_be_kept(value: object, fault: Fault | None) -> None:
    assert faults({"fine": 1, "key": value}) == ({} if fault is None else {"key": fault})


def test_the_outermost_keys_are_judged_too() -> None:
    assert faults({"a\0": 1, "x" * (MOST_KEY + 1): 2}) == {"a\0": Fault.KEY, "x" * (MOST_KEY + 1): Fault.KEY}


def test_what_is_kept_is_compact_and_comes_back() -> None:
    content: dict[str, object] = {"name": "Zoë", "list": [1, None, True, {"": ""}]}
    encoded = encode(content)
    assert encoded == '{"name":"Zoë","list":[1,null,true,{"":""}]}'.encode()
    assert decode(encoded) == content
    for wrong in (b"", b"[]", b"\xff"):
        with pytest.raises(ValueError, match=r"\w"):
            decode(wrong)


def test_bytes_and_keys_are_bounded() -> None:
    content: dict[str, object] = {"a": "é"}
    assert fits(content, encode(content), len(encode(content)))
    assert not fits(content, encode(content), len(encode(content)) - 1)
    many: dict[str, object] = {"list": [{str(number): {}} for number in range(MOST_KEYS - 1)]}
    assert fits(many, encode(many), 1 << 20)
    assert not fits({**many, "one more": 1}, encode(many), 1 << 20)
