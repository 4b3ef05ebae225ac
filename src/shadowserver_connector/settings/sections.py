"""The sections of the settings: ``OPENCTI_*``, ``CONNECTOR_*`` and ``SHADOWSERVER_*``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ByteSize, Field, SecretStr, model_validator

from shadowserver_connector.memory_limits import MIB
from shadowserver_connector.settings.value_types import (
    Address,
    CaBundle,
    CasePriority,
    CaseSeverity,
    ChunkSize,
    ConnectorType,
    Duration,
    HttpUrl,
    LogLevel,
    LookbackDays,
    Marking,
    NotesMode,
    QueueProtocol,
    Relationships,
    Repeats,
    ReportTypes,
    Section,
    SecureUrl,
    Severity,
    ShortDuration,
    Size,
    Texts,
    Uuid,
    of_sensible_length,
    short_duration,
)

API_URL: Final = "https://transform.shadowserver.org/api2"
DOWNLOAD_URL: Final = "https://dl.shadowserver.org"


class OpenCTISettings(Section):
    """The platform; pycti reads all but ``ca_bundle``, which it gets in another form."""

    url: HttpUrl | None = Field(
        default=None,
        description="Base URL of the OpenCTI platform.",
        examples=["http://localhost:8080"],
        json_schema_extra={"needed": True},
    )
    token: SecretStr | None = Field(
        default=None,
        description="API token of the platform's user for this connector.",
        json_schema_extra={"needed": True},
    )
    ssl_verify: bool = Field(
        default=True,
        description="Verify the platform's TLS certificate; pycti's own default is false.",
    )
    ca_bundle: CaBundle | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for OpenCTI, instead of "
        "the usual ones.",
        examples=["/etc/ssl/opencti-ca.pem"],
    )
    json_logging: bool = Field(default=True, description="Write log lines as JSON.")
    custom_headers: SecretStr | None = Field(
        default=None,
        description="HTTP headers to send to the platform, `name:value` separated by `;`.",
    )


class ConnectorSettings(Section):
    """Registration, schedule and delivery; pycti reads all but `run_every` and `metrics_host`."""

    id: Uuid = Field(
        default="c7a581e5-d83e-440c-b88e-80528809e798",
        description="Identifier of this connector in OpenCTI, a UUID. The connector's state is "
        "stored under it. A second connector needs another one. The default is that of OpenCTI's "
        "own connector for Shadowserver.",
    )
    type: ConnectorType = Field(default="EXTERNAL_IMPORT", description="Kind of connector; fixed.")
    name: str = Field(
        default="Shadowserver", min_length=1, description="Name of the connector in OpenCTI."
    )
    scope: Texts = Field(
        default=("stix2",), description="Scope shown in OpenCTI, for information only."
    )
    log_level: LogLevel = Field(default="info", description="Minimum log level.")
    duration_period: Duration = Field(
        default=timedelta(days=1),
        description="Time between the starts of two runs, as an ISO 8601 duration of at least a "
        "minute.",
        examples=["P1D", "PT6H"],
    )
    run_every: ShortDuration | None = Field(
        default=None,
        description="Use CONNECTOR_DURATION_PERIOD instead, which takes precedence if both are "
        "set.",
        examples=["1d", "12h"],
        json_schema_extra={"deprecated": True},
    )
    run_and_terminate: bool = Field(
        default=False, description="Run once and exit, for an external scheduler."
    )
    # From here on, defaults are those of pycti.
    queue_threshold: float = Field(
        default=500,
        gt=0,
        allow_inf_nan=False,
        description="Maximum size of this connector's queue in megabytes; the connector waits "
        "while the queue is larger.",
    )
    queue_protocol: QueueProtocol | None = Field(
        default=None,
        description="How bundles reach the queue: through RabbitMQ (amqp, the default) or "
        "OpenCTI's API (api).",
    )
    validate_before_import: bool = Field(
        default=False, description="Hold every bundle in OpenCTI until a user approves it."
    )
    expose_metrics: bool = Field(default=False, description="Serve Prometheus metrics over HTTP.")
    metrics_host: Address = Field(
        default="0.0.0.0",  # noqa: S104 - as pycti has it: they are read from other machines
        description="Address on which metrics are served: 0.0.0.0 for all addresses of this "
        "machine or container, 127.0.0.1 for access from itself only.",
        examples=["127.0.0.1"],
    )
    metrics_port: int = Field(default=9095, ge=1, le=65535, description="Port of the metrics.")
    auto_create_service_account: bool = Field(
        default=False,
        description="Let the platform create a service account for the connector, if it can.",
    )
    auto_create_service_account_confidence_level: int = Field(
        default=50, ge=0, le=100, description="Maximum confidence of that service account."
    )
    send_to_queue: bool = Field(default=True, description="Send bundles to OpenCTI's queue.")
    send_to_directory: bool = Field(
        default=False, description="Have pycti also write each bundle to a directory."
    )
    send_to_directory_path: str | None = Field(
        default=None, min_length=1, description="Directory for send_to_directory."
    )
    send_to_directory_retention: int = Field(
        default=7, ge=0, description="Days after which pycti deletes bundles in that directory."
    )
    send_to_s3: bool = Field(
        default=False, description="Have pycti also write each bundle to an S3 bucket."
    )
    send_to_s3_bucket: str | None = Field(
        default=None, min_length=1, description="Bucket for send_to_s3."
    )
    send_to_s3_folder: str = Field(
        default="connectors", min_length=1, description="Folder in that bucket."
    )
    send_to_s3_retention: int = Field(
        default=7, ge=0, description="Days after which pycti deletes bundles in that folder."
    )

    # Before validation, as the section cannot be changed afterwards.
    @model_validator(mode="before")
    @classmethod
    def _read_run_every(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "duration_period" in data or not data.get("run_every"):
            return data
        try:
            period = short_duration(data["run_every"])
            if isinstance(period, timedelta):
                period = of_sensible_length(period)
            return {**data, "duration_period": period}
        except ValueError:
            # The field `run_every` reports it under its own name.
            return data


class ShadowserverSettings(Section):
    """The Reports API, the choice of reports, and how they are converted."""

    api_key: SecretStr | None = Field(
        default=None, description="Key of the Reports API.", json_schema_extra={"needed": True}
    )
    api_secret: SecretStr | None = Field(
        default=None,
        description="Secret that signs requests to the Reports API.",
        json_schema_extra={"needed": True},
    )
    api_url: SecureUrl = Field(
        default=API_URL,
        description="Base URL of the Reports API.",
    )
    download_url: SecureUrl = Field(
        default=DOWNLOAD_URL,
        description="Base URL from which report files are downloaded.",
    )
    ca_bundle: CaBundle | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for Shadowserver, instead "
        "of the usual ones.",
        examples=["/etc/ssl/proxy-ca.pem"],
    )

    report_types: ReportTypes = Field(
        default=(),
        description="Report types to import; all subscribed types if empty.",
        examples=["scan_http,event4_sinkhole"],
    )
    report_names: Texts = Field(
        default=(), description="Subscriptions (lists of reports) to import; all if empty."
    )
    exclude_types: ReportTypes = Field(
        default=(), description="Report types to leave out.", examples=["device_id,device_id6"]
    )
    initial_lookback: LookbackDays = Field(
        default=30,
        description="Days of reports to import in the first run, up to 365, in addition to today.",
    )
    # As Shadowserver's own clients: a day can get a second file later, `...-delayed.csv`.
    lookback: LookbackDays = Field(
        default=3,
        description="Days that later runs look back, up to 365, in addition to the days since the "
        "last run.",
    )
    min_severity: Severity = Field(
        default="info", description="Leave out findings below this severity."
    )
    max_findings: int = Field(
        default=0,
        ge=0,
        description="Maximum number of findings to import from one report; 0 for all.",
    )

    marking: Marking = Field(
        default="TLP:CLEAR",
        description="TLP marking of everything imported. TLP:CLEAR means that anybody may see "
        "and share the weaknesses of your network; choose TLP:AMBER if only your "
        "organisation and its clients should. TLP:WHITE is the old name of "
        "TLP:CLEAR.",
    )
    labels: Texts = Field(
        default=(),
        description="Labels to add to the objects of every report.",
        examples=["shadowserver,perimeter"],
    )
    create_incident: bool = Field(
        default=False,
        description="Create a Case Incident for each report, in addition to the Report; see "
        "SHADOWSERVER_CASE_MIN_SEVERITY.",
    )
    case_min_severity: Severity = Field(
        default="medium",
        description="Create a Case Incident only if the worst finding of the report has at least "
        "this severity; with info every report gets one, inventories included.",
    )
    incident_severity: CaseSeverity = Field(
        default="low",
        description="Minimum severity of a Case Incident. It has the severity of its worst "
        "finding if that is higher.",
    )
    incident_priority: CasePriority = Field(
        default="P4", description="Priority of a Case Incident; auto derives it from the severity."
    )
    notes: NotesMode = Field(
        default="auto",
        description="Create one Note for each host and report type, one for each finding, or "
        "none; auto means host.",
    )
    observed_data: bool = Field(
        default=True, description="Create an Observed-Data for each finding."
    )
    network_traffic: bool = Field(
        default=True, description="Create a Network-Traffic for ports and protocols."
    )
    relationships: Relationships = Field(
        default=("needed",),
        description="Relationships to create: needed (those that nothing else in a row "
        "expresses), optionally with further types; all; or none.",
    )
    create_indicators: bool = Field(
        default=False,
        description="Create Indicators for hosts that control or distribute malware or attack "
        "others, and for URLs and files of malware; never of your own addresses and "
        "names, whatever runs on them.",
    )
    repeats: Repeats = Field(
        default="refer",
        description="What to do with findings that OpenCTI already has: with refer, the day's "
        "Report refers to their objects; with skip, it only counts them; with all, "
        "everything is sent again.",
    )
    refresh_days: int = Field(
        default=7,
        ge=1,
        le=90,
        description="How often, in days, the Observed-Data of a finding that is still reported is "
        "updated.",
    )
    resurfaced_after: int = Field(
        default=14,
        ge=1,
        le=90,
        description="Days of absence after which a finding that reappears counts as resurfaced.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Directory for the history of findings; if empty, "
        "~/.local/state/shadowserver-connector or the same below XDG_STATE_HOME.",
        examples=["/var/lib/shadowserver-connector"],
    )
    history_days: int = Field(
        default=90,
        ge=7,
        le=3_650,
        description="Days after which a finding that is no longer reported is forgotten.",
    )
    # Above some 5,000 references, OpenCTI's pages of a Report and its updates become slow.
    report_max_refs: int = Field(
        default=5_000,
        ge=100,
        le=50_000,
        description="Maximum number of references in a Report; a larger Report is divided into "
        "parts.",
    )
    artifact_max_size: Size = Field(
        default=ByteSize(100 * MIB),
        description="Maximum size of an original file to attach as an Artifact.",
        examples=["100MiB"],
    )
    link_download: bool = Field(
        default=False,
        description="Add the report's download link to the Report; the link works for anyone who "
        "sees it.",
    )

    max_threads: int = Field(
        default=8,
        ge=1,
        le=32,
        description="Maximum number of connections to Shadowserver, and of reports that are being "
        "downloaded, or are converted and waiting, at the same time.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Number of processes that convert reports; one for each processor if empty.",
    )
    dask_scheduler: str | None = Field(
        default=None,
        # Dask's protocols, but for inproc, which stays within a process.
        pattern=r"^(tcp|tls|ws|wss|ucx)://[^\s/]+$",
        description="Address of a Dask scheduler, to convert reports on its cluster.",
        examples=["tcp://scheduler:8786"],
    )
    # For each message OpenCTI loads all references of the Report again: few large ones cost less.
    chunk_objects: int = Field(
        default=1_000,
        ge=10,
        le=10_000,
        description="Maximum number of objects in one message to OpenCTI.",
    )
    # RabbitMQ 4 refuses more than 16 MiB, and base64 makes a bundle a third larger.
    chunk_bytes: ChunkSize = Field(
        default=ByteSize(4 * MIB),
        description="Maximum size of a message to OpenCTI; the Artifact's message may be larger.",
        examples=["4MiB"],
    )
    archive_dir: Path | None = Field(
        default=None,
        description="Directory in which to keep the original files; if empty, they are not kept.",
        examples=["/var/lib/shadowserver"],
    )
    drop_dir: Path | None = Field(
        default=None,
        description="Directory from which .csv, .gz, .zip, .tar and .tgz files are imported; "
        "with it the connector also runs without an API key.",
        examples=["/var/lib/shadowserver/drop"],
    )
    disk_floor: Size = Field(
        default=ByteSize(500 * MIB),
        description="Download no more reports while less disk space than this is free; 0 for no "
        "limit.",
        examples=["500MiB"],
    )
    status_file: Path | None = Field(
        default=None,
        description="File for the status of the connector; in the temporary directory if empty.",
        examples=["/run/shadowserver/status.json"],
    )
