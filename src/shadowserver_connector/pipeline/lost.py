"""A worker or a cluster that is gone, as the reports that it had see it."""

from __future__ import annotations

from shadowserver_connector.errors import RetriableError, SkippableError


class WorkerLostError(SkippableError):
    """Every process that worked on this report died; other reports are not affected."""

    def __init__(self) -> None:
        super().__init__(
            "each process that converted it died; give the workers more memory, "
            "or report it as a fault with the file"
        )


class ClusterLostError(RetriableError):
    """The cluster that had this report, or was to have it, is out of reach."""
