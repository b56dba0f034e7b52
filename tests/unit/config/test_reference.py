"""The reference, the schema and the documentation say what the model says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from gateway.config.addresses import MASK, masked_url
from gateway.config.documents import read
from gateway.config.load import load
from gateway.config.model import Settings
from gateway.config.reference import reference
from gateway.config.schema import json_schema
from gateway.config.section import Section, fields_of, is_secret, section_of
from gateway.config.show import as_yaml, effective
from gateway.config.snapshot import make_snapshot
from tests.certificates import Authority
from tests.configurations import KEY, loaded, write

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted([*(ROOT / "config/examples").glob("*.yml"), ROOT / "config/examples/folder"])
ENVIRON = {"GATEWAY_KEY": KEY, "DATABASE_PASSWORD": "x", "STORE_PASSWORD": "y"}


def _keys(model: type[Section], above: str = "") -> Iterator[tuple[str, str, str | None]]:
    """Every key of the model: dotted, bare, and its description."""
    for name, field in fields_of(model).items():
        yield above + name, name, field.description
        inner = section_of(field)
        if inner is not None:
            yield from _keys(inner, f"{above}{name}.")


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "config/gateway.yml").read_text() == reference(), "run: gateway config reference > config/gateway.yml"


def test_the_reference_loads() -> None:
    assert load(ROOT / "config/gateway.yml", ENVIRON).settings.routes[0].name == "wiki"


def test_every_key_is_in_the_reference_with_its_description() -> None:
    text = reference()
    words = " ".join(re.sub(r"^\s*##", "", line) for line in text.splitlines())
    words = " ".join(words.split())
    for dotted, name, description in _keys(Settings):
        assert description, dotted
        assert description.endswith("."), dotted
        assert re.search(rf"^\s*(?:# |## - )?{name}:", text, re.MULTILINE), dotted
        assert description in words, dotted


def test_what_the_reference_comments_out_is_what_holds(tmp_path: Path) -> None:
    """Uncommented, the defaults change nothing; examples of required keys aside, every line is a configuration."""
    lines = []
    for line in reference().splitlines():
        text = line.lstrip()
        if text.startswith(("## ", "# auth-gateway", "#\n")) or "_file:" in text or re.match(r"# [A-Z]", text) or text == "#":
            continue
        lines.append(line.replace("# ", "", 1) if text.startswith("# ") else line)
    data = yaml.safe_load("\n".join(line for line in lines if not line.startswith(("given", "Only"))).replace("off", "'off'"))
    for section in ("server", "session", "users", "login", "identity", "log", "api"):
        model = section_of(fields_of(Settings)[section])
        assert model is not None
        _same(data[section], effective_all(model), section)


def effective_all(model: type[Section]) -> dict[str, object]:
    return model().model_dump(mode="json", by_alias=True)


def _same(written: dict[str, object], default: dict[str, object], above: str) -> None:
    for key, value in default.items():
        if key in ("public_url", "tls"):
            continue
        other = written[key]
        if isinstance(value, dict) and isinstance(other, dict) and key != "headers":
            _same(other, value, f"{above}.{key}")
        else:
            assert other == value, f"{above}.{key}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_load(path: Path, tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("auth.example.com")
    issued.certificate.rename(tmp_path / "tls.crt")
    issued.key.rename(tmp_path / "tls.key")
    make_snapshot(load(path, {**ENVIRON, "TLS_FOLDER": str(tmp_path)}))


def test_there_is_more_than_one_example() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", [ROOT / "config/gateway.yml", *EXAMPLES], ids=lambda path: path.stem)
def test_the_schema_accepts_what_loads(path: Path) -> None:
    reading = read(path)
    assert not reading.problems
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    assert [error.message for error in validator.iter_errors(reading.tree.data())] == []


@pytest.mark.parametrize(
    "data",
    [
        {"servers": {}},
        {"session": {"idle": 30}},
        {"routes": [{"name": "a", "host": "a.b"}]},
        {"routes": [{"name": "a", "host": "a.b", "access": "logn"}]},
        {"keys": [{"id": "a"}]},
        {"keys": [{"id": "a", "secret": "x", "secret_file": "y"}]},
    ],
)
def test_the_schema_refuses_mistakes(data: object) -> None:
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(data)


def test_every_secret_may_stand_in_a_file() -> None:
    definitions = json_schema()["$defs"]
    secrets = [name for model in _models(Settings) for name, field in fields_of(model).items() if is_secret(field)]
    assert sorted(secrets) == ["database_password", "password", "secret", "store_password"]
    for model in _models(Settings):
        for name, field in fields_of(model).items():
            if is_secret(field):
                assert f"{name}_file" in definitions[model.__name__]["properties"]


def _models(model: type[Section]) -> Iterator[type[Section]]:
    yield model
    for field in model.model_fields.values():
        inner = section_of(field)
        if inner is not None:
            yield from _models(inner)


def test_the_guide_names_every_section_and_secret() -> None:
    guide = (ROOT / "docs/configuration.md").read_text()
    for needed in ("config/gateway.yml", "store_password_file", "database_password_file", "secret_file", "GATEWAY__SECTION__KEY", "config/examples"):
        assert needed in guide


def test_what_is_shown_is_in_effect_and_hides_secrets(tmp_path: Path) -> None:
    text = "session: {store: 'redis://u:hush@h/1', store_password: hush, idle: 45m}\n"
    text += "users: {database: 'postgresql://u:hush@h/d'}\nmail: {url: 'smtps://u:hush@h', from: a@b.example}\n"
    shown = as_yaml(effective(loaded(tmp_path, text).settings))
    assert "hush" not in shown
    assert KEY not in shown
    data = yaml.safe_load(shown)
    assert data["session"]["idle"] == "45m"
    assert data["session"]["store"] == f"redis://u:{MASK}@h/1"
    assert data["users"]["database"] == f"postgresql://u:{MASK}@h/d"
    assert data["mail"]["url"] == f"smtps://u:{MASK}@h"
    assert "balance" not in yaml.safe_dump(data)


def test_what_is_shown_loads_again(tmp_path: Path) -> None:
    text = """\
routes: [{name: a, host: ['*.b', c.d], upstream: 'http://x', access: [{allow: login, paths: [/a]}, deny]}]
login: {throttle: {per_ip: 7/90s}}
"""
    shown = effective(loaded(tmp_path, text).settings)
    shown["keys"] = [{"id": "a", "secret": KEY}]
    assert "balance" not in shown["routes"][0]
    again = load(write(tmp_path, as_yaml(shown), "again.yml"), {})
    assert again.settings.login.throttle.per_ip.window == 90.0
    assert again.settings.routes[0].host == ["*.b", "c.d"]


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://u@h/0", "redis://u@h/0"),
        ("redis://:p@h/0", "redis://:***@h/0"),
        ("redis://u:p@ss@h/0", "redis://u:***@h/0"),
        ("unix:///run/redis.sock?password=p&db=1", "unix:///run/redis.sock?password=***&db=1"),
        ("sqlite:////srv/users.db", "sqlite:////srv/users.db"),
    ],
)
def test_urls_are_shown_without_their_password(url: str, masked: str) -> None:
    assert masked_url(url) == masked
