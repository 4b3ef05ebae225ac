"""What a run works with: the API, OpenCTI, the memory, and how to convert and to wait."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.connector.events import Observe, ignore
from shadowserver_connector.connector.state_store import Memory
from shadowserver_connector.errors import RetriableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.conversions import Convert
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.settings.shadowserver_section import ShadowserverSettings
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import Abilities
from shadowserver_connector.sink.waiting import Log, Waiter

T = TypeVar("T")

PATIENCE: Final = 900.0
"""Seconds that a run waits for one of these before it leaves a day or report to the next run."""
SHADOWSERVER: Final = "Shadowserver"
CONVERTERS: Final = "converters"
"""The processes or the cluster that convert reports."""


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


@dataclass
class Patience:
    """How long to wait for others: once it was in vain for one, not again until it answers."""

    waiter: Waiter
    seconds: float = PATIENCE
    exhausted: set[str] = field(default_factory=set)

    def until(self, who: str, what: str, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, waiting while it raises a RetriableError.

        ``who`` has to answer for that, ``SHADOWSERVER`` or ``CONVERTERS``; ``what`` is waited
        for. Raises the last error when patience is used up.
        """
        try:
            result = self.waiter.until(what, call, 0.0 if who in self.exhausted else self.seconds)
        except RetriableError:
            self.exhausted.add(who)
            raise
        self.exhausted.discard(who)
        return result


@dataclass
class Importer:
    """Everything that a run needs; only ``delivery`` changes."""

    settings: ShadowserverSettings
    options: Options
    api: ReportsApi
    helper: Any
    can: Abilities
    memory: Memory
    waiter: Waiter
    workspace: Path
    """A directory of this connector's own, for downloads."""
    convert: Convert = convert_report
    executor: Executor | None = None
    """Where reports are converted ahead of their turn; without it ``convert`` does it, in turn."""
    now: Callable[[], datetime] = now
    patience: float = PATIENCE
    observe: Observe = ignore
    """Told what happens, for status and metrics."""
    delivery: Delivery | None = field(default=None, init=False)
    """The delivery under way, for whoever has to close it on the way out."""

    @property
    def log(self) -> Log:
        """The connector's logger."""
        return self.waiter.log
