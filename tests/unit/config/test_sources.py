"""Values that come from elsewhere: variables, overrides, secret files, and names of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load
from tests.certificates import Authority
from tests.configurations import KEY, SMALLEST, errors, loaded, write


@pytest.mark.parametrize(
    ("text", "environ", "title"),
    [
        ("${NAME}", {"NAME": "Ours"}, "Ours"),
        ("The ${A}-${B}", {"A": "x", "B": "y"}, "The x-y"),
        ("${NAME:-Default}", {}, "Default"),
        ("${NAME:-Default}", {"NAME": ""}, "Default"),
        ("${NAME:-Default}", {"NAME": "Given"}, "Given"),
        ("'$${NAME}'", {}, "${NAME}"),
        ("costs 5$", {}, "costs 5$"),
        ('"${N}"', {"N": "12"}, "12"),
    ],
)
def test_variables(tmp_path: Path, text: str, environ: dict[str, str], title: str) -> None:
    assert loaded(tmp_path, f"pages:\n  title: {text}\n", environ).settings.pages.title == title


def test_an_unquoted_variable_decides_its_type(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "users: {password: {pool: '4'}}\n".replace("'4'", '"x"').replace('"x"', "4"), {}).settings
    assert settings.users.password.pool == 4
    assert loaded(tmp_path, "session:\n  exclusive_login: ${E}\n  max_per_user: ${N}\n", {"E": "true", "N": "7"}).settings.session.max_per_user == 7


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        ("session:\n  idle: ${IDLE}\n", {}, "IDLE, which is not set"),
        ("session:\n  idle: ${IDLE\n", {"IDLE": "5m"}, "`${`"),
        ("session:\n  idle: ${1X}\n", {}, "`${`"),
        ("session:\n  cookie:\n    domain: ${D}\n", {"D": ""}, "must be a domain"),
        ("routes:\n  - {name: a, host: a.b, access: '${A}'}\n", {"A": ""}, "must be public"),
    ],
)
def test_variables_that_do_not_help(tmp_path: Path, text: str, environ: dict[str, str], message: str) -> None:
    found = errors(tmp_path, SMALLEST + text, environ)
    assert [message in problem.message for problem in found] == [True], found


def test_a_variable_that_is_nearly_there_is_named(tmp_path: Path) -> None:
    [found] = errors(tmp_path, SMALLEST + "pages: {title: '${GATEWAY_TILTE}'}\n", {"GATEWAY_TITLE": "x"})
    assert found.suggestion == "did you mean `GATEWAY_TITLE`?"


def test_overrides_win_and_replace_lists_whole(tmp_path: Path) -> None:
    environ = {
        "GATEWAY__SERVER__LISTEN": '["127.0.0.1:1", "[::1]:2"]',
        "GATEWAY__SESSION__COOKIE__DOMAIN": "example.com",
        "GATEWAY__LOG__LEVEL": "debug",
        "GATEWAY_CONFIG": "ignored",
    }
    settings = loaded(tmp_path, "log: {level: info}\n", environ).settings
    assert settings.server.listen == ["127.0.0.1:1", "[::1]:2"]
    assert settings.session.cookie.domain == "example.com"
    assert settings.log.level == "debug"


def test_an_override_replaces_the_file_of_a_secret(tmp_path: Path) -> None:
    text = "session: {store_password_file: missing}\n"
    password = loaded(tmp_path, text, {"GATEWAY__SESSION__STORE_PASSWORD": "hush"}).settings.session.store_password
    assert password is not None
    assert password.get_secret_value() == "hush"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("GATEWAY__SERVER__PREFX", "/x", "is an unknown key"),
        ("GATEWAY__SESSION__IDLE", "forever", "must be a duration"),
        ("GATEWAY__SESSION__IDLE", "[", "is not YAML"),
        ("GATEWAY__LOG__LEVEL__DEEP", "x", "is no map"),
        ("GATEWAY__", "x", "names no key"),
        ("GATEWAY__LOG__", "x", "names no key"),
    ],
)
def test_overrides_that_do_not_fit_name_the_variable(tmp_path: Path, variable: str, value: str, message: str) -> None:
    [found] = errors(tmp_path, SMALLEST + "log: {level: info}\n", {variable: value})
    assert message in found.message
    assert found.mark.file == f"environment variable {variable}"
    assert value not in str(found).replace(variable, "") or len(value) == 1 or value == "/x"


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    write(tmp_path, f"{KEY}\n", "secrets/key")
    file = write(tmp_path, "server: {public_url: https://a.example.com}\nkeys: [{id: a, secret_file: secrets/key}]\n")
    found = load(file, {})
    assert found.settings.keys[0].secret.get_secret_value() == KEY
    assert (tmp_path / "secrets/key") in found.files


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("secret_file: missing", "No such file"),
        ("secret_file: empty", "is empty"),
        ("secret_file: binary", "is not text"),
        ("secret_file: [a]", "must be the name of a file"),
        (f"secret_file: good, secret: {KEY}", "stands beside secret"),
    ],
)
def test_secret_files_that_cannot_be_read(tmp_path: Path, key: str, message: str) -> None:
    write(tmp_path, "\n", "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    write(tmp_path, KEY, "good")
    found = errors(tmp_path, f"server: {{public_url: https://a.example.com}}\nkeys:\n  - {{id: a, {key}}}\n")
    assert [message in problem.message for problem in found] == [True], found
    assert found[0].key == "keys[0].secret_file"
    assert found[0].mark.line == 3


def test_only_secrets_have_files(tmp_path: Path) -> None:
    [found] = errors(tmp_path, SMALLEST + "session: {idle_file: x}\n")
    assert found.message == "is an unknown key"


def test_names_of_files_count_from_the_file_that_they_stand_in(tmp_path: Path) -> None:
    write(
        tmp_path,
        "users: {database: 'sqlite:///var/users.db'}\nroutes: [{name: a, host: a.b, access: login, upstream: 'https://a', tls: {ca_file: ca.pem}}]\n",
        "conf/10.yml",
    )
    write(tmp_path, SMALLEST, "conf/20.yml")
    Authority(tmp_path).file.rename(tmp_path / "conf/ca.pem")
    settings = load(tmp_path / "conf", {}).settings
    assert settings.users.database == f"sqlite:///{tmp_path}/conf/var/users.db"
    assert settings.routes[0].tls.ca_file == f"{tmp_path}/conf/ca.pem"


def test_the_default_database_counts_from_the_configuration_too(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").settings.users.database == f"sqlite:///{tmp_path}/var/users.db"
    assert loaded(tmp_path, "users: {admin_group: a}\n").settings.users.database == f"sqlite:///{tmp_path}/var/users.db"


def test_an_absolute_database_stays(tmp_path: Path) -> None:
    assert loaded(tmp_path, "users: {database: 'sqlite:////srv/users.db'}\n").settings.users.database == "sqlite:////srv/users.db"


def test_no_message_quotes_a_secret(tmp_path: Path) -> None:
    secret = "sup3r-s3cret-value"
    text = f"""\
    server: {{public_url: ${{PUBLIC}}, tls: {secret} }}
    keys: [{{id: a, secret: {secret}}}, {{id: b, secret: [{secret}]}}]
    session: {{store: "redis://:{secret}@host/x", store_password: [{secret}]}}
    users: {{database: "mysql://u:{secret}@h/d", database_password: {{a: {secret}}}}}
    """.replace("${PUBLIC}", "'${PUBLIC}'").replace(f"tls: {secret} ", "")
    found = errors(tmp_path, text.replace(", }", "}"), {"PUBLIC": secret, "GATEWAY__LOG__LEVEL": secret, "GATEWAY__SESSION__IDLE": f"[{secret}"})
    assert len(found) >= 8
    assert secret not in "\n".join(str(problem) for problem in found)
