"""Garbage is told, never a traceback: whatever a file holds, examining it ends with problems or with a configuration (CVE-2024-21493)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.load import examine
from gateway.config.model import Settings
from gateway.config.section import Section, fields_of, section_of
from gateway.config.snapshot import make_snapshot
from tests.configurations import KEY, SMALLEST

_ENVIRON = {"SET": "value", "EMPTY": "", "NUMBER": "12", "GATEWAY_KEY": KEY}
_REFERENCE = (Path(__file__).resolve().parents[2] / "config/gateway.yml").read_text()


def _words(model: type[Section]) -> set[str]:
    found: set[str] = set()
    for name, field in fields_of(model).items():
        found |= {name, f"{name}_file"}
        inner = section_of(field)
        if inner is not None:
            found |= _words(inner)
    return found


_KEYS = st.sampled_from(sorted(_words(Settings)))
_TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "*",
            "/**",
            "login",
            "public",
            "https://a.example.com",
            "http://[::1]:80",
            "http://[",
            "${SET}",
            "${",
            "${NO}",
            "${NO:-x}",
            "30s",
            "-1s",
            "1KiB",
        ]
    ),
    st.sampled_from(
        ["redis://[x", "sqlite:///", "unix:", "[::1]:0", "a:99999", "group:a", "user:", "\x85", "\ud7ff", "xn--", "é.example", "::/0", "#fff"]
    ),
)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), _TEXTS)
_TREES = st.recursive(
    _SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(_KEYS, _TEXTS), inner, max_size=5)), max_leaves=30
)


def _examine(text: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.yml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        loaded, problems = examine(file, _ENVIRON)
        for problem in problems:
            assert problem.message
            assert problem.mark.file
            assert str(problem)
            assert problem.as_json()
        if not any(problem.severity == "error" for problem in problems):
            make_snapshot(loaded)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200), st.text(alphabet="ab:-[]{}*&!|>'\"#%@` \n\t?,$", max_size=80)))
@settings(max_examples=150, deadline=None)
def test_any_bytes(text: str | bytes) -> None:
    _examine(text)


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), _TREES, max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_below_known_sections(tree: dict[str, object]) -> None:
    _examine(yaml.safe_dump(tree, allow_unicode=True))


@st.composite
def _shaped(draw: st.DrawFn, model: type[Section]) -> dict[str, object]:
    """A map with the right keys and mostly wrong values."""
    chosen: dict[str, object] = {}
    for name, field in fields_of(model).items():
        if not draw(st.booleans()):
            continue
        inner = section_of(field)
        if inner is not None and draw(st.integers(0, 3)):
            value: object = draw(_shaped(inner))
            chosen[name] = [value] if draw(st.booleans()) else value
        else:
            chosen[name] = draw(_SCALARS)
    return chosen


@given(_shaped(Settings))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_right_keys_with_wrong_values(tree: dict[str, object]) -> None:
    _examine(yaml.safe_dump(tree, allow_unicode=True))


@given(st.integers(0, len(_REFERENCE) - 1), st.integers(0, 12), st.text(max_size=6))
@settings(max_examples=200, deadline=None)
def test_the_reference_with_a_piece_replaced(start: int, length: int, text: str) -> None:
    _examine(_REFERENCE[:start] + text + _REFERENCE[start + length :])


@given(
    st.dictionaries(
        st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ_", max_size=20).map(lambda name: f"GATEWAY__{name}"), st.text(max_size=20), max_size=3
    )
)
@settings(max_examples=100, deadline=None)
def test_any_override(environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.yml"
        file.write_text(SMALLEST)
        examine(file, environ)
