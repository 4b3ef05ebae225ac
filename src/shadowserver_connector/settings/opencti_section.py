"""How to reach OpenCTI, and how the connector appears there (``OPENCTI_*``, ``CONNECTOR_*``)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr, model_validator

from shadowserver_connector.settings.value_types import (
    Address,
    CaBundle,
    ConnectorType,
    Duration,
    HttpUrl,
    LogLevel,
    QueueProtocol,
    Section,
    ShortDuration,
    Texts,
    Uuid,
    of_sensible_length,
    short_duration,
)


class OpenCTISettings(Section):
    """The platform; every value is read by pycti too."""

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
        description="Verify the platform's TLS certificate; pycti itself would not.",
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
    """The connector's registration, schedule and delivery; pycti reads all but `run_every`."""

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
    queue_threshold: float = Field(
        default=500,
        gt=0,
        allow_inf_nan=False,
        description="Size of this connector's queue in megabytes above which it waits before it "
        "sends more.",
    )
    queue_protocol: QueueProtocol | None = Field(
        default=None,
        description="How bundles reach the queue: through RabbitMQ (amqp, the default) or "
        "OpenCTI's API (api).",
    )
    validate_before_import: bool = Field(
        default=False,
        description="Hold every bundle in OpenCTI until a user approves it.",
    )
    expose_metrics: bool = Field(default=False, description="Serve Prometheus metrics over HTTP.")
    metrics_host: Address = Field(
        default="0.0.0.0",  # noqa: S104 - as pycti has it: they are read from other machines
        description="Address on which metrics are served: 0.0.0.0 for all addresses of this "
        "machine or container, 127.0.0.1 for itself alone.",
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
