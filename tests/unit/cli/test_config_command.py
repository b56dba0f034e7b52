"""`gateway config schema`, `reference` and `show`."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from gateway.config.reference import reference
from tests.commands import gateway
from tests.configurations import KEY, SMALLEST, write


def test_schema() -> None:
    done = gateway("config", "schema")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["title"] == "auth-gateway configuration"


def test_reference() -> None:
    assert gateway("config", "reference").stdout == reference()


def test_show_masks_secrets(tmp_path: Path) -> None:
    file = write(tmp_path, SMALLEST + "session: {store: 'redis://u:hush@h/0'}\n")
    done = gateway("config", "show", "--config", file)
    assert done.exit_code == 0
    assert KEY not in done.stdout
    assert "hush" not in done.stdout
    assert yaml.safe_load(done.stdout)["server"]["public_url"] == "https://auth.example.com"
    assert json.loads(gateway("config", "show", "--config", file, "--json").stdout)["session"]["idle"] == "30m"


def test_show_tells_mistakes(tmp_path: Path) -> None:
    done = gateway("config", "show", "--config", write(tmp_path, "log: {level: loud}\n"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "log.level" in done.stderr
