"""Access lists: a word, or rules of criteria and an effect (DESIGN "Rules").

Nothing here has an open default: an empty or missing list, subject or criterion is a mistake (CVE-2022-46153, CVE-2021-21411).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.config.section import Section, setting
from gateway.config.suggestions import nearest_word
from gateway.config.words import Method, Network, PathGlob, Text, one_or_more, read_subject

_WORDS = ("public", "optional", "login")


def _allow(value: object) -> object:
    """A word becomes a list of itself."""
    if isinstance(value, str):
        if value not in _WORDS:
            near = nearest_word(value, _WORDS)
            message = "must be public, optional or login, or a list such as [group:admins, user:ann@example.com]"
            raise ValueError(f"{message}: write {near}" if near else message)
        return [value]
    if value is None or value == []:
        raise ValueError("is empty, so nobody is allowed: write deny: true if that is meant")
    return value


def _subject(value: str) -> str:
    return value if value in _WORDS else read_subject(value)


def _not_mixed(value: list[str]) -> list[str]:
    """A word settles everything, so nothing beside it could mean anything."""
    if len(value) > 1 and (word := next((one for one in value if one in _WORDS), None)) is not None:
        raise ValueError(f"holds {word} beside other subjects: write the word alone, allow: {word}")
    return value


def _rule(value: object) -> object:
    """A bare word is a rule without criteria."""
    if value == "deny":
        return {"deny": True}
    if isinstance(value, str):
        if value not in _WORDS:
            near = nearest_word(value, (*_WORDS, "deny"))
            message = "must be public, optional, login or deny, or a map with `allow:` or `deny: true`"
            raise ValueError(f"{message}: write {near}" if near else message)
        return {"allow": value}
    return value


def read_access(value: object) -> object:
    """A bare word is a list of one rule."""
    if value is None or value == [] or value == {}:
        raise ValueError("is empty: say who may pass (public, optional, login, deny, or a list of rules)")
    return [value] if isinstance(value, str) else value


_ALLOW: dict[str, Any] = {
    "anyOf": [{"enum": list(_WORDS)}, {"type": "array", "items": {"type": "string", "pattern": "^(group|user):.+"}, "minItems": 1}]
}
_QUERY: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
}

Subject = Annotated[str, AfterValidator(_subject)]
QueryGlobs = Annotated[list[Text], BeforeValidator(one_or_more), Field(min_length=1)]


class RuleSection(Section):
    """One rule: all its criteria have to hold, values in a list are alternatives."""

    allow: Annotated[list[Subject], BeforeValidator(_allow), AfterValidator(_not_mixed), WithJsonSchema(_ALLOW)] | None = setting(
        None, "Who may pass: public, optional, login, or a list of group:NAME and user:ADDRESS.", shown="login"
    )
    deny: bool | None = setting(None, "true: nobody passes. A rule has either this or allow.")
    paths: Annotated[list[PathGlob], Field(min_length=1)] | None = setting(
        None, "Absolute globs on the canonical path: `*` is anything but a slash, `**` anything, `?` one character.", shown=["/admin/help/**"]
    )
    methods: Annotated[list[Method], Field(min_length=1)] | None = setting(None, "Methods, upper case.", shown=["GET"])
    networks: Annotated[list[Network], Field(min_length=1)] | None = setting(None, "Networks of the client.", shown=["10.0.0.0/8"])
    query: Annotated[dict[Text, QueryGlobs], Field(min_length=1), WithJsonSchema(_QUERY)] | None = setting(
        None, "Query parameters, and a glob or a list of globs for the value of each.", shown={"embed": "1"}
    )

    @model_validator(mode="after")
    def _one_effect(self) -> RuleSection:
        if self.deny is False:
            raise ValueError("`deny: false` says nothing: write `allow:` with who may pass")
        if (self.allow is None) == (self.deny is None):
            raise ValueError("needs either `allow:` or `deny: true`")
        return self

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, value: Any) -> Any:
        """A criterion that was left empty would make the rule about everything."""
        if isinstance(value, dict):
            for key in ("allow", "deny", "paths", "methods", "networks", "query"):
                if key in value and value[key] is None:
                    raise ValueError(f"`{key}` is empty: remove it or give it a value")
        return value


class OrWord:
    """In the JSON schema: a word may stand instead."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Called by pydantic."""
        return {"anyOf": [{"enum": [*_WORDS, "deny"]}, handler(core_schema)]}


RuleItem = Annotated[RuleSection, BeforeValidator(_rule), OrWord()]
