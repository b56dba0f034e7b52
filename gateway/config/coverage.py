"""Whether one rule's criteria hold wherever another's do. Errs on the side of no."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from gateway.config.addresses import parse_network
from gateway.config.model_rules import RuleSection


def covers_criteria(wide: RuleSection, narrow: RuleSection) -> bool:
    """Whether `wide` is about every request that `narrow` is about."""
    return (
        _covers_paths(wide.paths, narrow.paths)
        and (wide.methods is None or (narrow.methods is not None and set(narrow.methods) <= set(wide.methods)))
        and _covers_networks(wide.networks, narrow.networks)
        and (wide.query is None or wide.query == narrow.query)
    )


def covers_subjects(wide: RuleSection, narrow: RuleSection) -> bool:
    """Whether nobody is left for `narrow` where `wide` has spoken.

    public, optional, login and deny settle everything: `login` sends away whoever is not logged in. A list of members lets other people
    pass on, but asks everybody else to log in.
    """
    if wide.deny or wide.allow in (["public"], ["optional"], ["login"]):
        return True
    return not narrow.deny and narrow.allow is not None and wide.allow is not None and set(narrow.allow) <= set(wide.allow)


def covers_glob(wide: str, narrow: str) -> bool:
    """Whether everything that `narrow` matches is matched by `wide`."""
    if wide == narrow or wide in ("/**", "**"):
        return True
    if wide.endswith("/**") and "*" not in wide[:-3] and "?" not in wide[:-3]:
        return narrow == wide[:-3] or narrow.startswith(wide[:-2])
    return False


def may_match_below(glob: str, path: str) -> bool:
    """Whether `glob` can match a path of a route at `path`."""
    base = path.rstrip("/")
    literal = literal_start(glob)
    if literal == glob:
        return glob == base or glob.startswith(base + "/")
    if glob.endswith("/**") and literal == glob[:-2] and base == glob[:-3]:
        return True
    return literal.startswith(base + "/") or base.startswith(literal) or (base + "/").startswith(literal)


def literal_start(glob: str) -> str:
    """What stands before the first wildcard."""
    for index, character in enumerate(glob):
        if character in "*?":
            return glob[:index]
    return glob


def _covers_paths(wide: list[str] | None, narrow: list[str] | None) -> bool:
    if wide is None:
        return True
    return narrow is not None and all(any(covers_glob(one, glob) for one in wide) for glob in narrow)


def _covers_networks(wide: Iterable[str] | None, narrow: Iterable[str] | None) -> bool:
    if wide is None:
        return True
    if narrow is None:
        return False
    outer = [parse_network(text) for text in wide]
    for text in narrow:
        inner = parse_network(text)
        if not any(_contains(network, inner) for network in outer):
            return False
    return True


def _contains(outer: object, inner: object) -> bool:
    if isinstance(outer, IPv4Network) and isinstance(inner, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and isinstance(inner, IPv6Network) and inner.subnet_of(outer)
