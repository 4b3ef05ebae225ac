"""From settings to what a conversion depends on."""

from __future__ import annotations

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.settings.shadowserver import ShadowserverSettings


def conversion_options(settings: ShadowserverSettings) -> Options:
    """Return the options of all conversions under these settings."""
    relationships = settings.relationships
    return Options(
        marking=settings.marking,
        create_incident=settings.create_incident,
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
        report_max_refs=settings.report_max_refs,
        artifact_max_size=int(settings.artifact_max_size),
        link_download=settings.link_download,
        download_url=f"{settings.download_url.rstrip('/')}/",
        chunk_objects=settings.chunk_objects,
        chunk_bytes=int(settings.chunk_bytes),
    )
