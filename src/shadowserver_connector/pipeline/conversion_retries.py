"""Conversions that are repeated while the disk is full, or while a cluster is unavailable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import ClusterLostError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import Convert
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.waiting import CLUSTER, CONVERTERS, Waiter


def retrying_while_disk_full(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that is repeated while no space is left on the disk.

    ``convert`` must give the same chunks each time. Chunks already emitted are not repeated.
    """

    def convert_with_room(
        path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        emitted = 0

        def attempt() -> Outcome:
            number = 0

            def take(chunk: Chunk) -> None:
                nonlocal emitted, number
                number += 1
                if number > emitted:
                    emit(chunk)
                    emitted = number

            return convert(path, info, options, take)

        return waiter.until_disk_has_room(attempt)

    return convert_with_room


def retrying_until_patience_ends(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that is repeated while a cluster is unavailable, for a limited time."""
    return lambda path, info, options, emit: waiter.until_patience_ends(
        CONVERTERS, f"the conversion of {info.file}", lambda: convert(path, info, options, emit)
    )


def retrying_until_cluster_is_back(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that is repeated while a cluster is unavailable, as long as it takes."""
    return lambda *conversion: waiter.until(
        CLUSTER, partial(convert, *conversion), retried=ClusterLostError
    )
