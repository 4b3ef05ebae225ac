"""Waiting for room on the disk, without doing twice what can be done once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import DISK_FULL, DiskFullError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.conversions import Convert
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.waiting import Waiter

T = TypeVar("T")


def with_room(waiter: Waiter, call: Callable[[], T]) -> T:
    """Return what ``call`` returns, repeating it as long as no space is left; said once.

    That may take for ever: a full disk is no report's fault. Raises what else ``call`` raises,
    and Stopping.
    """

    def attempt() -> T:
        try:
            return call()
        except OSError as error:
            if error.errno in DISK_FULL:
                raise DiskFullError("no space is left on the disk; free some") from None
            raise

    return waiter.until("room on the disk", attempt, retried=DiskFullError)


def converting_with_room(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that begins again as long as no space is left; as `with_room`.

    ``convert`` must give the same chunks each time. What is emitted already is not repeated.
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

        return with_room(waiter, attempt)

    return convert_with_room
