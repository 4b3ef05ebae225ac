"""How to reach the OpenCTI platform (``OPENCTI_*``)."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shadowserver_connector.settings.kinds import CaBundle, HttpUrl
from shadowserver_connector.settings.section import Section


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
        description="Verify the platform's TLS certificate (pycti's own default is not to).",
    )
    ca_bundle: CaBundle | None = Field(
        default=None,
        description="PEM file of the authorities to trust for OpenCTI, not the usual ones.",
        examples=["/etc/ssl/opencti-ca.pem"],
    )
    json_logging: bool = Field(default=True, description="Write log lines as JSON.")
    custom_headers: SecretStr | None = Field(
        default=None,
        description="HTTP headers to send to the platform, `name:value` separated by `;`.",
    )
