"""The configurations in deploy/ pass the gateway's own check, with secrets where they stand on the machine that each is meant for."""

from __future__ import annotations

from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
import yaml

from gateway.config.errors import ConfigErrors
from gateway.config.keys import encode_key
from gateway.config.load import Loaded, examine, load
from gateway.config.snapshot import make_snapshot

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_KEY = encode_key(token_bytes(32))

#: Where each configuration is, how it comes, and where its secrets stand on the machine it is meant for.
PLACES = {
    "compose": ("compose/gateway/gateway.yml", "/run/secrets", ["gateway_key", "redis_password", "postgres_password"]),
    "kubernetes": ("kubernetes/2-config.yml", "/run/secrets/gateway", ["key", "redis-password", "database-password"]),
    "systemd": ("systemd/gateway.yml", "${CREDENTIALS_DIRECTORY}", ["gateway-key", "redis-password", "database-password"]),
}


def text_of(place: str) -> str:
    file = DEPLOY / PLACES[place][0]
    if place == "kubernetes":
        return str(yaml.safe_load(file.read_text())["data"]["gateway.yml"])
    return file.read_text()


def install(place: str, folder: Path, *, key: str = _KEY) -> Path:
    """The configuration in `folder`, with its secrets beside it."""
    _, secrets, names = PLACES[place]
    credentials = folder / "secrets"
    credentials.mkdir()
    for name in names:
        (credentials / name).write_text((key if "key" in name else "a password") + "\n")
    text = text_of(place)
    assert secrets in text
    (folder / "gateway.yml").write_text(text.replace(f"{secrets}/", f"{credentials}/"))
    return folder / "gateway.yml"


def loaded(place: str, folder: Path) -> Loaded:
    return load(install(place, folder), {"DOMAIN": "example.localhost"})


each_place = pytest.mark.parametrize("place", PLACES)


@each_place
def test_the_configuration_passes(place, tmp_path):
    found, problems = examine(install(place, tmp_path), {"DOMAIN": "example.localhost"})
    # In a container the admin listener has to be reached by probes; the network policies and internal networks are the firewall that is asked for.
    assert {problem.key for problem in problems} == ({"server.admin_listen"} if place != "systemd" else set())
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
    make_snapshot(found)


@each_place
def test_a_sample_key_is_refused(place, tmp_path):
    with pytest.raises(ConfigErrors):
        load(install(place, tmp_path, key="replace-me"), {"DOMAIN": "example.localhost"})


@each_place
def test_no_secret_stands_in_it(place):
    def leaves(node: Any, path: str = "") -> list[str]:
        if isinstance(node, dict):
            return [leaf for key, value in node.items() for leaf in leaves(value, f"{path}.{key}")]
        if isinstance(node, list):
            return [leaf for value in node for leaf in leaves(value, path)]
        return [path]

    config = yaml.safe_load(text_of(place))
    assert [leaf for leaf in leaves(config) if leaf.endswith((".secret", "password"))] == []
    assert "@" not in config["session"]["store"]
    assert ":" not in config["users"]["database"].partition("@")[0].removeprefix("postgresql://")


@each_place
def test_what_is_recommended_is_followed(place, tmp_path):
    settings = loaded(place, tmp_path).settings
    assert settings.session.store.startswith("redis://"), "sessions survive a restart and are shared"
    assert settings.users.database.startswith("postgresql://")
    assert settings.server.public_url is not None
    assert settings.server.trusted_proxies, "a proxy in front is believed by name"
    assert "0.0.0.0/0" not in settings.server.trusted_proxies


def test_every_secret_of_the_unit_is_read_by_its_configuration():
    unit = (DEPLOY / "systemd" / "auth-gateway.service").read_text()
    named = [line.partition("=")[2].partition(":")[0] for line in unit.splitlines() if line.startswith("LoadCredential=")]
    assert named == PLACES["systemd"][2]
    assert all("${CREDENTIALS_DIRECTORY}/" + name in text_of("systemd") for name in named)
