"""The errors of this package: fatal, retriable or skippable; their texts and exit codes.

They are raised where the cause is known, and handled once at the edge.
"""

from __future__ import annotations

import errno
import re
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error of the system says that no space is left, or none of one's quota."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def is_about(error: BaseException, path: Path) -> bool:
    """Tell whether an error of the system is about this file, and not about a disk in general."""
    return isinstance(error, OSError) and error.filename == str(path)


class ShadowserverConnectorError(Exception):
    """The root of all errors that this package raises on purpose."""


class FatalError(ShadowserverConnectorError):
    """Pointless to continue until a person changes something."""


class SettingsError(FatalError):
    """A setting is missing, wrong, or contradicts another one."""


class CredentialsError(FatalError):
    """The API or OpenCTI refused the key, secret or token."""


class VersionError(FatalError):
    """The installed pycti asks OpenCTI for something that it does not know: another pycti is
    needed.
    """


class CatalogueError(FatalError):
    """The catalogue's data files contradict themselves or name something unknown."""


class ClockError(FatalError):
    """The local clock shows a day on which this connector did not exist."""


class NewerStateError(FatalError):
    """The state in OpenCTI was written by a newer version of this connector."""


class HistoryUnusableError(FatalError):
    """The history cannot be used: read-only, without file locks, in use, of a newer version, or of
    another connector.
    """


class HistoryInUseError(HistoryUnusableError):
    """Another process has the history's directory."""


class RetriableError(ShadowserverConnectorError):
    """The same call may succeed later."""


class ApiUnavailableError(RetriableError):
    """Shadowserver is down, slow, or gave no valid answer."""


class TransferError(RetriableError):
    """A download broke off or is not as long as announced."""


class SinkUnavailableError(RetriableError):
    """OpenCTI, its broker or the output folder is unavailable."""


class DiskFullError(SinkUnavailableError):
    """No space is left where files are written; every report would fail the same way."""


class NotReadyError(RetriableError):
    """The report is listed but its file is still empty."""


class HistoryBusyError(RetriableError):
    """The history's file cannot be read or written now."""


class HistoryDamagedError(RetriableError):
    """The history was damaged and has been moved aside, or is gone: opened again it is empty."""


class SkippableError(ShadowserverConnectorError):
    """This report cannot be processed; the others can."""


class ReportRefusedError(SkippableError):
    """The API does not deliver this report: gone, a malformed id, or a link to another host."""


class ReportUnreadableError(SkippableError):
    """The file is not a readable table."""


class ArchiveRejectedError(SkippableError):
    """An archive exceeds the limits, or contains no report."""


class WorkerLostError(SkippableError):
    """Every process that worked on this report died; other reports are not affected."""

    def __init__(self) -> None:
        super().__init__(
            "each process that converted it died; give the workers more memory, "
            "or report it as a fault with the file"
        )


class ClusterLostError(RetriableError):
    """The cluster that converts, or should convert, this report is unavailable."""


def describe(error: Exception) -> str:
    """Say what went wrong, in one line without secrets.

    Our own errors have such a text; for others only kind and place are given.
    """
    if isinstance(error, ShadowserverConnectorError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "shadowserver_connector" in frame.filename]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"unexpected {type(error).__name__}{place}; please report it"


# Numbers of OpenSSL (x509_vfy.h).
_CERTIFICATES: Final = {
    9: "it is not valid yet; check this machine's clock",
    10: "it has expired",
    18: "it is self-signed",
    19: "it is signed by a private authority (self-signed)",
    20: "its authority is unknown",
    21: "its authority is unknown",
    62: "it is for another host name",
    64: "it is for another address",
}
# What another authority would not fix.
_OWN_FAULTS: Final = (9, 10, 62, 64)
# In OpenSSL's text, where an error of another library quotes it.
_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
# As httpcore writes a proxy's answer, and as http.client and urllib3 do.
_STATUS: Final = re.compile(r"(?:^|Tunnel connection failed: )([1-5]\d\d)\b")


def has_bad_certificate(error: BaseException) -> bool:
    """Tell whether the cause of an error is that a server's certificate is refused."""
    return any(
        isinstance(each, ssl.SSLCertVerificationError) or _UNTRUSTED in str(each)
        for each in _chain(error)
    )


def describe_tls_or_proxy_error(error: BaseException, bundle: str) -> str | None:
    """Describe an error of TLS or of a proxy; ``None`` for any other.

    httpx, and the requests that pycti uses, wrap the cause several times over, each in its own way.
    ``bundle`` is the setting that names the authorities. Nothing of a server's text is quoted.
    """
    found = list(_chain(error))
    for each in found:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _certificate(each, bundle)
    for each in found:
        if _UNTRUSTED in str(each):
            return f"the server's certificate is not trusted; name your CA's file in {bundle}"
        if isinstance(each, ssl.SSLError):
            reason = str(each.reason or "broken off").replace("_", " ").lower()
            return f"TLS fails ({reason}); check scheme and port"
    # By name: httpx, httpcore, requests and urllib3 each have one, and are not imported here.
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
    """Yield an error and all its causes, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        # requests wraps urllib3's error as its argument, and urllib3 has the cause as `reason`.
        parts = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [part for part in parts if isinstance(part, BaseException)]


OK: Final = 0
SOME_FAILED: Final = 1
"""Some reports failed, the others are done; or an unexpected error, a defect of the connector."""
# As Click, and most commands, exit when called wrongly.
USAGE: Final = 2
SETTINGS: Final = 3
CREDENTIALS: Final = 4
UNAVAILABLE: Final = 5
"""Shadowserver, OpenCTI or a disk was unavailable; the same command may work later."""
# 128 and the number of SIGINT, as shells report it.
INTERRUPTED: Final = 130

EXIT_CODES_HELP: Final = (
    "0 done, 1 some reports failed, 2 usage, 3 settings or the version of pycti, 4 credentials, "
    "5 Shadowserver, OpenCTI or a disk is unavailable, 130 interrupted"
)


class UsageError(Exception):
    """The arguments on the command line contradict each other."""


EXIT_CODE_OF_KIND: Final = (
    (UsageError, USAGE),
    (SettingsError, SETTINGS),
    (CredentialsError, CREDENTIALS),
    (FatalError, SETTINGS),
    (RetriableError, UNAVAILABLE),
    (SkippableError, SOME_FAILED),
    (OSError, UNAVAILABLE),
)
"""Kinds of errors with their codes; the first that matches counts."""


CAUSES: Final = (
    (CredentialsError, "credentials"),
    (ClockError, "clock"),
    (NewerStateError, "newer_state"),
    (FatalError, "settings"),
    (ApiUnavailableError, "shadowserver"),
    (TransferError, "shadowserver"),
    (DiskFullError, "disk"),
    (SinkUnavailableError, "opencti"),
    (RetriableError, "other"),
    (OSError, "disk"),
    (Exception, "defect"),
)
"""What kept a run from completing, as a label; the first kind that matches counts."""
SHADOWSERVER_AWAY: Final = "shadowserver"
"""The cause if days could not be queried."""


def cause_of(error: Exception) -> str:
    """Return the label for the cause of a failed run, one of ``CAUSES``."""
    return next(cause for kind, cause in CAUSES if isinstance(error, kind))


def exit_code_of(error: Exception) -> int:
    """Return the exit code for an error; for an unknown one, that for failed reports."""
    return next((code for kind, code in EXIT_CODE_OF_KIND if isinstance(error, kind)), SOME_FAILED)
