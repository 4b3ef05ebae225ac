"""What can go wrong, grouped by what the caller should do about it.

    ShadowserverConnectorError
    ├── FatalError              stop: a person must change something
    │   ├── SettingsError           a setting is missing, wrong or contradicts another
    │   ├── CredentialsError        the API or OpenCTI refused who we are
    │   ├── VersionError            OpenCTI does not know what the installed pycti asks for
    │   ├── CatalogueError          the catalogue's data files contradict themselves
    │   ├── ClockError              this machine's clock is wrong beyond doubt
    │   ├── NewerStateError         the state in OpenCTI is of a newer version of the connector
    │   └── HistoryError            the history's directory cannot be used, or is another's
    ├── RetriableError          the same call may succeed later; nothing is lost meanwhile
    │   ├── ApiUnavailableError     Shadowserver down, slow, or answering nonsense
    │   ├── TransferError           a download broke off or does not match its length
    │   ├── SinkUnavailableError    OpenCTI, its broker or the output folder is out of reach
    │   │   └── DiskFullError           no space is left where files are written
    │   ├── NotReadyError           the report exists but is still empty
    │   ├── HistoryBusyError        the history's disk or file does not answer
    │   └── HistoryDamagedError     the history was damaged, and is moved aside
    └── SkippableError          this report only: name it, go on with the others
        ├── ReportRefusedError      the API will not give it (gone, bad id, other host)
        ├── ReportUnreadableError   no header, no table, not text
        └── ArchiveRejectedError    a zip or gzip beyond the limits, or with nothing inside

Every message is one line that a person can act on, and holds no secret.
"""

from __future__ import annotations

import errno
from typing import Final

DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of an ``OSError`` that says that no space is left."""


class ShadowserverConnectorError(Exception):
    """The root of all errors that this package raises on purpose."""


class FatalError(ShadowserverConnectorError):
    """Going on is pointless until a person changes something."""


class SettingsError(FatalError):
    """A setting is missing, wrong, or contradicts another one."""


class CredentialsError(FatalError):
    """The API or OpenCTI refused the key, secret or token."""


class VersionError(FatalError):
    """OpenCTI does not know what the installed pycti asks of it: another pycti is needed."""


class CatalogueError(FatalError):
    """The catalogue's data files contradict themselves or name something unknown."""


class ClockError(FatalError):
    """This machine's clock says a day on which this connector did not exist."""


class NewerStateError(FatalError):
    """The state in OpenCTI was written by a newer version of this connector."""


class HistoryError(FatalError):
    """The history's directory cannot be used: read-only, of a newer version, another instance's."""


class RetriableError(ShadowserverConnectorError):
    """The same call may succeed later."""


class ApiUnavailableError(RetriableError):
    """Shadowserver is down, slow, or answered something that is no answer."""


class TransferError(RetriableError):
    """A download broke off or is not as long as announced."""


class SinkUnavailableError(RetriableError):
    """OpenCTI, its broker or the output folder is out of reach."""


class DiskFullError(SinkUnavailableError):
    """No space is left where files are written; every report would meet the same."""


class NotReadyError(RetriableError):
    """The report is listed but its file is still empty."""


class HistoryBusyError(RetriableError):
    """The history's file cannot be read or written now."""


class HistoryDamagedError(RetriableError):
    """The history was damaged and is moved aside: opened again it is empty."""


class SkippableError(ShadowserverConnectorError):
    """This report cannot be processed; the others can."""


class ReportRefusedError(SkippableError):
    """The API will not give this report: gone, a malformed id, or a link to another host."""


class ReportUnreadableError(SkippableError):
    """The file is no table that can be read."""


class ArchiveRejectedError(SkippableError):
    """An archive is beyond the limits, or holds no report."""
