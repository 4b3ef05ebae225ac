"""The Reports API: sign, ask, retry, stream a file to disk."""

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.api.client import API_URL, DOWNLOAD_URL, ReportsApi
from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.api.retry import Retry, RetryPolicy

__all__ = [
    "API_URL",
    "DOWNLOAD_URL",
    "DayEvents",
    "Downloaded",
    "ReportsApi",
    "Retry",
    "RetryPolicy",
]
