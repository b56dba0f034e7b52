"""Everything that people read is said in every language of ours: nothing is untranslated, nothing is unused, no value is lost on the way."""

from __future__ import annotations

import pytest

from gateway.core.languages import ENGLISH, OWN
from tests.messages import MODULES, TEMPLATES, catalogue, catalogues, glued, messages, of_module, of_template, unmarked, values_of

LANGUAGES = sorted(set(OWN) - {ENGLISH})


def test_every_language_has_a_catalogue():
    assert catalogues() == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_untranslated(language):
    known = catalogue(language)
    found = {said.message: f"{said.place}:{said.line}: {said.message}" for said in messages()}
    assert [place for message, place in found.items() if (entry := known.get(message)) is None or not entry.string or entry.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_unused(language):
    said = {one.message for one in messages()}
    assert [message.id for message in catalogue(language) if message.id and message.id not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_is_put_in(language):
    assert [m.id for m in catalogue(language) if m.id and values_of(str(m.id)) != values_of(str(m.string))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_end_alike(language):
    """A full stop that is missing, or a line end too many, is easily overlooked in a catalogue."""
    ends = {".", ":", "?"}
    pairs = [(str(m.id), str(m.string)) for m in catalogue(language) if m.id and m.string]
    assert [theirs for ours, theirs in pairs if {ours[-1], theirs[-1]} & ends and ours[-1] != theirs[-1]] == []
    assert [theirs for _, theirs in pairs if theirs != theirs.strip() or "\n" in theirs or "  " in theirs] == []


def test_nothing_in_a_template_is_left_unmarked():
    assert [words for file in TEMPLATES for words in unmarked(file.read_text().removeprefix("Subject:"), file.name)] == []


def test_no_sentence_is_glued_together():
    """A sentence with a value put in cannot be found in a catalogue: the value has to stand beside it, in a Phrase."""
    assert [words for file in MODULES for words in glued(file.read_text(), file.name)] == []


def test_the_finder_finds():
    assert [one.message for one in of_template('<p>{{ _("One") }}</p>{% if x %}{{ f(_("Two %(a)s", a=1)) }}{% endif %}')] == ["One", "Two %(a)s"]
    module = "\n".join(
        [
            '"""A docstring is not read."""',
            'A = "This is a sentence."',
            'B = {"key": "%(n)s things"}',
            'C = part("just now")',
            'log.warning("A line of the log is not read")',
            'raise ValueError("Nor is this error here")',
            'D = "text/html; charset=utf-8"',
        ]
    )
    assert {one.message for one in of_module(module)} == {"This is a sentence.", "%(n)s things", "just now"}
    assert list(unmarked("<p>Forgotten {{ x }}</p>")) == ["template: Forgotten"]
    assert list(unmarked('<a title="Forgotten" href="/a b">{{ _("Fine") }}</a>')) == ["template: Forgotten"]
    assert list(unmarked('{# A note #}<b>{{ _("Fine", a=b) }}</b> &middot; {% set a = "x y" %}')) == []
    assert list(unmarked('{{ _("A " ~ b) }}{{ _("Not like " ~ this) }}')) == ["template:1: A ", "template:1: Not like "]
    assert list(glued('A = f"Wait {n} minutes."')) == ["module:1: Wait x minutes."]
    assert list(glued('log.info(f"Wait {n} minutes.")\nB = f"{n}-{m}"')) == []
