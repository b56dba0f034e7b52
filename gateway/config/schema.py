"""The JSON Schema of the configuration, for editors."""

from __future__ import annotations

from typing import Any

from gateway.config.model import Settings
from gateway.config.section import Section, fields_of, is_secret, section_of


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. A value of any key may also be text with `${NAME}` in it, which no schema can tell."""
    schema = Settings.model_json_schema(mode="validation", by_alias=True)
    definitions = schema.get("$defs", {})
    for model in _models(Settings):
        described = definitions.get(model.__name__)
        if described is not None:
            _allow_files(described, model)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "auth-gateway configuration"}


def _models(model: type[Section]) -> set[type[Section]]:
    found = {model}
    for field in model.model_fields.values():
        inner = section_of(field)
        if inner is not None and inner not in found:
            found |= _models(inner)
    return found


def _allow_files(described: dict[str, Any], model: type[Section]) -> None:
    """`<key>_file` may stand for every secret."""
    for name, field in fields_of(model).items():
        if is_secret(field):
            described["properties"][f"{name}_file"] = {"type": "string", "description": f"A file that holds `{name}`."}
            if name in described.get("required", ()):
                described["required"].remove(name)
                described.setdefault("allOf", []).append({"oneOf": [{"required": [name]}, {"required": [f"{name}_file"]}]})
