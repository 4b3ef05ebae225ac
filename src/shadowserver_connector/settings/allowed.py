"""What a setting may hold, in words, from the JSON schema of the models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ByteSize

from shadowserver_connector.settings.kinds import CHUNK_BYTES
from shadowserver_connector.settings.names import SECTIONS, known_settings
from shadowserver_connector.settings.text import as_text

JsonSchema = dict[str, Any]

_FORMATS = {
    "uri": "a URL that begins with https:// or http://",
    "secure-url": "a URL that begins with https://, or with http:// for this machine alone "
    "(localhost, 127.0.0.1, [::1])",
    "address": "an IP address of this machine",
    "uuid": "a UUID, as uuidgen makes them",
    "duration": "an ISO 8601 duration of weeks, days, hours and minutes, from a minute to 365 days",
    "pem-file": "the path of a PEM file with certificates",
    "path": "a path",
    "password": "text",
    "short-duration": "a number with d, h, m or s, from a minute to 365 days",
    "size": "a number of bytes, KiB, MiB or GiB",
    "chunk-size": "a number of bytes, KiB, MiB or GiB from "
    + " to ".join(as_text(ByteSize(bound)) for bound in CHUNK_BYTES),
}


@cache
def schemas() -> Mapping[str, JsonSchema]:
    """Return the JSON schema of every setting, by environment variable."""
    sections = {name: model.model_json_schema() for name, model in SECTIONS.items()}
    return {
        name: _without_null(sections[setting.section]["properties"][setting.key])
        for name, setting in known_settings().items()
    }


def allowed(name: str) -> str:
    """Say what the setting may hold: ``a whole number from 1 to 32``."""
    schema = schemas()[name]
    examples = schema.get("examples", [])
    return _in_words(schema) + (f", such as {' or '.join(examples)}" if examples else "")


def _without_null(schema: JsonSchema) -> JsonSchema:
    """Leave out that a setting can be unset, as every one can."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**choices[0], **rest}


def _in_words(schema: JsonSchema) -> str:
    if "anyOf" in schema:
        return ", or ".join(_in_words(choice) for choice in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "format" in schema:
        return _FORMATS[schema["format"]]
    kind = schema["type"]
    if kind == "boolean":
        return "true or false"
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    if kind == "array":
        values = schema["items"].get("enum")
        return "a list separated by commas" + (f" of {', '.join(values)}" if values else "")
    return "text"


def _bounds(schema: JsonSchema) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    if "minimum" in schema:
        return f" of {schema['minimum']} or more"
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']}"
    return ""
