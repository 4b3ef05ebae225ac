"""The Reports API: sign, ask, retry, stream a file to disk.

answers     validation of the Reports API's answers
client      the Reports API, as methods that return checked values or raise
connection  the HTTP client for both hosts: TLS, proxies, one pool, bounded bodies, its log; and the
            deadline of a whole exchange, whatever the other side still sends
download    one report file from its id to the disk, hashed on the way, in constant memory
"""

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.api.client import ApiOptions, ReportsApi
from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.waiting import Retry, RetryPolicy

__all__ = [
    "ApiOptions",
    "DayEvents",
    "Downloaded",
    "ReportsApi",
    "Retry",
    "RetryPolicy",
]
