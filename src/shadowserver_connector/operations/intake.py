"""Reports that are on disk, delivered to OpenCTI in one work for each day."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.connector.day import describe
from shadowserver_connector.connector.tally import Tally
from shadowserver_connector.errors import DISK_FULL, SinkUnavailableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.conversions import Convert
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.report.source import unreadable
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import Abilities
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.sink.works import work_name


@dataclass(frozen=True)
class Intake:
    """What it takes to bring a report into OpenCTI."""

    helper: Any
    """pycti's ``OpenCTIConnectorHelper``."""
    can: Abilities
    waiter: Waiter
    options: Options
    convert: Convert = convert_report
    command: str = ""
    """What sends by hand; empty for the connector itself. It stands in the works' names."""


class DayWorks:
    """Works under way, one for each day that a report was delivered of.

    Leaving the ``with`` statement closes them all, each with a message that counts; after an
    interruption with one attempt.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._days: dict[date, tuple[Delivery, Tally]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for delivery, tally in self._days.values():
            if kind is None:
                delivery.close(tally.message(delivery.objects), in_error=bool(tally.failures))
                continue
            with suppress(SinkUnavailableError):
                delivery.close_at_once(tally.message(delivery.objects, "interrupted"))

    def deliver(self, job: Job) -> Outcome | Failure:
        """Convert a report and send what it becomes; waits for OpenCTI where that is needed.

        What is wrong with the report comes back as a failure. Raises Stopping, and ``OSError``
        where a disk is full.
        """
        path, info = job
        delivery, tally = self._work_of(info.day)
        emit = _sender(delivery, path)
        try:
            outcome = self._intake.convert(path, info, self._intake.options, emit)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                raise
            reason = _reason(error, job)
        else:
            tally.add(outcome)
            return outcome
        failure = Failure(info, reason)
        self.fail(failure)
        return failure

    def fail(self, failure: Failure) -> None:
        """Count a report that could not even be delivered."""
        _, tally = self._work_of(failure.info.day)
        tally.failures.append(failure)

    def _work_of(self, day: date) -> tuple[Delivery, Tally]:
        if day not in self._days:
            parts = self._intake
            name = work_name(day, parts.command)
            self._days[day] = (Delivery(parts.helper, parts.can, parts.waiter, name), Tally(day))
        return self._days[day]


def _reason(error: Exception, job: Job) -> str:
    path, info = job
    if isinstance(error, OSError) and error.filename == str(path):
        return str(unreadable(info.file, error))
    return describe(error)


def _sender(delivery: Delivery, path: Path) -> Callable[[Chunk], None]:
    return lambda chunk: delivery.send(chunk, path)
