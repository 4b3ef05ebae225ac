"""Settings that pycti reads and this connector only hands on, unchanged.

From the calls of ``get_config_variable`` and ``os.getenv`` in pycti 6.2 and 7; a test compares this
list with the pycti that is installed. Some matter to other kinds of connectors only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HANDED_ON: Mapping[str, tuple[str, str] | None] = MappingProxyType(
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
