"""What to fetch from Shadowserver and what to make of it (``SHADOWSERVER_*``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import ByteSize, Field, SecretStr

from shadowserver_connector.settings.value_types import (
    CaBundle,
    CasePriority,
    CaseSeverity,
    ChunkSize,
    Lookback,
    Marking,
    NotesMode,
    Relationships,
    Repeats,
    ReportTypes,
    Section,
    SecureUrl,
    Severity,
    Size,
    Texts,
)

MIB = 1024 * 1024


class ShadowserverSettings(Section):
    """The Reports API, the choice of reports, and the shape of what is made of them."""

    api_key: SecretStr | None = Field(
        default=None,
        description="Key of the Reports API.",
        json_schema_extra={"needed": True},
    )
    api_secret: SecretStr | None = Field(
        default=None,
        description="Secret that signs requests to the Reports API.",
        json_schema_extra={"needed": True},
    )
    api_url: SecureUrl = Field(
        default="https://transform.shadowserver.org/api2",
        description="Base URL of the Reports API.",
    )
    download_url: SecureUrl = Field(
        default="https://dl.shadowserver.org",
        description="Base URL from which report files are downloaded.",
    )
    ca_bundle: CaBundle | None = Field(
        default=None,
        description="PEM file of the authorities to trust for Shadowserver, not the usual ones.",
        examples=["/etc/ssl/proxy-ca.pem"],
    )

    report_types: ReportTypes = Field(
        default=(),
        description="Report types to import; all that are subscribed when empty.",
        examples=["scan_http,event4_sinkhole"],
    )
    report_names: Texts = Field(
        default=(),
        description="Subscriptions (lists of reports) to import; all when empty.",
    )
    exclude_types: ReportTypes = Field(
        default=(), description="Report types to leave out.", examples=["device_id,device_id6"]
    )
    initial_lookback: Lookback = Field(
        default=30,
        description="Days of reports that the first run imports, up to 365, besides today.",
    )
    lookback: Lookback = Field(
        default=3,
        description="Days that later runs look back, up to 365, besides those since the last run.",
    )
    min_severity: Severity = Field(
        default="info", description="Leave out findings of a lower severity."
    )
    max_findings: int = Field(
        default=0, ge=0, description="Findings to take of one report; 0 takes all."
    )

    marking: Marking = Field(
        default="TLP:CLEAR",
        description="TLP marking of all that is imported. With TLP:CLEAR anybody may see and share "
        "the weaknesses of your network: choose TLP:AMBER where only your organisation and its "
        "clients should. TLP:WHITE is the old name of TLP:CLEAR.",
    )
    labels: Texts = Field(
        default=(),
        description="Labels to add to the objects of every report.",
        examples=["shadowserver,perimeter"],
    )
    create_incident: bool = Field(
        default=False,
        description="Make a Case Incident of a report, besides the Report; see "
        "SHADOWSERVER_CASE_MIN_SEVERITY.",
    )
    case_min_severity: Severity = Field(
        default="medium",
        description="Severity that the worst finding of a report must have for a Case Incident; "
        "info makes one of every report, inventories too.",
    )
    incident_severity: CaseSeverity = Field(
        default="low",
        description="Least severity of a Case Incident, which has the highest of its findings.",
    )
    incident_priority: CasePriority = Field(
        default="P4", description="Priority of a Case Incident; auto derives it from the severity."
    )
    notes: NotesMode = Field(
        default="auto",
        description="One Note for each host and report type, for each finding, or none; "
        "auto is by host.",
    )
    observed_data: bool = Field(default=True, description="Make an Observed Data of each finding.")
    network_traffic: bool = Field(
        default=True, description="Make a Network Traffic of ports and protocols."
    )
    relationships: Relationships = Field(
        default=("needed",),
        description="Relationships to make: needed (those that nothing else of a row says), "
        "with or without types to make in full; all; or none.",
    )
    create_indicators: bool = Field(
        default=False,
        description="Make Indicators of what controls or distributes malware or attacks, of its "
        "URLs and of its files; never of your own addresses and names, whatever runs there.",
    )
    repeats: Repeats = Field(
        default="refer",
        description="What becomes of findings that OpenCTI already has: refer lets the day's "
        "Report refer to their objects, skip only counts them, all sends everything again.",
    )
    refresh_days: int = Field(
        default=7,
        ge=1,
        le=90,
        description="Days within which the Observed Data of a finding that is still there is "
        "brought up to date.",
    )
    resurfaced_after: int = Field(
        default=14,
        ge=1,
        le=90,
        description="Days of absence after which a finding counts as back again.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Directory that keeps the history of findings; when empty "
        "~/.local/state/shadowserver-connector, or below XDG_STATE_HOME.",
        examples=["/var/lib/shadowserver-connector"],
    )
    history_days: int = Field(
        default=90,
        ge=7,
        le=3_650,
        description="Days after which a finding that is not reported any more is forgotten.",
    )
    report_max_refs: int = Field(
        default=5_000,
        ge=100,
        le=50_000,
        description="References a Report holds before it is continued in a further part.",
    )
    artifact_max_size: Size = Field(
        default=ByteSize(100 * MIB),
        description="Largest original file that is attached as an Artifact.",
        examples=["100MiB"],
    )
    link_download: bool = Field(
        default=False,
        description="Add a report's download link to it; it works for anyone who sees it.",
    )

    max_threads: int = Field(
        default=8,
        ge=1,
        le=32,
        description="Reports that are downloaded, or wait converted, at the same time; "
        "no more connections than these are open to Shadowserver.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Processes that convert reports; one for each processor when empty.",
    )
    dask_scheduler: str | None = Field(
        default=None,
        pattern=r"^(tcp|tls|ws|wss|ucx)://[^\s/]+$",
        description="Address of a Dask scheduler whose cluster converts the reports.",
        examples=["tcp://scheduler:8786"],
    )
    chunk_objects: int = Field(
        default=1_000, ge=10, le=10_000, description="Most objects in one message to OpenCTI."
    )
    chunk_bytes: ChunkSize = Field(
        default=ByteSize(4 * MIB),
        description="Largest message to OpenCTI, the Artifact's aside.",
        examples=["4MiB"],
    )
    archive_dir: Path | None = Field(
        default=None,
        description="Directory that keeps the original files; none are kept when empty.",
        examples=["/var/lib/shadowserver"],
    )
    drop_dir: Path | None = Field(
        default=None,
        description="Directory whose .csv, .gz, .zip, .tar and .tgz files are imported once; with "
        "it the connector also runs without an API key.",
        examples=["/var/lib/shadowserver/drop"],
    )
    disk_floor: Size = Field(
        default=ByteSize(500 * MIB),
        description="Free space below which no further report is downloaded; 0 for no floor.",
        examples=["500MiB"],
    )
    status_file: Path | None = Field(
        default=None,
        description="File that says how the last run went; in the temporary directory when empty.",
        examples=["/run/shadowserver/status.json"],
    )
