from __future__ import annotations

from gateway.core.password import PasswordPolicy, Weakness
from gateway.web.pages.words import WEAKNESSES, weakness_words


def test_every_reason_has_words_of_its_own():
    policy = PasswordPolicy(12, 64)
    words = [weakness_words(weakness, policy) for weakness in Weakness]
    assert len(set(words)) == len(Weakness) == len(WEAKNESSES)
    assert [text for text in words if "%" in text or not text.endswith(".")] == []
    assert "12 characters" in words[0]
    assert "64 characters" in words[1]
