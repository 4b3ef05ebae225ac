"""Names of settings: in the environment, in `config.yml`, and those that pycti reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shadowserver_connector.settings.sections import (
    ConnectorSettings,
    OpenCTISettings,
    ShadowserverSettings,
)
from shadowserver_connector.settings.value_types import Section

_IN_YAML = """
    CONNECTOR_AUTO CONNECTOR_AUTO_UPDATE CONNECTOR_ENRICHMENT_RESOLUTION
    CONNECTOR_LISTEN_PROTOCOL CONNECTOR_LISTEN_PROTOCOL_API_PATH
    CONNECTOR_LISTEN_PROTOCOL_API_PORT CONNECTOR_LISTEN_PROTOCOL_API_SSL
    CONNECTOR_LISTEN_PROTOCOL_API_URI CONNECTOR_LIVE_STREAM_ID
    CONNECTOR_LIVE_STREAM_LISTEN_DELETE CONNECTOR_LIVE_STREAM_NO_DEPENDENCIES
    CONNECTOR_LIVE_STREAM_RECOVER_ISO_DATE CONNECTOR_LIVE_STREAM_START_TIMESTAMP
    CONNECTOR_LIVE_STREAM_WITH_INFERENCES CONNECTOR_METRICS_NAMESPACE
    CONNECTOR_METRICS_SUBSYSTEM CONNECTOR_ONLY_CONTEXTUAL CONNECTOR_XTM_ONE_INTENT
    LISTEN_PROTOCOL_API_SSL_CERT LISTEN_PROTOCOL_API_SSL_KEY
    LISTEN_PROTOCOL_API_SSL_PASSPHRASE MQ_HOST MQ_PASS MQ_PORT MQ_USER MQ_USE_SSL
    MQ_USE_SSL_CA MQ_USE_SSL_CERT MQ_USE_SSL_KEY MQ_USE_SSL_PASSPHRASE
    MQ_USE_SSL_REJECT_UNAUTHORIZED MQ_VHOST S3_ACCESS_KEY S3_BUCKET_REGION S3_ENDPOINT
    S3_PORT S3_SECRET_KEY S3_USE_SSL
"""
_NOT_IN_YAML = """
    ALL_PROXY CURL_CA_BUNDLE HTTPS_CA_CERTIFICATES HTTPS_PROXY HTTP_PROXY NO_PROXY
    OPENCTI_MISSING_REF_RETRY_EXPONENTIAL OPENCTI_MISSING_REF_RETRY_FACTOR
    OPENCTI_MISSING_REF_RETRY_INITIAL_DELAY QUEUE_PROTOCOL REQUESTS_CA_BUNDLE SSL_CERT_DIR
    SSL_CERT_FILE
"""


def _place(name: str) -> tuple[str, str]:
    section, _, key = name.lower().partition("_")
    # pycti reads the certificate of its listener from the connector's section.
    return ("connector", name.lower()) if section == "listen" else (section, key)


PYCTI_NAMES: Mapping[str, tuple[str, str] | None] = MappingProxyType(
    {name: _place(name) for name in _IN_YAML.split()} | dict.fromkeys(_NOT_IN_YAML.split())
)
"""Environment variable -> (section, key) in ``config.yml``; ``None`` if it has no place there."""

SECRET = frozenset(
    {
        "LISTEN_PROTOCOL_API_SSL_KEY",
        "LISTEN_PROTOCOL_API_SSL_PASSPHRASE",
        "MQ_PASS",
        "MQ_USE_SSL_KEY",
        "MQ_USE_SSL_PASSPHRASE",
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
    }
)
"""Those whose value is never shown, and can be in a file that ``<name>_FILE`` names."""

SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "opencti": OpenCTISettings,
        "connector": ConnectorSettings,
        "shadowserver": ShadowserverSettings,
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the models: its names, and what the models say about it."""

    name: str
    """The environment variable, such as ``SHADOWSERVER_NOTES``."""
    section: str
    key: str
    description: str
    secret: bool
    needed: bool
    """Whether `run` needs it."""
    deprecated: bool


@cache
def known_settings() -> Mapping[str, Setting]:
    """Return every setting of the models by the name of its environment variable."""
    settings = (
        _setting(section, key, field)
        for section, model in SECTIONS.items()
        for key, field in model.model_fields.items()
    )
    return MappingProxyType({setting.name: setting for setting in settings})


def _setting(section: str, key: str, field: FieldInfo) -> Setting:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return Setting(
        name=f"{section}_{key}".upper(),
        section=section,
        key=key,
        description=field.description or "",
        secret=SecretStr in getattr(field.annotation, "__args__", (field.annotation,)),
        needed=bool(extra.get("needed")),
        deprecated=bool(extra.get("deprecated")),
    )


@cache
def secret_names() -> frozenset[str]:
    """Return the names whose value is never shown, and that can be given as ``<name>_FILE``."""
    return SECRET | {setting.name for setting in known_settings().values() if setting.secret}


@cache
def names_in_yaml() -> Mapping[tuple[str, str], str]:
    """Return (section, key) of ``config.yml`` -> environment variable, for every known name."""
    names = {place: name for name, place in PYCTI_NAMES.items() if place is not None}
    names |= {(setting.section, setting.key): name for name, setting in known_settings().items()}
    return MappingProxyType(names)


def nearest(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    """Return a hint at the candidate that a mistyped name probably means, or an empty string.

    A `prefix` that all share is left out of the comparison.
    """
    names = sorted(known.removeprefix(prefix) for known in candidates if known.startswith(prefix))
    found = get_close_matches(name.removeprefix(prefix), names, n=1, cutoff=0.75)
    return f"; did you mean {prefix}{found[0]}?" if found else ""
