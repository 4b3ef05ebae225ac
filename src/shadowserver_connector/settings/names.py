"""Names of settings: in the environment, in `config.yml`, and those that pycti reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shadowserver_connector.settings.opencti_section import ConnectorSettings, OpenCTISettings
from shadowserver_connector.settings.shadowserver_section import ShadowserverSettings
from shadowserver_connector.settings.value_types import Section

PYCTI_NAMES: Mapping[str, tuple[str, str] | None] = MappingProxyType(
    {
        "ALL_PROXY": None,
        "CONNECTOR_AUTO": ("connector", "auto"),
        "CONNECTOR_AUTO_UPDATE": ("connector", "auto_update"),
        "CONNECTOR_ENRICHMENT_RESOLUTION": ("connector", "enrichment_resolution"),
        "CONNECTOR_LISTEN_PROTOCOL": ("connector", "listen_protocol"),
        "CONNECTOR_LISTEN_PROTOCOL_API_PATH": ("connector", "listen_protocol_api_path"),
        "CONNECTOR_LISTEN_PROTOCOL_API_PORT": ("connector", "listen_protocol_api_port"),
        "CONNECTOR_LISTEN_PROTOCOL_API_SSL": ("connector", "listen_protocol_api_ssl"),
        "CONNECTOR_LISTEN_PROTOCOL_API_URI": ("connector", "listen_protocol_api_uri"),
        "CONNECTOR_LIVE_STREAM_ID": ("connector", "live_stream_id"),
        "CONNECTOR_LIVE_STREAM_LISTEN_DELETE": ("connector", "live_stream_listen_delete"),
        "CONNECTOR_LIVE_STREAM_NO_DEPENDENCIES": ("connector", "live_stream_no_dependencies"),
        "CONNECTOR_LIVE_STREAM_RECOVER_ISO_DATE": ("connector", "live_stream_recover_iso_date"),
        "CONNECTOR_LIVE_STREAM_START_TIMESTAMP": ("connector", "live_stream_start_timestamp"),
        "CONNECTOR_LIVE_STREAM_WITH_INFERENCES": ("connector", "live_stream_with_inferences"),
        "CONNECTOR_METRICS_NAMESPACE": ("connector", "metrics_namespace"),
        "CONNECTOR_METRICS_SUBSYSTEM": ("connector", "metrics_subsystem"),
        "CONNECTOR_ONLY_CONTEXTUAL": ("connector", "only_contextual"),
        "CONNECTOR_XTM_ONE_INTENT": ("connector", "xtm_one_intent"),
        "CURL_CA_BUNDLE": None,
        "HTTPS_CA_CERTIFICATES": None,
        "HTTPS_PROXY": None,
        "HTTP_PROXY": None,
        "LISTEN_PROTOCOL_API_SSL_CERT": ("connector", "listen_protocol_api_ssl_cert"),
        "LISTEN_PROTOCOL_API_SSL_KEY": ("connector", "listen_protocol_api_ssl_key"),
        "LISTEN_PROTOCOL_API_SSL_PASSPHRASE": ("connector", "listen_protocol_api_ssl_passphrase"),
        "MQ_HOST": ("mq", "host"),
        "MQ_PASS": ("mq", "pass"),
        "MQ_PORT": ("mq", "port"),
        "MQ_USER": ("mq", "user"),
        "MQ_USE_SSL": ("mq", "use_ssl"),
        "MQ_USE_SSL_CA": ("mq", "use_ssl_ca"),
        "MQ_USE_SSL_CERT": ("mq", "use_ssl_cert"),
        "MQ_USE_SSL_KEY": ("mq", "use_ssl_key"),
        "MQ_USE_SSL_PASSPHRASE": ("mq", "use_ssl_passphrase"),
        "MQ_USE_SSL_REJECT_UNAUTHORIZED": ("mq", "use_ssl_reject_unauthorized"),
        "MQ_VHOST": ("mq", "vhost"),
        "NO_PROXY": None,
        "OPENCTI_MISSING_REF_RETRY_EXPONENTIAL": None,
        "OPENCTI_MISSING_REF_RETRY_FACTOR": None,
        "OPENCTI_MISSING_REF_RETRY_INITIAL_DELAY": None,
        "QUEUE_PROTOCOL": None,
        "REQUESTS_CA_BUNDLE": None,
        "S3_ACCESS_KEY": ("s3", "access_key"),
        "S3_BUCKET_REGION": ("s3", "bucket_region"),
        "S3_ENDPOINT": ("s3", "endpoint"),
        "S3_PORT": ("s3", "port"),
        "S3_SECRET_KEY": ("s3", "secret_key"),
        "S3_USE_SSL": ("s3", "use_ssl"),
        "SSL_CERT_DIR": None,
        "SSL_CERT_FILE": None,
    }
)
"""Environment variable -> (section, key) in ``config.yml``; ``None``: it has no place there."""

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
"""Those whose value is never shown, and may stand in a file named by ``<name>_FILE``."""

SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "opencti": OpenCTISettings,
        "connector": ConnectorSettings,
        "shadowserver": ShadowserverSettings,
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the models: its names, and what the models say of it."""

    name: str
    """The environment variable, such as ``SHADOWSERVER_NOTES``."""
    section: str
    key: str
    description: str
    secret: bool
    needed: bool
    """Whether `run` cannot do without it."""
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
    """Return the names whose value is never shown, and that may be given as ``<name>_FILE``."""
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
