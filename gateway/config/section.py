"""What every part of the model is made of: strict, frozen, closed sections, and fields that say what they are for.

A field is made by `setting` (with a default) or `required`. Beside its description it may say: `secret` (masked; `<key>_file` may stand
instead), `path` (a file's name, made absolute), `built=False` (the feature is to come: only the default is accepted), `shown` (an example for
the reference).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from gateway.config.errors import Loc


class Section(BaseModel):
    """A map with known keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


def setting(
    default: Any,
    description: str,
    *,
    secret: bool = False,
    path: bool = False,
    built: bool = True,
    shown: Any = None,
    **limits: Any,
) -> Any:
    """A key with a default. A default that is a section is made anew."""
    extra = _extra(secret, path, built=built, shown=shown)
    if isinstance(default, type):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **limits)
    if isinstance(default, list | dict):
        return Field(default_factory=default.copy, description=description, json_schema_extra=extra, **limits)
    return Field(default=default, description=description, json_schema_extra=extra, **limits)


def required(description: str, *, secret: bool = False, path: bool = False, shown: Any = None, **limits: Any) -> Any:
    """A key that has to be given."""
    return Field(description=description, json_schema_extra=_extra(secret, path, built=True, shown=shown), **limits)


def _extra(secret: bool, path: bool, *, built: bool, shown: Any) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if secret:
        extra["writeOnly"] = True
    if path:
        extra["x-path"] = True
    if not built:
        extra["x-built"] = False
    if shown is not None:
        extra["examples"] = [shown]
    return extra


def is_secret(field: FieldInfo) -> bool:
    """Whether `<key>_file` may stand for the field, and nothing may show its value."""
    return _flag(field, "writeOnly") is True


def is_path(field: FieldInfo) -> bool:
    """Whether the field names a file."""
    return _flag(field, "x-path") is True


def is_built(field: FieldInfo) -> bool:
    """Whether values other than the default are accepted."""
    return _flag(field, "x-built") is not False


def example(field: FieldInfo) -> Any:
    """What the reference shows, None when the default says enough."""
    found = _flag(field, "examples")
    return found[0] if found else None


def _flag(field: FieldInfo, name: str) -> Any:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that the field is, or is a list of; None for a plain value."""
    return _section(field.annotation)


def _section(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    if get_origin(annotation) in (list, Union, UnionType) or hasattr(annotation, "__metadata__"):
        for argument in get_args(annotation):
            if (found := _section(argument)) is not None:
                return found
    return None


def is_list(field: FieldInfo) -> bool:
    """Whether the field is a list of sections."""
    return get_origin(field.annotation) is list


def fields_of(model: type[Section]) -> dict[str, FieldInfo]:
    """The fields of a section by the keys that are written."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def keys_of(model: type[Section]) -> Iterator[str]:
    """Every key that may be written in a section, `_file` ones included."""
    for name, field in fields_of(model).items():
        yield name
        if is_secret(field):
            yield f"{name}_file"


def model_at(root: type[Section], loc: Loc) -> type[Section] | None:
    """The section at `loc`, None where there is a plain value or nothing."""
    model: type[Section] | None = root
    for part in loc:
        if isinstance(part, int):
            continue
        field = fields_of(model).get(part) if model is not None else None
        model = section_of(field) if field is not None else None
    return model


def field_at(root: type[Section], loc: Loc) -> FieldInfo | None:
    """The field that the last key of `loc` names."""
    names = [index for index, part in enumerate(loc) if isinstance(part, str)]
    if not names:
        return None
    model = model_at(root, loc[: names[-1]])
    name = loc[names[-1]]
    return fields_of(model).get(str(name)) if model is not None else None
