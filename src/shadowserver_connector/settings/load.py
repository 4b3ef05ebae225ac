"""All settings in one immutable value: each read from its first source, checked, and passed on to
pycti.
"""

from __future__ import annotations

import atexit
import os
import ssl
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.settings.network import (
    FURTHER_AUTHORITIES,
    NETWORK_VARIABLES,
    NO_PROXY,
    PROXIES,
    Authorities,
    Network,
    verifying_context,
)
from shadowserver_connector.settings.sections import (
    ConnectorSettings,
    OpenCTISettings,
    ShadowserverSettings,
)
from shadowserver_connector.settings.sources import (
    NAMES_OUTSIDE_MODELS,
    SECTIONS,
    RawValue,
    SecretFile,
    Source,
    Text,
    known_settings,
    on_one_line,
    read_dotenv,
    read_environment,
    read_yaml,
)
from shadowserver_connector.settings.value_messages import (
    describe_flaw,
    describe_refusals,
    describe_unreachable_path,
    in_clear,
)
from shadowserver_connector.settings.value_types import Section
from shadowserver_connector.state.state import LONGEST_LOOKBACK
from shadowserver_connector.temporary import temporary_directory, temporary_folder

DEFAULT = "default"
# A key in PEM has a few thousand characters; a file such as /dev/zero never ends.
MAX_SECRET_CHARACTERS = 64 * 1024


class ApiCredentials(NamedTuple):
    """The key and secret that sign a request to the Reports API."""

    key: SecretStr
    secret: SecretStr


class Settings(Section):
    """Every setting, by section; the defaults are enough for offline work."""

    opencti: OpenCTISettings = Field(default_factory=OpenCTISettings)
    connector: ConnectorSettings = Field(default_factory=ConnectorSettings)
    shadowserver: ShadowserverSettings = Field(default_factory=ShadowserverSettings)
    network: Network = Field(default_factory=Network)

    @property
    def uses_drop_folder_alone(self) -> bool:
        """Whether there is a drop folder, and no credential of the Reports API is set."""
        credentials = (self.shadowserver.api_key, self.shadowserver.api_secret)
        # One credential without the other is a mistake even then.
        return self.shadowserver.drop_dir is not None and credentials == (None, None)

    def require_api(self) -> ApiCredentials:
        """Return the Reports API's credentials; `SettingsError` names each that is not set."""
        key, secret = self.shadowserver.api_key, self.shadowserver.api_secret
        if key is None or secret is None:
            raise SettingsError("\n".join(_missing(self.shadowserver, "SHADOWSERVER")))
        self.network.check()
        return ApiCredentials(key, secret)

    def require_opencti(self) -> None:
        """Raise `SettingsError` for everything unset that registering with OpenCTI needs."""
        lines = _missing(self.opencti, "OPENCTI")
        if lines:
            raise SettingsError("\n".join(lines))
        self.network.check()

    def require_run(self) -> ApiCredentials | None:
        """Return the credentials of the Reports API; all that is missing is named at once.

        With a drop folder those of the API are optional: ``None`` if none are set.
        """
        lines = _missing(self.opencti, "OPENCTI")
        if not self.uses_drop_folder_alone:
            lines += _missing(self.shadowserver, "SHADOWSERVER")
        if lines:
            raise SettingsError("\n".join(lines))
        self.network.check()
        return None if self.uses_drop_folder_alone else self.require_api()


def _missing(section: Section, prefix: str) -> list[str]:
    return [
        f"{prefix}_{key.upper()} is not set (ChangeMe does not count): put it into config.yml, "
        f".env or the environment. It is: {field.description}"
        for key, field in type(section).model_fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.get("needed")
        and getattr(section, key) is None
    ]


def conversion_options(settings: ShadowserverSettings) -> Options:
    """Return the options of all conversions under these settings."""
    relationships = settings.relationships
    return Options(
        marking=settings.marking,
        create_incident=settings.create_incident,
        case_min_severity=settings.case_min_severity,
        incident_severity=settings.incident_severity,
        incident_priority=settings.incident_priority,
        min_severity=settings.min_severity,
        max_findings=settings.max_findings,
        notes=settings.notes,
        observed_data=settings.observed_data,
        network_traffic=settings.network_traffic,
        relationships=(
            None
            if relationships == "all"
            else frozenset(() if relationships == "none" else relationships)
        ),
        create_indicators=settings.create_indicators,
        labels=settings.labels,
        repeats=settings.repeats,
        report_max_refs=settings.report_max_refs,
        artifact_max_size=int(settings.artifact_max_size),
        link_download=settings.link_download,
        download_url=f"{settings.download_url.rstrip('/')}/",
        chunk_objects=settings.chunk_objects,
        chunk_bytes=int(settings.chunk_bytes),
    )


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and where each came from."""

    settings: Settings
    sources: Mapping[str, str]
    """Environment variable -> ``config.yml``, ``.env``, ``environment``, ``file <path>`` or
    ``default``; every setting of the models, and those passed on to pycti that are set.
    """
    warnings: tuple[str, ...]
    """Lines to log at the start."""
    for_pycti: Mapping[str, SecretStr] = field(repr=False)
    """Settings outside of the models that pycti gets, see ``NAMES_OUTSIDE_MODELS``.

    `Network` reads the proxies and authorities among them, too.
    """


def load_settings(
    *,
    config_file: Path | None = None,
    env_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Read all settings: from ``config.yml`` first, then ``.env``, then the environment.

    The first source that has a setting counts. Unless files are named, they are looked for in the
    working directory (for ``python3 main.py`` in ``src/``: then in its parent), and may be missing.
    `SettingsError` has a line for each setting that is wrong: its name, its source, and what is
    allowed.
    """
    files, environment = _read_sources(
        config_file, env_file, os.environ if environ is None else environ
    )
    # Files before the environment, as in OpenCTI's own connector for Shadowserver.
    by_priority = [*files, environment]
    problems = [line for source in by_priority for line in source.problems]
    values: dict[str, Text] = {}
    sources = dict.fromkeys(known_settings(), DEFAULT)
    for name, given, label in _winners(by_priority):
        sources[name] = (
            f"file {on_one_line(given.path)}" if isinstance(given, SecretFile) else label
        )
        try:
            text = _read_secret(name, given, label)
        except SettingsError as error:
            problems.append(str(error))
            continue
        if flaw := describe_flaw(name, text):
            problems.append(f"{name} ({sources[name]}): {flaw}")
        else:
            values[name] = text
    settings = _validate(values, sources, problems)
    hidden = _hidden(files, environment)
    warnings = [line for source in by_priority for line in source.warnings]
    warnings += _deprecations(settings, sources)
    warnings += _lookbacks(values, sources)
    warnings += _forgotten_too_early(settings.shadowserver, sources)
    if hidden:
        warnings.append(
            "These environment variables have no effect, because a file sets another value: "
            + ", ".join(f"{name} ({label})" for name, label in hidden.items())
        )
    return LoadedSettings(
        settings=settings,
        sources=sources,
        warnings=tuple(warnings),
        for_pycti={
            name: SecretStr(in_clear(value))
            for name, value in values.items()
            if name in NAMES_OUTSIDE_MODELS
        },
    )


def _read_sources(
    config_file: Path | None, env_file: Path | None, environ: Mapping[str, str]
) -> tuple[list[Source], Source]:
    config_file = config_file or _find("config.yml")
    env_file = env_file or _find(".env")
    files = [read_yaml(config_file)] if config_file else []
    files += [read_dotenv(env_file)] if env_file else []
    return files, read_environment(environ)


def _find(name: str) -> Path | None:
    here = Path.cwd()
    folders = [here, here.parent] if (here / "main.py").is_file() else [here]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _winners(by_priority: Sequence[Source]) -> Iterator[tuple[str, RawValue, str]]:
    seen: set[str] = set()
    for source in by_priority:
        for name, given in source.values.items():
            if name not in seen:
                seen.add(name)
                yield name, given, source.label


def _read_secret(name: str, given: RawValue, label: str) -> Text:
    if not isinstance(given, SecretFile):
        return given
    named = f"{name}_FILE ({label}): {on_one_line(given.path)}"
    try:
        with Path(given.path).open(encoding="utf-8") as file:
            # Editors and echo end a file with a line end.
            secret = file.read(MAX_SECRET_CHARACTERS + 1).strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{named} is not UTF-8 text; save it as UTF-8") from None
    # A path that contains NUL is a ValueError.
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise SettingsError(f"{named} cannot be read: {reason}") from None
    if len(secret) > MAX_SECRET_CHARACTERS:
        raise SettingsError(
            f"{named} is no secret: it has more than {MAX_SECRET_CHARACTERS:,} characters"
        )
    if not secret:
        raise SettingsError(f"{named} is empty; put the secret into it")
    return secret


def _validate(
    values: Mapping[str, Text], sources: Mapping[str, str], problems: Sequence[str]
) -> Settings:
    data: dict[str, dict[str, Text]] = {section: {} for section in SECTIONS}
    for name, setting in known_settings().items():
        if name in values:
            data[setting.section][setting.key] = values[name]
    usual = {name: in_clear(values[name]) for name in NETWORK_VARIABLES if name in values}
    network = Network(variables=usual, sources={name: sources[name] for name in usual})
    try:
        settings = Settings.model_validate({**data, "network": network})
    except ValidationError as error:
        raise SettingsError(
            "\n".join([*problems, *describe_refusals(error, values, sources)])
        ) from None
    except OSError as error:
        # Pydantic asks the system whether a path is a file.
        raise SettingsError(
            "\n".join([*problems, describe_unreachable_path(error, values, sources)])
        ) from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _hidden(files: Sequence[Source], environment: Source) -> dict[str, str]:
    return {
        name: label
        for name, given, label in _winners(files)
        if name in environment.values and environment.values[name] != given
    }


def _deprecations(settings: Settings, sources: dict[str, str]) -> list[str]:
    """Mention that `CONNECTOR_RUN_EVERY` is used, and name it as the period's source."""
    old, new = "CONNECTOR_RUN_EVERY", "CONNECTOR_DURATION_PERIOD"
    if settings.connector.run_every is None:
        return []
    if sources[new] != DEFAULT:
        return [f"{old} ({sources[old]}) has no effect: {new} ({sources[new]}) is set"]
    sources[new] = f"{sources[old]} ({old})"
    period = in_clear(settings.connector.duration_period)
    return [f"{old} ({sources[old]}) is deprecated: write {new}={period} instead"]


def _lookbacks(values: Mapping[str, Text], sources: Mapping[str, str]) -> Iterator[str]:
    """Mention an unusual number of days, which other connectors accept too."""
    for name, meaning in (
        ("SHADOWSERVER_INITIAL_LOOKBACK", "the first run imports no day before today"),
        ("SHADOWSERVER_LOOKBACK", "what is published late for a day before the last run is missed"),
    ):
        # Pydantic has accepted 30.0 as well.
        days = int(float(in_clear(values.get(name, "1"))))
        if days == 0:
            yield f"{name} ({sources[name]}) is 0: {meaning}"
        elif days > LONGEST_LOOKBACK:
            yield f"{name} ({sources[name]}) is {days:,}: only {LONGEST_LOOKBACK} days are queried"


def _forgotten_too_early(
    settings: ShadowserverSettings, sources: Mapping[str, str]
) -> Iterator[str]:
    kept, absence = "SHADOWSERVER_HISTORY_DAYS", "SHADOWSERVER_RESURFACED_AFTER"
    if settings.history_days <= settings.resurfaced_after:
        yield (
            f"{kept} ({sources[kept]}) is {settings.history_days}, no more than {absence} "
            f"({sources[absence]}): a finding that comes back counts as new, never as resurfaced"
        )


def export_for_pycti(loaded: LoadedSettings, environ: MutableMapping[str, str]) -> None:
    """Put what pycti reads into the environment, where it looks before it reads any file.

    That is every ``OPENCTI_*`` and ``CONNECTOR_*`` setting, defaults included, because ours differ
    from pycti's (TLS is verified); its own settings; certificate authorities and proxies. Call it
    before the first import of pycti, which reads some of its variables then.
    """
    for name, setting in known_settings().items():
        if setting.section == "shadowserver" or setting.deprecated:
            continue
        value = getattr(getattr(loaded.settings, setting.section), setting.key)
        if value is not None:
            environ[name] = in_clear(value)
    for name, secret in loaded.for_pycti.items():
        environ[name] = secret.get_secret_value()
    _export_authorities(loaded, environ)
    _export_proxies(loaded, environ)


def _export_authorities(loaded: LoadedSettings, environ: MutableMapping[str, str]) -> None:
    """Set the certificate authorities as ``requests`` reads them: pycti has no setting for them.

    pycti's own `HTTPS_CA_CERTIFICATES` would replace all others, verify even if that is switched
    off, and take over the signals that end the process.
    """
    environ.pop(FURTHER_AUTHORITIES, None)
    settings = loaded.settings
    found = settings.network.authorities(settings.opencti.ca_bundle, "OPENCTI_CA_BUNDLE")
    if found.further or len(found.files) > 1:
        environ["REQUESTS_CA_BUNDLE"] = str(_join_authorities(found))
    elif found.files:
        environ["REQUESTS_CA_BUNDLE"] = str(found.files[0][1])


@cache
def _join_authorities(found: Authorities) -> Path:
    """Write all authorities to one file, which exists as long as the process."""
    certificates = verifying_context(found).get_ca_certs(binary_form=True)
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, certificates))
    try:
        with ExitStack() as stack:
            path = stack.enter_context(temporary_folder()) / "authorities.pem"
            path.write_text(pem, encoding="ascii")
            atexit.register(stack.pop_all().close)
    except OSError as error:
        raise SettingsError(
            f"cannot write the authorities to {temporary_directory()} ({error.strerror}); "
            "let OPENCTI_CA_BUNDLE name one file with all of them"
        ) from None
    return path


def _export_proxies(loaded: LoadedSettings, environ: MutableMapping[str, str]) -> None:
    """Set the proxies so that ``requests`` reaches OpenCTI the way we do."""
    network = loaded.settings.network
    if not any(network.variables.get(name) for name in PROXIES):
        return
    for name in (*PROXIES, NO_PROXY):
        environ.pop(name, None)
        # `requests` would take a lower-case name before the one that is set here.
        environ.pop(name.lower(), None)
    for scheme in ("http", "https"):
        proxy = network.proxy_for(scheme)
        if proxy is not None:
            environ[f"{scheme.upper()}_PROXY"] = proxy
    exceptions = _exceptions(network, loaded.settings.opencti.url)
    if exceptions:
        environ[NO_PROXY] = ",".join(exceptions)


def _exceptions(network: Network, url: str | None) -> list[str]:
    """Return the value for ``NO_PROXY``.

    ``requests`` knows fewer kinds of entries than we do, and takes ``example.org`` for the end of
    ``badexample.org``. So the value contains the platform's host, or leaves out what would exempt
    it wrongly.
    """
    entries = list(network.no_proxy_entries())
    if url is None:
        return entries
    host = urlsplit(url).hostname or ""
    if network.proxy(url) is None:
        return [*entries, host]
    return [entry for entry in entries if not host.endswith(entry.lower().lstrip("*."))]
