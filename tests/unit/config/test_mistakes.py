"""Every mistake is told: which key, in which line, what is wrong, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.errors import ConfigErrors
from gateway.config.load import load
from tests.configurations import KEY, OTHER_KEY, SMALLEST, errors, problems, write

#: What is put behind the smallest configuration (its lines are 1 and 2), the key that is at fault, and a part of what is said of it.
TYPES = [
    ("severs: {}", "severs", "did you mean `server`?"),
    ("session: {idel: 5m}", "session.idel", "did you mean `idle`?"),
    ("session: {cookie: {samesite: lax}}", "session.cookie.samesite", "did you mean `same_site`?"),
    ("session: {domain: example.com}", "session.domain", "did you mean `session.cookie.domain`?"),
    ("identity: {headers: {email: X-Mail}}", "identity.headers.email", "the header comes first: X-Mail: email"),
    ("tracing: {}", "tracing", "later version"),
    ("metrics: {}", "metrics", "later version"),
    ("login: {recent: 5m}", "login.recent", "later version"),
    ("session: {idle: 30}", "session.idle", "30s"),
    ("session: {idle: 30 minutes}", "session.idle", "write 30m"),
    ("session: {idle: soon}", "session.idle", "must be a duration"),
    ("session: {idle: 0s}", "session.idle", "more than zero"),
    ("session: {idle: [5m]}", "session.idle", "must be a duration"),
    ("session: {idle:}", "session.idle", "is empty"),
    ("session: {idle: null}", "session.idle", "is empty"),
    ("session:", "session", "is empty"),
    ("session: []", "session", "must be a map"),
    ("session: {max_per_user: many}", "session.max_per_user", "whole number"),
    ("session: {max_per_user: true}", "session.max_per_user", "whole number"),
    ("session: {max_per_user: 0}", "session.max_per_user", "at least 1"),
    ("session: {exclusive_login: yes}", "session.exclusive_login", "write true"),
    ("session: {exclusive_login: 1}", "session.exclusive_login", "true or false"),
    ("session: {cookie: {same_site: laxx}}", "session.cookie.same_site", "did you mean `lax`?"),
    ("session: {cookie: {secure: maybe}}", "session.cookie.secure", "auto, true or false"),
    ("session: {key_prefix: 'a b'}", "session.key_prefix", "must match"),
    ("log: {format: xml}", "log.format", "text, json"),
    ("pages: {title: 42}", "pages.title", 'quote it: "42"'),
    ("pages: {title: ''}", "pages.title", "is empty"),
    ("pages: {accent: red}", "pages.accent", "must be a colour"),
    ("pages: {accent: '#ffff00'}", "pages.accent", "too light"),
    ("pages: {links: [{text: A, url: 'javascript:alert(1)'}]}", "pages.links[0].url", "http, https or mailto"),
    ("users: {admin_group: 'a,b'}", "users.admin_group", "must be a group's name"),
    ("users: {database: 'postgres://u@h/d'}", "users.database", "postgresql://"),
    ("users: {database: 'sqlite://users.db'}", "users.database", "sqlite:///path"),
    ("users: {database: 'sqlite:///:memory:'}", "users.database", "sqlite:///path"),
    ("users: {password: {min_length: 4}}", "users.password.min_length", "at least 8"),
    ("users: {password: {argon2: {memory: 65536}}}", "users.password.argon2.memory", "needs a unit"),
    ("users: {password: {argon2: {memory: 64MB}}}", "users.password.argon2.memory", "write 64MiB"),
    ("users: {password: {argon2: {memory: 1KiB}}}", "users.password.argon2.memory", "32KiB"),
    ("login: {throttle: {per_ip: 20}}", "login.throttle.per_ip", "write 20/1m"),
    ("login: {throttle: {per_ip: 0/1m}}", "login.throttle.per_ip", "20/1m"),
    ("login: {allowed_hosts: ['*.example.com']}", "login.allowed_hosts[0]", "exact host"),
    ("login: {allowed_hosts: ['https://a.example.com']}", "login.allowed_hosts[0]", "without scheme"),
    ("login: {allowed_hosts: a.example.com}", "login.allowed_hosts", "write [a.example.com]"),
    ("mail: {url: 'console:'}", "mail.from", "who is mail from"),
    ("mail: {from: A}", "mail.from", "must be an address"),
    ("mail: {from: 'A <a@b.example> c'}", "mail.from", "must be an address"),
    ("mail: {from: a@b..example}", "mail.from", "domain is not valid"),
    ("mail: {from: 'a@b.example:25'}", "mail.from", "no port"),
    ("mail: {url: 'mail.example.com:25', from: a@b.example}", "mail.url", "smtp+starttls://user@host:587"),
    ("mail: {url: 'smtps://', from: a@b.example}", "mail.url", "host"),
    ("mail: {url: 'smtps://@h', from: a@b.example}", "mail.url", "names no user"),
    ("mail: {url: 'smtps://h/?verify=no', from: a@b.example}", "mail.url", "host is not valid"),
    ("mail: {url: 'spool:', from: a@b.example}", "mail.url", "names no folder"),
    ("mail: {url: 'smtps://ann@h', from: a@b.example}", "mail.password", "names a user"),
    ("mail: {url: 'smtps://h', password: hush, from: a@b.example}", "mail.password", "belongs to nobody"),
    ("mail: {url: 'smtps://ann:hush@h', password: hush, from: a@b.example}", "mail.password", "stands in mail.url too"),
    ("mail: {password: hush}", "mail.password", "for no server"),
    ("mail: {url: 'smtp://ann@mail.example.com', password: hush, from: a@b.example}", "mail.url", "password in clear"),
    ("api: {path: /_auth}", "api.path", "leave it out"),
    ("api: {path: /_auth/v1/}", "api.path", "/_auth/api"),
    ("api: {path: x}", "api.path", "write /x"),
    ("api: {hosts: ['a:80']}", "api.hosts[0]", "write a"),
    ("api: {origins: ['https://a/b']}", "api.origins[0]", "no path"),
    ("api: {origins: ['null']}", "api.origins[0]", ""),
    ("session: {data: {enabled: true}}\napi: {enabled: false}", "session.data.enabled", "needs the JSON API"),
    ("session: {data: {max: 2MiB}}", "session.data.max", "at most 1MiB"),
    ("session: {data: {max: 1B}}", "session.data.max", "at least 2B"),
    ("session: {store: 'redis+sentinel://a:26379'}", "session.store", "name the master"),
    ("session: {store: 'redis+cluster://a:6379,b/1'}", "session.store", "no numbered databases"),
    ("session: {store: 'redis+cluster://a:6379,,b'}", "session.store", "separated by commas"),
    ("session: {store: 'redis+cluster://a:6379?db=1'}", "session.store", "among the options"),
    ("session: {store: 'http://a'}", "session.store", "must be memory://"),
    ("session: {store: 'redis://h/name'}", "session.store", "number of a database"),
    ("session: {store: 'redis://h:port/0'}", "session.store", "is not a URL"),
    ("session: {store: 'redis:///0'}", "session.store", "names no host"),
    ("users: {signup: {enabled: true}}", "users.signup.enabled", "needs mail"),
    ('users: {signup: {email_domains: ["@example.com"]}}', "users.signup.email_domains[0]", "write example.com"),
    ('users: {signup: {email_domains: ["a b"]}}', "users.signup.email_domains[0]", "must be a domain"),
    ("session: {remember: 500d}", "session.remember", "400 days"),
    ("audit: {retention: 59m}", "audit.retention", "at least 1h"),
    ("session: {cookie: {domain: .example.com}}", "session.cookie.domain", "write example.com"),
    ("session: {cookie: {domain: com}}", "session.cookie.domain", "top-level domain"),
    ("session: {cookie: {domain: 10.0.0.1}}", "session.cookie.domain", "an address has no subdomains"),
    ("session: {cookie: {domain: other.example}}", "session.cookie.domain", "does not cover"),
    ("session: {cookie: {domain: ample.com}}", "session.cookie.domain", "write example.com, or remove it"),
    ("session: {cookie: {domain: wiki.example.com}}", "session.cookie.domain", "write example.com"),
    ("session: {cookie: {secure: false}}", "session.cookie.secure", "sessions in clear"),
    ("session: {cookie: {name: __Host-x, domain: example.com}}", "session.cookie.name", "without a domain"),
    ("session: {cookie: {name: 'a b'}}", "session.cookie.name", "must be 1–40"),
    ("session: {cookie: {name: gw-csrf}}", "session.cookie.name", "another cookie"),
    ("identity: {headers: {'X User': id}}", "identity.headers.X User", "must be a header's name"),
    ("identity: {headers: {Content-Length: id}}", "identity.headers.Content-Length", "framing"),
    ("identity: {headers: {Upgrade: id}}", "identity.headers.Upgrade", "hop-by-hop"),
    ("identity: {headers: {Authorization: id}}", "identity.headers.Authorization", "standard"),
    ("identity: {headers: {X_Forwarded_For: id}}", "identity.headers.X_Forwarded_For", "standard"),
    ("identity: {headers: {X-User: id, x_user: email}}", "identity.headers.x_user", "one header to many"),
    ("identity: {headers: {X-User: login}}", "identity.headers.X-User", "one of id, email, name, groups"),
    ("identity: {assertion: {header: Host}}", "identity.assertion.header", "standard"),
    ("identity: {assertion: {header: X-User-Id}}", "identity.assertion.header", "one header to many"),
    ("identity: {preset: authentic}", "identity.preset", "did you mean `authentik`?"),
    ("identity: {preset: authelia, headers: {remote_user: id}}", "identity.preset", "one header to many"),
]


def _behind(section: str) -> str:
    return f"{SMALLEST}{section}\n"


@pytest.mark.parametrize(("section", "key", "said"), TYPES)
def test_mistakes_in_sections(tmp_path: Path, section: str, key: str, said: str) -> None:
    found = errors(tmp_path, _behind(section))
    assert [problem.key for problem in found] == [key], found
    assert said in f"{found[0].message} {found[0].suggestion}"
    assert found[0].mark == (str(tmp_path / "gateway.yml"), 3, found[0].mark.column)


SERVER = [
    ("public_url: auth.example.com", "server.public_url", "must begin with https://"),
    ("public_url: https://auth.example.com/path", "server.public_url", "write https://auth.example.com"),
    ("public_url: https://user@auth.example.com", "server.public_url", "user name"),
    ("public_url: http://auth.example.com", "server.public_url", "plain http"),
    ("public_url: https://a.b, listen: localhost", "server.listen", "write localhost:8080"),
    ("public_url: https://a.b, listen: '8080'", "server.listen", "write 127.0.0.1:8080"),
    ("public_url: https://a.b, listen: ':80'", "server.listen", "0.0.0.0:80"),
    ("public_url: https://a.b, listen: '::1:80'", "server.listen", "[::1]:80"),
    ("public_url: https://a.b, listen: 'unix:run/x'", "server.listen", "absolute"),
    ("public_url: https://a.b, listen: []", "server.listen", "is empty"),
    ("public_url: https://a.b, listen: ['a:1', 'a:1']", "server.listen[1]", "stands twice"),
    ("public_url: https://a.b, admin_listen: '127.0.0.1:8080'", "server.admin_listen", "public listener"),
    ("public_url: https://a.b, prefix: _auth", "server.prefix", "must begin with a slash"),
    ("public_url: https://a.b, prefix: /", "server.prefix", "must begin with a slash"),
    ("public_url: https://a.b, workers: 0", "server.workers", "number of processes"),
    ("public_url: https://a.b, trusted_proxies: [10.0.0.1/8]", "server.trusted_proxies[0]", "write 10.0.0.0/8"),
    ("public_url: https://a.b, trusted_proxies: [proxy]", "server.trusted_proxies[0]", "must be a network"),
    ("public_url: https://a.b, tls: ", "server.tls", "is empty"),
    ("public_url: https://a.b, tls: {}", "server.tls.certificate_file", "is missing"),
    ("public_url: https://a.b, tls: {certificate_file: a, key_file: b}", "server.tls.certificate_file", "cannot be read"),
    ("public_url: https://a.b, limits: {url: 8192}", "server.limits.url", "needs a unit"),
]


@pytest.mark.parametrize(("keys", "key", "said"), SERVER)
def test_mistakes_of_the_server(tmp_path: Path, keys: str, key: str, said: str) -> None:
    found = [problem for problem in errors(tmp_path, f"server: {{{keys}}}\nkeys: [{{id: a, secret: {KEY}}}]\n") if problem.key == key]
    assert len(found) == 1
    assert said in f"{found[0].message} {found[0].suggestion}"


@pytest.mark.parametrize("workers", ["2", "auto"])
def test_sessions_in_memory_are_for_one_process(tmp_path: Path, workers: str) -> None:
    text = f"server: {{public_url: https://a.b, workers: {workers}}}\nkeys: [{{id: a, secret: {KEY}}}]\nsession: {{store: %s}}\n"
    (problem,) = errors(tmp_path, text % "memory://")
    assert (problem.key, "memory:// is in one process" in str(problem)) == ("server.workers", True)
    assert errors(tmp_path, text % "redis://127.0.0.1:6379") == []


KEYS = [
    (f"- {{id: UPPER, secret: {KEY}}}", "keys[0].id", "write upper"),
    ("- {id: a, secret: short}", "keys[0].secret", "43 characters"),
    (f"- {{id: a, secret: {'A' * 43}}}", "keys[0].secret", "weak"),
    ("- {id: a, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8}", "keys[0].secret", "weak"),
    ("- {id: a, secret: Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZSBhZ2E}", "keys[0].secret", "weak"),
    ("- {id: a, secret: mJ6pZ1qYk0s3vB7nXc9RfT2hLwD4gU8eAoEiSyVtNbI}", "keys[0].secret", "sample"),
    ("- {id: a}", "keys[0].secret", "is missing"),
    (f"- {{id: a, secret: {KEY}}}\n  - {{id: a, secret: {OTHER_KEY}}}", "keys[1].id", "stands twice"),
    (f"- {{id: a, secret: {KEY}}}\n  - {{id: b, secret: {KEY}}}", "keys[1].secret", "another key"),
    (f"- {{id: a, secret: {KEY}, seal: false}}", "keys", "no key seals"),
    ("[]", "keys", "is missing"),
]


@pytest.mark.parametrize(("keys", "key", "said"), KEYS)
def test_mistakes_of_keys(tmp_path: Path, keys: str, key: str, said: str) -> None:
    found = errors(tmp_path, f"server: {{public_url: https://a.example.com}}\nkeys:\n  {keys}\n")
    assert [problem.key for problem in found] == [key], found
    assert said in f"{found[0].message} {found[0].suggestion}"


def test_everything_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    found = errors(
        tmp_path,
        """\
        server:
          public_url: https://auth.example.com
          prefx: /_auth
          workers: 0
        keys:
          - {id: a, secret: short}
        session:
          idle: forever
          store: ${STORE}
          cookie: {domain: other.example}
        routes:
          - {name: a, host: a.example.com, access: login}
          - {name: b, host: a.example.com, access: login}
          - {name: c, host: c.example.com, access: logn}
        """,
    )
    assert [(problem.mark.line, problem.key) for problem in found] == [
        (3, "server.prefx"),
        (4, "server.workers"),
        (6, "keys[0].secret"),
        (8, "session.idle"),
        (9, "session.store"),
        (10, "session.cookie.domain"),
        (13, "routes[1].host"),
        (14, "routes[2].access"),
    ]


def test_load_raises_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load(write(tmp_path, "log: {level: loud}\n"), {})
    assert [problem.key for problem in raised.value.problems if problem.severity == "error"] == ["keys", "server.public_url", "log.level"]
    assert "log.level" in str(raised.value)


def test_what_only_a_server_needs_is_asked_for_by_servers(tmp_path: Path) -> None:
    file = write(tmp_path, "users: {database: 'sqlite:///u.db'}\n")
    assert load(file, {}, serving=False).settings.users.database.endswith("u.db")
    with pytest.raises(ConfigErrors):
        load(file, {})


@pytest.mark.parametrize(
    ("section", "key", "said"),
    [
        ("session: {store: 'memory://'}", "session.store", "lost at a restart"),
        ("users: {database: 'sqlite:///u.db'}", "users.database", "does not exist yet"),
        ("routes: [{name: a, host: auth.example.com, path: /a, upstream: 'http://a', access: login}]", "routes[0].host", "shares public_url's host"),
        (
            "routes: [{name: a, host: a.example.com, upstream: 'https://a', access: login, tls: {verify: false}}]",
            "routes[0].tls.verify",
            "can be the upstream",
        ),
        (
            "routes: [{name: a, host: '*', access: login}, {name: b, host: b.example.com, path: /b, access: login}]",
            "routes[1].host",
            "has routes of its own",
        ),
        ("routes: [{name: a, host: a.example.com, access: login, strip_prefix: true}]", "routes[0].strip_prefix", "no upstream"),
        ("session: {touch_every: 20m}", "session.touch_every", "more than half"),
        ("session: {idle: 13h}", "session.idle", "longer than session.absolute"),
        ("login: {throttle: {per_account_stop_after: 3}}", "login.throttle.per_account_stop_after", "never a delay"),
    ],
)
def test_warnings_stop_nothing(tmp_path: Path, section: str, key: str, said: str) -> None:
    found = [problem for problem in problems(tmp_path, _behind(section)) if problem.key == key]
    assert [problem.severity for problem in found] == ["warning"], problems(tmp_path, _behind(section))
    assert said in found[0].message
    assert load(tmp_path / "gateway.yml", {}).warnings


@pytest.mark.parametrize("address", ["0.0.0.0:9090", "192.0.2.1:9090"])
def test_an_admin_listener_for_everybody_is_warned_about(tmp_path: Path, address: str) -> None:
    text = f"server: {{public_url: https://a.b, admin_listen: '{address}'}}\nkeys: [{{id: a, secret: {KEY}}}]\n"
    assert any(problem.key == "server.admin_listen" and problem.severity == "warning" for problem in problems(tmp_path, text))


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:81", "http://app.localhost"])
def test_plain_http_is_accepted_on_loopback(tmp_path: Path, url: str) -> None:
    assert not errors(tmp_path, f'server: {{public_url: "{url}"}}\nkeys: [{{id: a, secret: {KEY}}}]\n')


def test_plain_http_elsewhere_needs_a_word(tmp_path: Path) -> None:
    text = f"server: {{public_url: 'http://10.0.0.1'}}\nkeys: [{{id: a, secret: {KEY}}}]\nsession: {{cookie: {{secure: false, same_site: none}}}}\n"
    assert [problem.key for problem in errors(tmp_path, text)] == ["session.cookie.same_site"]
