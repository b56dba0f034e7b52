"""What a table of endpoints is made of. The whole table stands in `handler.py`; groups of pages that belong together bring their rows along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple

from aiohttp import web

from gateway.web.pages.visit import Visit


class Reach(Enum):
    """The hosts on which an endpoint answers."""

    ANY = "any host"
    KNOWN = "hosts that the configuration names"
    PUBLIC = "public_url's host"


class Endpoint(NamedTuple):
    """A row of the table. A path that ends with `*` stands for everything below it; HEAD is answered as GET is."""

    method: str
    path: str
    reach: Reach
    answer: Callable[[Visit], Awaitable[web.Response]]
