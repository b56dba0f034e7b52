"""Reading YAML: what becomes of values, and what is said of text that YAML reads otherwise than it looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.documents import Unreadable, parse, read
from gateway.config.errors import Problem
from tests.configurations import errors, write


def _value(text: str) -> object:
    found: list[Problem] = []
    data = parse(f"key: {text}\n", "test.yml", found).data()["key"]
    assert not found
    return data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        ("2026-11-22", "2026-11-22"),
        ("0x10", "0x10"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("[a, 1]", ["a", 1]),
        ("{a: off}", {"a": "off"}),
        ("${X}", "${X}"),
    ],
)
def test_values(text: str, value: object) -> None:
    assert _value(text) == value
    assert type(_value(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "quoted"),
    [
        ("server:\n  listen: [::1]:80\n", 2, "[::1]:80"),
        ("server:\n  listen: [127.0.0.1:80, [::1]:80]\n", 2, "[::1]:80"),
        ("routes:\n  - host: *.example.com\n", 2, "*.example.com"),
        ("routes: [{name: a, host: *.example.com}]\n", 1, "*.example.com"),
        ("routes:\n  - host: *\n", 2, "*"),
        ("server: {public_url: ${URL}}\n", 1, "${URL}"),
        ("keys:\n  - {id: a, secret: ${KEY}}\n", 2, "${KEY}"),
        ("server:\n  trusted_proxies: [::1]\n", 2, "::1"),
        ("pages:\n  title: Ours: the wiki\n", 2, "Ours: the wiki"),
        ("pages:\n  title: @home\n", 2, "@home"),
        ("pages:\n  accent: #0969da\n", 2, "#0969da"),
        ("pages: {accent: #0969da}\n", 1, "#0969da"),
    ],
)
def test_a_value_that_yaml_misreads_is_to_be_quoted(tmp_path: Path, text: str, line: int, quoted: str) -> None:
    found = [problem for problem in errors(tmp_path, text) if problem.suggestion == f'quote it: "{quoted}"']
    assert len(found) == 1, errors(tmp_path, text)
    if "accent: #" not in text or "{" not in text:  # the brace that the comment swallowed is missed at the end of the file
        assert found[0].mark.line == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *nothing\n", "refers to nothing"),
        ("a: !!python/object/apply:os.system [id]\n", "tags"),
        ("a: !secret x\n", "tags"),
        ("a: 1\n---\nb: 2\n", "one YAML document"),
        ("[" * 5000, "nested deeper"),
        ("a:\n\tb: 1\n", "is not YAML"),
        ("a: \x00\n", "forbids"),
        ("? [a]\n: b\n", "a key must be a word"),
    ],
)
def test_text_that_is_no_configuration(text: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        parse(text, "test.yml", [])


def test_aliases_are_counted_as_often_as_they_are_used() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(Unreadable, match="more than 200000 values"):
        parse(bomb, "test.yml", [])


def test_an_alias_is_a_copy_of_its_anchor(tmp_path: Path) -> None:
    tree = parse("a: &x {b: [1, 2]}\nc: *x\n", "test.yml", [])
    assert tree.data() == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    tree.remove(("a", "b"))
    assert tree.data()["c"] == {"b": [1, 2]}


def test_a_key_that_stands_twice_names_both_lines(tmp_path: Path) -> None:
    [found] = [problem for problem in errors(tmp_path, "log:\n  level: info\n  format: json\n  level: debug\n") if problem.key == "log.level"]
    assert found.mark.line == 4
    assert "line 2" in found.message


def test_merge_keys_are_refused(tmp_path: Path) -> None:
    assert any("merge keys" in problem.message for problem in errors(tmp_path, "a: &a {x: 1}\nb: {<<: *a}\n"))


@pytest.mark.parametrize(("content", "message"), [(b"\xff\xfe\x00", "UTF-8"), (b"- a\n- b\n", "map of sections"), (b"just words", "map of sections")])
def test_files_that_hold_no_map(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "gateway.yml"
    file.write_bytes(content)
    assert any(message in problem.message for problem in read(file).problems)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yml"
    file.write_bytes(b"#" * (4 << 20) + b"\n")
    [problem] = read(file).problems
    assert "4 MiB" in problem.message


def test_a_folder_merges_maps_and_appends_routes_and_keys(tmp_path: Path) -> None:
    write(tmp_path, "server: {prefix: /_gw}\nkeys: [1]\nroutes: [a]\n", "10.yml")
    write(tmp_path, "server: {workers: 1}\nkeys: [2]\nroutes: [b]\n", "20.yml")
    write(tmp_path, "ignored: true\n", "30.yaml")
    reading = read(tmp_path)
    assert reading.tree.data() == {"server": {"prefix": "/_gw", "workers": 1}, "keys": [1, 2], "routes": ["a", "b"]}
    assert not reading.problems
    assert [file.name for file in reading.files] == ["10.yml", "20.yml"]


def test_in_a_folder_any_other_key_stands_once(tmp_path: Path) -> None:
    write(tmp_path, "server:\n  prefix: /_gw\n  listen: [a]\n", "10.yml")
    write(tmp_path, "server:\n  prefix: /_gw\n  listen: [b]\n", "20.yml")
    found = read(tmp_path).problems
    assert [(problem.key, problem.mark.line) for problem in found] == [("server.prefix", 2), ("server.listen", 3)]
    assert all("10.yml:" in problem.message for problem in found)


def test_an_empty_folder_and_a_missing_file(tmp_path: Path) -> None:
    assert "no *.yml" in read(tmp_path).problems[0].message
    assert "No such file" in read(tmp_path / "missing.yml").problems[0].message
