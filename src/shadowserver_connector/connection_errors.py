"""What keeps two hosts from talking, in words: certificates, TLS and proxies.

httpx, and the requests that pycti uses, wrap the cause several times over, each in its own way.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Final

# Numbers of OpenSSL (x509_vfy.h).
_CERTIFICATES: Final = {
    9: "it is not valid yet; check this machine's clock",
    10: "it has expired",
    18: "it is self-signed",
    19: "it is signed by an authority of its own (self-signed)",
    20: "its authority is unknown",
    21: "its authority is unknown",
    62: "it is for another host name",
    64: "it is for another address",
}
# What another authority would not change.
_OWN_FAULTS: Final = (9, 10, 62, 64)
_STATUS: Final = re.compile(r"(?:^|Tunnel connection failed: )([1-5]\d\d)\b")


def describe_cause(error: BaseException, bundle: str) -> str | None:
    """Describe an error of TLS or of a proxy; ``None`` for any other.

    ``bundle`` is the setting that names the authorities. Nothing of a server's text is quoted.
    """
    found = list(_chain(error))
    for each in found:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _certificate(each, bundle)
    for each in found:
        if "CERTIFICATE_VERIFY_FAILED" in str(each):
            return f"the server's certificate is not trusted; name your CA's file in {bundle}"
        if isinstance(each, ssl.SSLError):
            reason = str(each.reason or "broken off").replace("_", " ").lower()
            return f"TLS fails ({reason}); check scheme and port"
    proxied = [each for each in found if type(each).__name__ == "ProxyError"]
    if not proxied:
        return None
    status = next((match[1] for each in found if (match := _STATUS.search(str(each)))), None)
    said = "does not answer" if status is None else f"refused the connection (status {status})"
    return f"the proxy {said}; check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY"


def _certificate(error: ssl.SSLCertVerificationError, bundle: str) -> str:
    why = _CERTIFICATES.get(error.verify_code, error.verify_message)
    if error.verify_code in _OWN_FAULTS:
        return f"the server's certificate is refused: {why} (authorities: {bundle})"
    return f"the server's certificate is not trusted: {why}; name your CA's file in {bundle}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it was made of, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        parts = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [part for part in parts if isinstance(part, BaseException)]
