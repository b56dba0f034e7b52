"""From the tree to the model, with every mistake and its place.

pydantic finds all mistakes of a pass. What is wrong is then taken out and the rest validated again, so that the checks that follow see as much
as possible and everything is reported at once.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.errors import Loc, Problem, dotted
from gateway.config.model import LATER, LATER_IN, Settings
from gateway.config.section import Section, field_at, fields_of, is_secret, keys_of, model_at, section_of
from gateway.config.suggestions import nearest, nearest_word
from gateway.config.tree import BROKEN, Node

_MOST_PASSES: Final = 12

_MESSAGES: Final = {
    "bool_type": "must be true or false",
    "dict_type": "must be a map",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "missing": "is missing",
    "model_type": "must be a map",
    "string_too_short": "is empty",
    "string_type": "must be text",
    "too_short": "is empty",
}
_WORDS_FOR_BOOLEANS: Final = {"on": "true", "yes": "true", "y": "true", "off": "false", "no": "false", "n": "false"}


def validate(tree: Node, problems: list[Problem]) -> Settings:
    """The settings that `tree` holds; what is wrong is appended to `problems` and taken out of `tree`."""
    tree.locate()
    wrong: set[Loc] = {loc for loc, node in tree.scalars() if node.value is BROKEN}
    empty = [node for _, node in tree.scalars() if node.value is None and node.plain]
    settings = _narrow(tree, wrong, problems)
    # `null` says that something is not wanted; nothing at all may be a value that got lost (CVE-2022-46153).
    told = {problem.key for problem in problems}
    problems.extend(
        Problem(node.mark, dotted(node.loc), "is empty", "give it a value, or write null")
        for node in empty
        if node.loc and dotted(node.loc) not in told and not any(node.loc[: len(other)] == other for other in wrong)
    )
    return settings


def _narrow(tree: Node, wrong: set[Loc], problems: list[Problem]) -> Settings:
    """Validate, report, take out, until something is left that is valid."""
    for _ in range(_MOST_PASSES):
        try:
            return Settings.model_validate(tree.data())
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        removals: set[Loc] = set()
        for detail in details:
            removals.add(_judge(tree, detail, wrong, problems))
        # From the end, so that what is taken out of a list moves nothing that is still to be taken out.
        for loc in sorted(
            removals, key=lambda loc: [(isinstance(part, str), part if isinstance(part, int) else 0, str(part)) for part in loc], reverse=True
        ):
            if not loc:
                return Settings()
            tree.remove(loc)
    return Settings()


def _judge(tree: Node, detail: ErrorDetails, wrong: set[Loc], problems: list[Problem]) -> Loc:
    """Report one of pydantic's mistakes, unless it follows from one that was reported. Returns what is to be taken out."""
    loc: Loc = tuple(detail["loc"])
    node, depth = tree.at(loc)
    if detail["type"] == "missing":
        missing = (*node.loc, loc[-1])
        if missing not in wrong:
            wrong.add(missing)
            problems.append(Problem(node.mark, dotted(missing), "is missing", _example(missing)))
        return loc[:depth]
    if node.loc in wrong or any(other[: len(node.loc)] == node.loc for other in wrong):  # it, or something in it, has been reported
        wrong.add(node.loc)
        return loc[:depth]
    wrong.add(node.loc)
    if detail["type"] == "extra_forbidden":
        message, suggestion = _unknown(node.loc)
        problems.append(Problem(node.key_mark or node.mark, dotted(node.loc), message, suggestion))
    else:
        message, suggestion = _mistake(node, detail)
        problems.append(Problem(node.mark, dotted(node.loc), message, suggestion))
    return loc[:depth]


def _example(loc: Loc) -> str | None:
    field = field_at(Settings, loc)
    extra = field.json_schema_extra if field is not None else None
    if isinstance(extra, dict) and (shown := extra.get("examples")) and isinstance(shown, list):
        return f"for example `{loc[-1]}: {shown[0]}`"
    return None


def _unknown(loc: Loc) -> tuple[str, str | None]:
    """What to say of a key that no section has."""
    name = str(loc[-1])
    section = str(loc[0])
    if (len(loc) == 1 and name in LATER) or name in LATER_IN.get(section, ()):
        return "is not known yet: it comes with a later version", "remove it"
    model = model_at(Settings, loc[:-1])
    if model is None:
        return "is an unknown key", None
    suggestion = nearest(name, keys_of(model))
    if suggestion is None:
        places = [place for place in _places(Settings, ()) if place.rpartition(".")[2] == name]
        if places:
            suggestion = f"did you mean `{places[0]}`?"
        elif name.endswith("_file") and name.removesuffix("_file") in fields_of(model):
            suggestion = f"{name.removesuffix('_file')} is no secret: write it here"
    return "is an unknown key", suggestion


def _places(model: type[Section], loc: Loc) -> list[str]:
    """Every dotted key of the model, lists aside."""
    found: list[str] = []
    for name, field in fields_of(model).items():
        found.append(dotted((*loc, name)))
        inner = section_of(field)
        if inner is not None:
            found.extend(_places(inner, (*loc, name)))
    return found


def _mistake(node: Node, detail: ErrorDetails) -> tuple[str, str | None]:
    kind, context = detail["type"], detail.get("ctx", {})
    message, suggestion = _words(kind, context, detail["msg"], node.value)
    if kind == "literal_error" and node.loc[-3:-1] == ("identity", "headers") and node.loc[-1] in ("user", "id", "email", "name", "groups"):
        # Written the other way round: many gateways name the claim first.
        suggestion = f"the header comes first: {node.value}: {str(node.loc[-1]).replace('user', 'id')}"
    if node.value is None and "is empty" not in message:
        return "is empty", "remove it or give it a value"
    if isinstance(node.value, list | dict):
        return message, suggestion
    if not _may_be_quoted(node):
        return message, None  # what is to be written instead is made of the value
    if isinstance(node.value, str | int | float) and node.value != "" and len(str(node.value)) <= 60:
        text = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
        message = f"`{text}` {message}"
    return message, suggestion


def _words(kind: str, context: dict[str, Any], message: str, value: object) -> tuple[str, str | None]:
    match kind:
        case "value_error":
            text, separator, rest = str(context.get("error", message)).partition(": write ")
            return text, f"write {rest}" if separator else None
        case "literal_error":
            expected = str(context["expected"]).replace("'", "").replace(" or ", ", ")
            near = nearest_word(str(value), expected.split(", "))
            return f"must be one of {expected}", f"did you mean `{near}`?" if near else None
        case "bool_type":
            return _MESSAGES[kind], f"write {near}" if (near := _WORDS_FOR_BOOLEANS.get(str(value).lower(), str(value).lower())) in (
                "true",
                "false",
            ) else None
        case "string_type" if isinstance(value, bool | int | float):
            return _MESSAGES[kind], f'quote it: "{str(value).lower() if isinstance(value, bool) else value}"'
        case "list_type" if isinstance(value, str | int | float):
            return _MESSAGES[kind], f"write [{value}]"
        case "greater_than_equal":
            return f"must be at least {context['ge']}", None
        case "less_than_equal":
            return f"must be at most {context['le']}", None
        case "string_too_long" | "too_long":
            return f"is longer than {context['max_length']}", None
        case "string_pattern_mismatch":
            return f"must match {context['pattern']}", None
    return _MESSAGES.get(kind, message[:1].lower() + message[1:]), None


def _may_be_quoted(node: Node) -> bool:
    """Whether a message may hold the value: not when it is secret, may hold a password, or came from elsewhere."""
    if node.foreign:
        return False
    field = field_at(Settings, node.loc)
    return field is None or (field.repr and not is_secret(field) and "SecretStr" not in str(field.annotation))
