from __future__ import annotations

import pytest

from gateway.core.languages import best_language

OFFERED = ("en", "de", "pt-br")


@pytest.mark.parametrize(
    ("wanted", "best"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de-Latn-AT,en;q=0.9", "de"),
        ("fr,de;q=0.5", "de"),
        ("fr", "en"),
        ("en;q=0.5,de;q=0.8", "de"),
        ("de;q=0.8, en;q=0.8", "de"),
        ("en , de", "en"),
        ("de;q=0", "en"),
        ("de;q=0,en;q=0", "en"),
        ("*", "en"),
        ("*;q=0.1,de;q=0.2", "de"),
        ("en;q=0,*", "de"),
        ("*,en;q=0", "de"),
        ("en;q=0,de;q=0,*", "pt-br"),
        ("en;q=0,de;q=0,pt;q=0,*", "en"),  # nothing is acceptable
        ("*;q=0", "en"),
        ("*;q=0,de;q=0.1", "de"),
        ("de;q=0,de-AT", "en"),
        ("de-AT;q=0,de;q=0.1", "de"),
        ("pt;q=0,pt-BR", "pt-br"),
        ("pt-BR;q=0,pt,*;q=0.1", "en"),
        ("en;q=0.5,*", "de"),
        ("en-GB;q=0,*", "en"),
        ("en,en;q=0,*;q=0.1", "en"),  # the choice, then what the browser says
        ("pt-BR", "pt-br"),
        ("pt", "en"),
        ("pt-br-x", "pt-br"),
        ("de;q=2,en;q=0.1", "en"),
        ("de;q=nan", "en"),
        ("d\xe9,../de,de\x00,;;;,=,de", "de"),
        ("nonsense,en,de", "en"),
        ("x," * 300 + "de", "en"),  # it is not read that far
    ],
)
def test_the_best_language(wanted, best):
    assert best_language(wanted, OFFERED) == best


def test_a_choice_stands_in_front():
    assert best_language("de,en-GB,en;q=0.9", OFFERED) == "de"
    assert best_language(",de", OFFERED) == "de"
    assert best_language("xx,de", OFFERED) == "de"


def test_the_default_is_the_first():
    assert best_language("fr", ("de", "en")) == "de"
    assert best_language("*", ("de", "en")) == "de"
