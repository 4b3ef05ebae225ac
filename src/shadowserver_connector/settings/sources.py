"""The sources of settings: ``config.yml``, ``.env`` and the environment, each as plain texts.

The names of settings in them come first, with those that pycti reads.

An empty value, and the samples' ``ChangeMe``, count as unset: the next source is used. YAML scalars
are taken as written, so that the key ``0123`` never becomes the number 83.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml
from dotenv.parser import parse_stream
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.network import lowercase_proxies_first
from shadowserver_connector.settings.sections import (
    ConnectorSettings,
    OpenCTISettings,
    ShadowserverSettings,
)
from shadowserver_connector.settings.value_types import Section

# What pycti reads and the models lack; a test compares them with the pycti that is installed.
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


NAMES_OUTSIDE_MODELS: Mapping[str, tuple[str, str] | None] = MappingProxyType(
    {name: _place(name) for name in _IN_YAML.split()} | dict.fromkeys(_NOT_IN_YAML.split())
)
"""Environment variable -> (section, key) in ``config.yml``; ``None`` if it has no place there."""

SECRETS_OUTSIDE_MODELS = frozenset(
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
        # The annotation is `SecretStr | None`.
        secret=SecretStr in getattr(field.annotation, "__args__", (field.annotation,)),
        needed=bool(extra.get("needed")),
        deprecated=bool(extra.get("deprecated")),
    )


@cache
def secret_names() -> frozenset[str]:
    """Return the names whose value is never shown, and that can be given as ``<name>_FILE``."""
    return SECRETS_OUTSIDE_MODELS | {
        setting.name for setting in known_settings().values() if setting.secret
    }


@cache
def names_in_yaml() -> Mapping[tuple[str, str], str]:
    """Return (section, key) of ``config.yml`` -> environment variable, for every known name."""
    names = {place: name for name, place in NAMES_OUTSIDE_MODELS.items() if place is not None}
    names |= {(setting.section, setting.key): name for name, setting in known_settings().items()}
    return MappingProxyType(names)


def did_you_mean(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    """Return a hint at the candidate that a mistyped name probably means, or an empty string.

    A `prefix` that all share is left out of the comparison.
    """
    names = sorted(known.removeprefix(prefix) for known in candidates if known.startswith(prefix))
    found = get_close_matches(name.removeprefix(prefix), names, n=1, cutoff=0.75)
    return f"; did you mean {prefix}{found[0]}?" if found else ""


PLACEHOLDER = "ChangeMe"
ENVIRONMENT = "environment"
OUR_PREFIX = "SHADOWSERVER_"

_SECTIONS = frozenset(section for section, _ in names_in_yaml())


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret in a file of its own."""

    path: str


Text = str | list[str]
RawValue = Text | SecretFile


@dataclass(frozen=True, slots=True)
class Source:
    """The known settings in one source, and what is wrong or unusual about it."""

    label: str
    values: dict[str, RawValue] = field(default_factory=dict, repr=False)
    """By environment variable."""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, text: Text) -> None:
        """Add a value; ``<secret>_FILE`` counts as the secret."""
        if text in ([], PLACEHOLDER) or (isinstance(text, str) and not text.strip()):
            return
        target = _target(name)
        if target in self.values:
            twice = f", as {target}_FILE too" if target in secret_names() else ""
            self.problems.append(f"{target} ({self.label}): it is set twice{twice}; keep one")
        path = text.strip() if isinstance(text, str) else ",".join(text)
        self.values[target] = text if target == name else SecretFile(path)


def _target(name: str) -> str:
    secret = name.removesuffix("_FILE")
    return secret if secret in secret_names() else name


def read_environment(environ: Mapping[str, str], label: str = ENVIRONMENT) -> Source:
    """Pick the settings out of environment variables, or of a ``.env`` file's."""
    source = Source(label)
    environ = lowercase_proxies_first(environ)
    known = {*known_settings(), *NAMES_OUTSIDE_MODELS, *(f"{name}_FILE" for name in secret_names())}
    for name in sorted(environ):
        if name in known:
            source.add(name, environ[name])
        elif name.startswith(OUR_PREFIX):
            # Others share the environment (Kubernetes adds variables named after services), so
            # the name may be none of ours: a warning is enough.
            hint = did_you_mean(name, known, OUR_PREFIX)
            source.warnings.append(f"{name} ({label}) is no setting and has no effect{hint}")
    return source


def read_dotenv(path: Path) -> Source:
    """Read a ``.env`` file; values are literal, ``$`` included. Raises `SettingsError` if it cannot
    be read.
    """
    pairs: dict[str, str] = {}
    # Not dotenv_values, which expands ${...}, and only logs a line that it cannot parse.
    for binding in parse_stream(io.StringIO(_read_text(path))):
        if binding.error:
            line = binding.original.line
            raise SettingsError(f"{path.name} line {line}: write it as NAME=value")
        if binding.key is not None and binding.value is not None:
            pairs[binding.key] = binding.value
    return read_environment(pairs, path.name)


def read_yaml(path: Path) -> Source:
    """Read ``config.yml``: sections, each with keys. Raises `SettingsError` if it is not such a
    file.
    """
    source = Source(path.name)
    for section, body in _mapping(_parse(path)) or []:
        entries = _mapping(body)
        if entries is None:
            source.problems.append(
                f"section {section} ({source.label}): it must hold lines of the form key: value"
            )
        elif section not in _SECTIONS:
            source.warnings.append(
                f"section {section} ({source.label}) has no effect"
                f"{did_you_mean(section, _SECTIONS)}"
            )
        else:
            for key, node in entries:
                _read_entry(source, section, key, node)
    return source


def _parse(path: Path) -> yaml.Node | None:
    try:
        # Nodes instead of values: YAML would turn 0123 into a number and no into a truth value.
        root = yaml.compose(_read_text(path), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError(
            f"{path.name}{line}: this is no YAML; check quotes and indents"
        ) from None
    except RecursionError:
        raise SettingsError(
            f"{path.name}: it is nested too deep; it must hold sections, each with keys"
        ) from None
    except yaml.YAMLError:
        raise SettingsError(f"{path.name}: it holds characters that YAML does not allow") from None
    if _mapping(root) is None:
        raise SettingsError(f"{path.name}: it must hold sections, such as shadowserver:")
    return root


def _read_entry(source: Source, section: str, key: str, node: yaml.Node) -> None:
    name = _name_in_yaml(section, key)
    if name is None:
        keys = [known for where, known in names_in_yaml() if where == section]
        line = f"{section}: {key} ({source.label}) is no setting{did_you_mean(key, keys)}"
        # Old files hold keys in the other sections that OpenCTI no longer reads. This section is
        # ours alone: an unknown key there is a mistake.
        (source.problems if section == "shadowserver" else source.warnings).append(line)
        return
    text = _text(node)
    if text is None:
        source.problems.append(f"{name} ({source.label}): give one value, or a list of values")
    else:
        source.add(name, text)


def _name_in_yaml(section: str, key: str) -> str | None:
    names = names_in_yaml()
    secret = names.get((section, key.removesuffix("_file")))
    if key.endswith("_file") and secret in secret_names():
        return f"{secret}_FILE"
    return names.get((section, key))


def _mapping(node: yaml.Node | None) -> list[tuple[str, yaml.Node]] | None:
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return []
    if not isinstance(node, yaml.MappingNode):
        return None
    if not all(isinstance(key, yaml.ScalarNode) for key, _ in node.value):
        return None
    return [(on_one_line(str(key.value)), value) for key, value in node.value]


def on_one_line(text: str) -> str:
    """Return a key or a path for a message."""
    return text if text.isprintable() else ascii(text)


def _text(node: yaml.Node) -> Text | None:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        texts = [_scalar(item) for item in node.value if isinstance(item, yaml.ScalarNode)]
        return texts if len(texts) == len(node.value) else None
    return None


def _scalar(node: yaml.ScalarNode) -> str:
    return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _read_text(path: Path) -> str:
    try:
        # Editors on Windows begin a file with a byte order mark.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read: {error.strerror}") from None
