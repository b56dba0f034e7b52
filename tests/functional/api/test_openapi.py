"""docs/openapi.yml says what the server does: the same routes, and no answer to anything, right or wrong, that it does not describe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.core.api import PATHS
from tests.functional.api.client import Served, serve
from tests.gateways import PASSWORD

METHODS = ("get", "post", "put", "patch", "delete")
DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "docs" / "openapi.yml").read_text())
#: Cookies are sent by the test itself, so they are no part of what is made up.
SCHEMA = schemathesis.openapi.from_dict(
    {
        **DOCUMENT,
        "security": [],
        "paths": {
            path: {name: {**one, "security": []} if name in METHODS else one for name, one in item.items()}
            for path, item in DOCUMENT["paths"].items()
        },
    }
)
SCHEMA.config.update(base_url="http://127.0.0.1:9/_auth/api")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """It may be asked as often as the tests want to."""
    throttle = {"per_ip": "100000/1m", "per_account_delay_after": 1000, "per_account_stop_after": 100_000}
    with serve(
        {
            "login": {"throttle": throttle},
            "users": {"signup": {"enabled": True}},
            "mail": {"url": "spool:mail", "from": "g@example.com"},
            "session": {"data": {"enabled": True}},
        }
    ) as one:
        one.gateway.add_user("ann@example.com", groups=["admins"])
        yield one


@pytest.fixture(scope="module")
def cookie(served: Served) -> str:
    client = served.client()
    client.log_in("ann@example.com", PASSWORD)
    assert client.cookie is not None
    return client.cookie


def test_every_route_and_method_is_documented(served: Served):
    client = served.client()
    for path in PATHS:
        reply = client.send("OPTIONS", path.replace(":id", "0190a000-0000-7000-8000-000000616e6e"))
        known = {method.lower() for method in reply.headers["Allow"].split(", ")} - {"head", "options"}
        assert known == set(DOCUMENT["paths"][f"{path.replace(':id', '{id}')}/"]) & set(METHODS), path
    assert {f"{path.replace(':id', '{id}')}/" for path in PATHS} == set(DOCUMENT["paths"])


@pytest.mark.parametrize("logged_in", [False, True], ids=["nobody", "an administrator"])
@SCHEMA.parametrize()
@settings(
    max_examples=15, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
def test_answers_are_as_documented(case: schemathesis.Case, served: Served, cookie: str, logged_in: bool):
    client = served.client()
    headers = {
        "Host": f"localhost:{served.gateway.port}",
        "X-Forwarded-For": client.address,
        "Cookie": cookie if logged_in and case.path != "/users/logout/" else "",
    }
    case.call_and_validate(base_url=f"http://127.0.0.1:{served.gateway.port}/_auth/api", headers=headers, checks=CHECKS)
