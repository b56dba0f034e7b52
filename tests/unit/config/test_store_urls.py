from __future__ import annotations

import pytest

from gateway.config.addresses import masked_url, parse_store


@pytest.mark.parametrize(
    "text",
    [
        "memory://",
        "redis://127.0.0.1:6379/0",
        "rediss://app@redis.example.com/3?ssl_ca_certs=ca.pem",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://a.example.com:26379,b.example.com,[::1]:26380/main",
        "rediss+sentinel://app@a.example.com:26379/main/3?ssl_ca_certs=ca.pem",
        "redis+cluster://a.example.com:7000,b.example.com:7001",
        "rediss+cluster://app:secret@a.example.com:7000/",
    ],
)
def test_stores_that_can_be_named(text: str):
    parse_store(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("redis://", "no host"),
        ("redis+sentinel://a:1", "name the master"),
        ("redis+sentinel://a:1/main/zero", "name the master"),
        ("redis+cluster://", "separated by commas"),
        ("redis+cluster://a:x", "separated by commas"),
        ("redis+cluster://a:1;b:2", "separated by commas"),
        ("redis+cluster://a:1, b:2", "no spaces"),
        ("redis+other://a:1", "must be memory://"),
    ],
)
def test_stores_that_cannot(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        parse_store(text)


def test_no_password_of_several_servers_is_shown():
    assert masked_url("redis+cluster://app:topsecret@a:1,b:2") == "redis+cluster://app:***@a:1,b:2"
