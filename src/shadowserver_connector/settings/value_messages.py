"""Values of settings in words: what is allowed, what was refused, how one is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ByteSize, SecretStr, ValidationError

from shadowserver_connector.settings.sources import (
    NAMES_OUTSIDE_MODELS,
    SECTIONS,
    Text,
    known_settings,
    secret_names,
)
from shadowserver_connector.settings.value_types import CHUNK_BYTES_BOUNDS

MASK = "********"

_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_PAIRS = frozenset({*(quote * 2 for quote in _QUOTES), "\u2018\u2019", "\u201c\u201d"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNEXPANDED = re.compile(r"\$\{[^}]*\}")
# Invisible, but not white space for Python: editors and web pages leave them in texts.
_INVISIBLE = "\ufeff\u200b\u2060"

# A proxy may be given without a scheme, and a password contain "@".
_PASSWORD_IN_URL = re.compile(r"(?:\A|(?<=://))[^/?#]*@")
_SIZES = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def in_clear(value: object) -> str:
    """Return a setting's value as text; secrets in clear, an unset value as an empty text."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return _iso_duration(value)
        case ByteSize():
            return _size(value)
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def masked(value: object) -> str:
    """Return a setting's value as it may be shown: secrets, and passwords in URLs, are masked."""
    if isinstance(value, SecretStr):
        return MASK
    return without_password(in_clear(value))


def flaw_of(text: str) -> str:
    """Say what is wrong with how a value is written, whatever it is for; empty if nothing is.

    Such a value is seldom meant: a shell or an ``env_file`` did not remove quotes, or did not
    replace a variable. The other side would refuse a key with a quote or a line end without a hint.
    """
    if _SURROGATE.search(text):
        return "it contains bytes that are not UTF-8"
    if text != text.strip().strip(_INVISIBLE):
        return "its value begins or ends with spaces, line ends or invisible characters"
    if _CONTROL.search(text):
        return "its value contains line ends or control characters"
    if _is_quoted(text):
        return "its value contains the quotes around it"
    if _UNEXPANDED.search(text):
        # Not shown: a default may follow the name, and that may be a secret.
        return "the ${...} in its value was not replaced"
    return ""


def flaw_of_foreign(text: str, *, secret: bool) -> str:
    """Say the same of a value outside the models; of a secret or a certificate, only what makes it
    unusable.
    """
    if secret or "-----BEGIN" in text:
        if _SURROGATE.search(text):
            return "it contains bytes that are not UTF-8"
        if "\0" in text:
            return "its value contains a NUL character"
        return flaw_of(text) if _UNEXPANDED.fullmatch(text) else ""
    return flaw_of(text)


def _is_quoted(text: str) -> bool:
    """Tell whether a value is in quotes, or one at its beginning or end lacks the other."""
    first, last = text[:1], text[-1:]
    # Not an apostrophe, which a name may begin or end with: the CERTs'.
    return first + last in _PAIRS or any(
        end in ('"', "`") and text.count(end) % 2 == 1 for end in (first, last)
    )


def without_password(text: str) -> str:
    """Mask what is before the ``@`` of a URL's host; the URL may lack its scheme."""
    return _PASSWORD_IN_URL.sub(f"{MASK}@", text)


def _iso_duration(value: timedelta) -> str:
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    days = f"{value.days}D" if value.days else ""
    time = "".join(f"{number}{unit}" for number, unit in parts if number)
    return f"P{days}" + (f"T{time}" if time else "")


def _size(value: int) -> str:
    for factor, unit in _SIZES:
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(int(value))


JsonSchema = dict[str, Any]

_FORMATS = {
    "uri": "a URL that begins with https:// or http://",
    "secure-url": "a URL without user, query and fragment that begins with https://, or with "
    "http:// for this machine only (localhost, 127.0.0.1, [::1])",
    "address": "an IP address of this machine",
    "uuid": "a UUID; uuidgen creates one",
    "duration": "an ISO 8601 duration of weeks, days, hours and minutes, from a minute to 365 days",
    "pem-file": "the path of a PEM file with certificates",
    "path": "a path",
    "password": "text",
    "short-duration": "a number with d, h, m or s, from a minute to 365 days",
    "size": "a number of bytes, KiB, MiB or GiB",
    "chunk-size": "a number of bytes, KiB, MiB or GiB from "
    + " to ".join(in_clear(ByteSize(bound)) for bound in CHUNK_BYTES_BOUNDS),
}


@cache
def schemas() -> Mapping[str, JsonSchema]:
    """Return the JSON schema of every setting, by environment variable."""
    sections = {name: model.model_json_schema() for name, model in SECTIONS.items()}
    return {
        name: _without_null(sections[setting.section]["properties"][setting.key])
        for name, setting in known_settings().items()
    }


def allowed_values(name: str) -> str:
    """Say what the setting may be: ``a whole number from 1 to 32``."""
    schema = schemas()[name]
    examples = schema.get("examples", [])
    return _in_words(schema) + (f", such as {' or '.join(examples)}" if examples else "")


def _without_null(schema: JsonSchema) -> JsonSchema:
    """Remove the possibility to be unset, which every setting has."""
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


LONGEST_VALUE = 60


def describe_refusals(
    error: ValidationError, values: Mapping[str, object], sources: Mapping[str, str]
) -> list[str]:
    """Return lines that name the setting, its source, its value unless secret, and what is allowed.

    `values` and `sources` are by environment variable.
    """
    # A list, or a choice between kinds, has an error for each of its parts: one line is enough.
    names = dict.fromkeys("_".join(map(str, one["loc"][:2])).upper() for one in error.errors())
    return [
        f"{name} ({sources[name]}): {_shown(name, values[name])} is not allowed; "
        f"give {allowed_values(name)}"
        for name in names
    ]


def describe_unreachable_path(
    error: OSError, values: Mapping[str, Text], sources: Mapping[str, str]
) -> str:
    """Return a line for a path that the system refuses to look at: too long, or not accessible."""
    # The error says which path, but not of which setting.
    path = Path(str(error.filename))
    name = next(
        name
        for name, schema in schemas().items()
        if schema.get("format") == "pem-file" and Path(str(values.get(name))) == path
    )
    return (
        f"{name} ({sources[name]}): {_shown(name, values[name])} cannot be reached: "
        f"{error.strerror}; give {allowed_values(name)}"
    )


def describe_flaw(name: str, text: Text) -> str:
    """Say what is wrong with how a value is written and what is allowed; empty if nothing is."""
    foreign = name in NAMES_OUTSIDE_MODELS
    for each in [text] if isinstance(text, str) else text:
        flaw = flaw_of_foreign(each, secret=name in secret_names()) if foreign else flaw_of(each)
        if flaw:
            return flaw if foreign else f"{flaw}; give {allowed_values(name)}"
    return ""


def _shown(name: str, value: object) -> str:
    if name in secret_names():
        return "its value"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    text = without_password(text)
    return repr(text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "...")
