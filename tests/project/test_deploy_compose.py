"""deploy/compose.yml as Compose reads it: variables, merges and references resolved, and what it promises in its first lines."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.keys import decode_key

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "compose.yml").read_text()
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Z_]+):-(?P<default>[^}]*)\}")


def resolved(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables replaced. Every variable has a default."""
    text = _VARIABLE.sub(lambda found: "$" if found[0] == "$$" else environ.get(found["name"]) or found["default"], TEXT)
    return yaml.safe_load(text)


STACK = resolved({})
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_every_variable_has_a_default_and_stands_in_the_example():
    example = (DEPLOY / "compose" / "env.example").read_text()
    names = {found["name"] for found in _VARIABLE.finditer(TEXT) if found["name"]}
    assert "$" not in _VARIABLE.sub("", TEXT)
    assert names == set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))


def test_only_the_proxy_can_be_reached_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["traefik"]
    assert [name for name, network in STACK["networks"].items() if not network.get("internal")] == ["outside"]
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["traefik"]


def test_applications_and_stores_share_no_network():
    assert set(SERVICES["application"]["networks"]) == {"applications"}
    assert set(SERVICES["redis"]["networks"]) == set(SERVICES["postgres"]["networks"]) == {"stores"}
    assert "applications" not in SERVICES["gateway"]["networks"]


@each_service
def test_every_container_is_confined(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "userns_mode", "devices", "network_mode"} & set(service)
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))
    assert service.get("cap_add", []) in ([], ["NET_BIND_SERVICE"])


def test_only_the_proxy_is_root():
    roots = {name for name, service in SERVICES.items() if str(service.get("user", "0")).partition(":")[0] == "0"}
    assert roots == {"traefik"}


@each_service
def test_no_image_floats(service):
    image = service["image"]
    assert re.search(r":[a-z0-9][\w.-]*$", image), image
    assert not image.endswith(":latest")


@each_service
def test_no_secret_is_a_variable_or_an_argument(service):
    for name, value in service.get("environment", {}).items():
        assert not re.search(r"PASSWORD|SECRET|TOKEN", name) or name.endswith("_FILE"), name
        assert not re.fullmatch(r"[A-Za-z0-9_-]{32,}", str(value)), name


def test_everything_that_is_named_is_there():
    for name, service in SERVICES.items():
        assert set(service["networks"]) <= set(STACK["networks"]), name
        assert set(service.get("secrets", [])) <= set(STACK["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for volume in service.get("volumes", []):
            source, _, mode = volume.partition(":")
            if source.startswith("."):
                assert (DEPLOY / source).is_dir(), volume
                assert mode.endswith(":ro"), volume
            else:
                assert source in STACK["volumes"], volume


def test_who_is_waited_for_can_say_that_it_is_ready():
    for service in SERVICES.values():
        for awaited, how in service.get("depends_on", {}).items():
            other = SERVICES[awaited]
            match how["condition"]:
                case "service_healthy":
                    assert other["healthcheck"]["test"]
                case "service_completed_successfully":
                    assert other["restart"] == "no"
                    assert other["healthcheck"] == {"disable": True}
                case condition:
                    raise AssertionError(condition)


def test_the_database_is_upgraded_before_the_gateway_starts():
    assert SERVICES["migrate"]["command"] == ["db", "upgrade"]
    assert SERVICES["migrate"]["image"] == SERVICES["gateway"]["image"]
    assert SERVICES["gateway"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_gateway_believes_the_proxy_and_nobody_else():
    address = ip_address(SERVICES["traefik"]["networks"]["checks"]["ipv4_address"])
    [pool] = STACK["networks"]["checks"]["ipam"]["config"]
    assert address in ip_network(pool["subnet"])
    assert address not in ip_network(pool["ip_range"]), "another container could be given the address that is believed"
    assert SERVICES["gateway"]["environment"]["TRAEFIK_ADDRESS"] == str(address)
    config = yaml.safe_load((DEPLOY / "compose" / "gateway" / "gateway.yml").read_text())
    assert config["server"]["trusted_proxies"] == ["${TRAEFIK_ADDRESS:-" + str(address) + "}"]


def test_there_is_time_to_end_well():
    config = yaml.safe_load((DEPLOY / "compose" / "gateway" / "gateway.yml").read_text())
    needed = sum(int(config["server"][key].removesuffix("s")) for key in ("shutdown_delay", "shutdown_grace"))
    assert int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s")) > needed


# ---------------------------------------------------------------- the secrets


def test_secrets_are_made_once_and_are_nobody_else_s(tmp_path):
    script = shutil.copy(DEPLOY / "compose" / "make-secrets", tmp_path)
    subprocess.run([script], check=True, capture_output=True, timeout=20)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == {Path(secret["file"]).name for secret in STACK["secrets"].values()}
    assert len(set(made.values())) == 3
    assert len(decode_key(made["gateway_key"])) == 32
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    subprocess.run([script], check=True, capture_output=True, timeout=20)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made


def test_secrets_are_never_committed():
    for name in ("deploy/compose/secrets/gateway_key", "deploy/.env"):
        assert subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False).returncode == 0, name


# ---------------------------------------------------------------- Traefik


def traefik(name: str) -> Any:
    text = (DEPLOY / "compose" / "traefik" / name).read_text()
    return yaml.safe_load(re.sub(r'\{\{ env "([A-Z_]+)" \}\}', lambda found: str(SERVICES["traefik"]["environment"][found[1]]), text))


def test_the_proxy_s_parts_fit_together():
    http, static = traefik("dynamic.yml")["http"], traefik("traefik.yml")
    for name, router in http["routers"].items():
        assert router["service"] in http["services"], name
        assert set(router["middlewares"]) <= set(http["middlewares"]), name
        assert set(router["entryPoints"]) <= set(static["entryPoints"]), name
        assert router.get("tls", {}).get("certResolver", "") in ("", *static["certificatesResolvers"])
    for service in http["services"].values():
        for server in service["loadBalancer"]["servers"]:
            host = re.fullmatch(r"http://([a-z]+):8080", server["url"])
            assert host is not None
            assert set(SERVICES[host[1]]["networks"]) & set(SERVICES["traefik"]["networks"])


def test_the_proxy_says_what_the_recipe_says():
    """The recipe is tried against every scenario of forward-auth; here only names and addresses may differ."""
    ours, recipe = traefik("dynamic.yml")["http"], yaml.safe_load((DEPLOY / "traefik" / "dynamic.yml").read_text())["http"]
    check, known = ours["middlewares"].pop("login")["forwardAuth"], recipe["middlewares"].pop("gateway")["forwardAuth"]
    assert ours["middlewares"] == recipe["middlewares"]
    assert {**check, "address": ""} == {**known, "address": "", "addAuthCookiesToResponse": ["__Secure-gw"]}
    assert check["address"].endswith("/_auth/check/traefik")
    assert check["addAuthCookiesToResponse"][0] in known["addAuthCookiesToResponse"]
    assert {key: value for key, value in ours["routers"]["checks"].items() if key != "tls"} == recipe["routers"]["checks"]
    static, of_recipe = (yaml.safe_load((DEPLOY / folder / "traefik.yml").read_text()) for folder in ("compose/traefik", "traefik"))
    assert static["entryPoints"]["websecure"]["http"] == of_recipe["entryPoints"]["websecure"]["http"]
    assert not static["entryPoints"]["websecure"].get("forwardedHeaders")


def test_every_application_is_behind_the_check():
    http = traefik("dynamic.yml")["http"]
    open_to_all = [name for name, router in http["routers"].items() if not {"login", "nobody"} & set(router["middlewares"])]
    assert open_to_all == ["gateway"]


# ---------------------------------------------------------------- Compose itself


def test_compose_itself_reads_it(tmp_path):
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([str(docker), "compose", "version"], capture_output=True, check=False).returncode == 0
    if not plugin:
        pytest.skip("docker compose is not installed; the tests above read the file without it")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}  # noqa: TID251 - passed on
    done = subprocess.run(
        [str(docker), "compose", "-f", DEPLOY / "compose.yml", "config", "--format", "json"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)
