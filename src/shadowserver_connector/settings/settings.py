"""All settings in one immutable value."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field, SecretStr

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.settings.network import Network
from shadowserver_connector.settings.sections import (
    ConnectorSettings,
    OpenCTISettings,
    ShadowserverSettings,
)
from shadowserver_connector.settings.value_types import Section


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
        """Require both of the above; everything missing is named at once.

        With a drop folder credentials are optional: ``None`` if none are set.
        """
        lines = _missing(self.opencti, "OPENCTI")
        missing = _missing(self.shadowserver, "SHADOWSERVER")
        # One credential without the other is a mistake even then.
        by_drop_folder_alone = self.shadowserver.drop_dir is not None and len(missing) == 2
        if not by_drop_folder_alone:
            lines += missing
        if lines:
            raise SettingsError("\n".join(lines))
        return None if by_drop_folder_alone else self.require_api()


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
