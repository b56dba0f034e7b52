"""`gateway check` as an operator sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import COMMANDS
from tests.commands import gateway
from tests.configurations import KEY, SMALLEST, write


def test_a_good_configuration(tmp_path: Path) -> None:
    file = write(tmp_path, SMALLEST + "users: {database: 'postgresql://u@h/d'}\nroutes: [{name: a, host: a.b, access: login}]\n")
    done = gateway("check", "--config", file)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no problems" in done.stderr


def test_warnings_are_told_and_change_nothing(tmp_path: Path) -> None:
    done = gateway("check", "--config", write(tmp_path, SMALLEST))
    assert done.exit_code == 0
    assert "warning: routes: there are none" in done.stdout
    assert "0 errors, 2 warnings" in done.stderr


def test_every_mistake_in_the_order_of_lines(tmp_path: Path) -> None:
    file = write(tmp_path, SMALLEST + "log: {level: loud}\nsesion: {}\n")
    done = gateway("check", "--config", file)
    assert done.exit_code == 2
    lines = [line for line in done.stdout.splitlines() if " error: " in line]
    assert lines == [
        f"{file}:3: error: log.level: `loud` must be one of debug, info, warning, error",
        f"{file}:4: error: sesion: is an unknown key (did you mean `session`?)",
    ]
    assert "2 errors" in done.stderr


def test_as_json(tmp_path: Path) -> None:
    file = write(tmp_path, SMALLEST + "log: {level: inof}\n")
    done = gateway("check", "--config", file, "--json")
    assert done.exit_code == 2
    answer = json.loads(done.stdout)
    assert answer["ok"] is False
    assert {
        "severity": "error",
        "file": str(file),
        "line": 3,
        "key": "log.level",
        "message": "`inof` must be one of debug, info, warning, error",
        "suggestion": "did you mean `info`?",
    } in answer["problems"]


def test_a_missing_file_and_no_file_at_all(tmp_path: Path) -> None:
    missing = gateway("check", "--config", tmp_path / "missing.yml")
    assert missing.exit_code == 2
    assert "missing.yml: error: cannot be read: No such file or directory" in missing.stdout
    nothing = gateway("check")
    assert nothing.exit_code == 2
    assert "--config" in nothing.stderr


def test_the_environment_names_the_file_and_overrides_values(tmp_path: Path) -> None:
    file = write(tmp_path, SMALLEST.replace(KEY, "'${GATEWAY_KEY}'"))
    assert gateway("check", environ={"GATEWAY_CONFIG": str(file), "GATEWAY_KEY": KEY}).exit_code == 0
    done = gateway("check", environ={"GATEWAY_CONFIG": str(file), "GATEWAY_KEY": KEY, "GATEWAY__SESSION__IDLE": "soon"})
    assert done.exit_code == 2
    assert "environment variable GATEWAY__SESSION__IDLE: error: session.idle" in done.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there_and_tells_its_options(name: str) -> None:
    done = gateway(name, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.stdout


def test_help_lists_every_command() -> None:
    done = gateway("--help")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_an_unknown_command_is_wrong_usage() -> None:
    done = gateway("chekc")
    assert done.exit_code == 2
    assert "Did you mean `check`?" in done.stderr
    assert "Did you mean" not in gateway("zzz").stderr


@pytest.mark.parametrize("line", [["users", "list"], ["serve"], ["db", "check"]])
def test_without_a_configuration_both_ways_to_name_it_are_told(line: list[str]) -> None:
    done = gateway(*line)
    assert done.exit_code == 2
    assert "--config FILE or in GATEWAY_CONFIG" in done.stderr
