"""The kinds of values of settings, each parsed from the text that a person writes.

Every source (YAML, ``.env``, environment) gives text or a list of texts, so one spelling means the
same everywhere.
"""

from __future__ import annotations

import re
import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    FilePath,
    WithJsonSchema,
)

from shadowserver_connector.state.state import LONGEST_LOOKBACK


class Section(BaseModel):
    """Immutable, strict about names, and silent about the values that it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


_ISO_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE,
)
_SHORT_DURATION = re.compile(r"(?P<number>\d+)\s*(?P<unit>[dhms])", re.IGNORECASE)
_LONGEST = timedelta(days=365)
_SIZE = r"\d{1,15}(\.\d{1,6})?\s*[kKmMgGtT]?[iI]?[bB]?"
_UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# The most is what the bundles keep to, `bundle.chunk_builder.MAX_CHUNK_BYTES`.
CHUNK_BYTES_BOUNDS = (64 * 1024, 11 * 1024 * 1024)
"""Limits of a message: a smaller one hardly fits a finding, and a broker may refuse a larger one.
"""
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def iso_duration(value: object) -> object:
    """Read an ISO 8601 duration of weeks, days and times; months and years have no fixed length."""
    if not isinstance(value, str):
        return value
    found = _ISO_DURATION.fullmatch(value.strip())
    if found is None or not any(found.groupdict().values()):
        raise ValueError("not an ISO 8601 duration")
    return _timedelta({unit: int(number) for unit, number in found.groupdict("0").items()})


def short_duration(value: object) -> object:
    """Read ``1d``, ``12h``, ``30m`` or ``90s``, as ``CONNECTOR_RUN_EVERY`` was written."""
    if not isinstance(value, str):
        return value
    found = _SHORT_DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError("not a number with one of the units d, h, m, s")
    return _timedelta({_UNITS[found["unit"].lower()]: int(found["number"])})


def _timedelta(parts: dict[str, int]) -> timedelta:
    try:
        return timedelta(**parts)
    except OverflowError:
        raise ValueError("longer than any time") from None


def of_sensible_length(value: timedelta) -> timedelta:
    """Return a duration between two runs; ``ValueError`` if it is out of any reasonable range."""
    if not timedelta(minutes=1) <= value <= _LONGEST:
        raise ValueError("shorter than a minute, or longer than a year")
    return value


def _size(value: object) -> object:
    # A number with more digits is infinite for pydantic, which is an error of another kind.
    if isinstance(value, str) and not re.fullmatch(_SIZE, value):
        raise ValueError("not a number of bytes")
    return value


def _chunk_size(value: ByteSize) -> ByteSize:
    least, most = CHUNK_BYTES_BOUNDS
    if not least <= value <= most:
        raise ValueError("outside of the bounds")
    return value


def _uuid(value: str) -> str:
    # Not uuid.UUID, which also accepts braces, a URN, and hyphens anywhere or nowhere.
    if not re.fullmatch(_UUID, value):
        raise ValueError("not a UUID")
    return value


def _address(value: str) -> str:
    return str(ip_address(value))


def split_list(value: object) -> object:
    """Read a list from text with commas, or from a list; blanks and repetitions go."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple):
        texts = [item.strip() if isinstance(item, str) else item for item in value]
        return tuple(dict.fromkeys(text for text in texts if text != ""))
    return value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _lower_list(value: object) -> object:
    value = split_list(value)
    return tuple(map(_lower, value)) if isinstance(value, tuple) else value


def _priority(value: object) -> object:
    text = _upper(value)
    return "auto" if text == "AUTO" else text


def _marking(value: object) -> object:
    text = _upper(value)
    if not isinstance(text, str):
        return text
    text = "TLP:" + text.removeprefix("TLP:").strip()
    # TLP 2.0 renamed WHITE to CLEAR; OpenCTI has one object for both.
    return "TLP:CLEAR" if text == "TLP:WHITE" else text


def _relationships(value: object) -> object:
    value = _lower_list(value)
    return value[0] if value in (("all",), ("none",)) else value


def _http_url(value: str) -> str:
    text = value.strip()
    parts = urlsplit(text)
    # Looked for in the text, as urlsplit silently removes tabs and line ends.
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", text):
        raise ValueError("not a URL of a web server")
    # Empty ones, which urlsplit does not show, would also come before what is appended.
    if "?" in text or "#" in text:
        raise ValueError("a base URL has no query and no fragment")
    # `port` itself raises ValueError for any other that is not one.
    if parts.port == 0:
        raise ValueError("not a port")
    return text.rstrip("/")


def _secure_url(value: str) -> str:
    """Parse a URL to which credentials are sent: unencrypted on the local machine only."""
    text = _http_url(value)
    parts = urlsplit(text)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("not encrypted")
    if not is_host_and_path(text):
        raise ValueError("a base URL has no user")
    return text


def is_host_and_path(url: str) -> bool:
    """Tell whether a URL has no user, query or fragment, not even an empty one."""
    return "?" not in url and "#" not in url and "@" not in urlsplit(url).netloc


def is_loopback(host: str) -> bool:
    """Tell whether a host is the local machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ca_bundle(value: Path) -> Path:
    try:
        # A context without authorities: only what the file has counts.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(value)
    except (OSError, ValueError):
        raise ValueError("no certificates in PEM") from None
    return value


Severity = Annotated[Literal["info", "low", "medium", "high", "critical"], BeforeValidator(_lower)]
CaseSeverity = Annotated[Literal["low", "medium", "high", "critical"], BeforeValidator(_lower)]
CasePriority = Annotated[Literal["P1", "P2", "P3", "P4", "auto"], BeforeValidator(_priority)]
Repeats = Annotated[Literal["refer", "skip", "all"], BeforeValidator(_lower)]
NotesMode = Annotated[Literal["auto", "finding", "host", "none"], BeforeValidator(_lower)]
LogLevel = Annotated[Literal["debug", "info", "warn", "warning", "error"], BeforeValidator(_lower)]
QueueProtocol = Annotated[Literal["amqp", "api"], BeforeValidator(_lower)]
ConnectorType = Annotated[Literal["EXTERNAL_IMPORT"], BeforeValidator(_upper)]

_Tlp = Literal["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]
Marking = Annotated[
    _Tlp,
    BeforeValidator(_marking),
    WithJsonSchema({"type": "string", "enum": [*get_args(_Tlp), "TLP:WHITE"]}),
]

RelationshipType = Literal[
    "needed", "belongs-to", "communicates-with", "located-at", "related-to", "resolves-to"
]
Relationships = Annotated[
    Literal["all", "none"] | tuple[RelationshipType, ...], BeforeValidator(_relationships)
]

Texts = Annotated[tuple[str, ...], BeforeValidator(split_list)]
ReportTypes = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], ...], BeforeValidator(_lower_list)
]


def _text(kind: str, pattern: str | None = None) -> WithJsonSchema:
    """Return how JSON schema describes a text: its format, and a pattern if one says it all."""
    schema = {"type": "string", "format": kind}
    return WithJsonSchema(schema if pattern is None else schema | {"pattern": pattern})


HttpUrl = Annotated[str, AfterValidator(_http_url), _text("uri")]
SecureUrl = Annotated[
    str,
    AfterValidator(_secure_url),
    _text("secure-url", r"^(https://|http://(localhost|127\.|\[::1\]))"),
]
Uuid = Annotated[str, AfterValidator(_uuid), _text("uuid", f"^{_UUID}$")]
Address = Annotated[str, AfterValidator(_address), _text("address")]
CaBundle = Annotated[FilePath, AfterValidator(_ca_bundle), _text("pem-file")]
Size = Annotated[ByteSize, BeforeValidator(_size), _text("size", f"^{_SIZE}$")]
ChunkSize = Annotated[
    ByteSize,
    BeforeValidator(_size),
    AfterValidator(_chunk_size),
    _text("chunk-size", f"^{_SIZE}$"),
]
LookbackDays = Annotated[int, Field(ge=0), AfterValidator(lambda days: min(days, LONGEST_LOOKBACK))]
Duration = Annotated[
    timedelta,
    BeforeValidator(iso_duration),
    AfterValidator(of_sensible_length),
    _text("duration"),
]
ShortDuration = Annotated[
    timedelta,
    BeforeValidator(short_duration),
    AfterValidator(of_sensible_length),
    _text("short-duration", r"^\d+\s*[dhmsDHMS]$"),
]
