"""What the connector logs through: its own log, that of a command, or none."""

from __future__ import annotations

from typing import Any, Protocol


class Logger(Protocol):
    """A logger that takes a message and a dict, as pycti's ``connector_logger`` does."""

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None: ...

    def info(self, message: str, meta: dict[str, Any] | None = None) -> None: ...

    def warning(self, message: str, meta: dict[str, Any] | None = None) -> None: ...

    def error(self, message: str, meta: dict[str, Any] | None = None) -> None: ...


class SilentLogger:
    """Logs nothing."""

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Do nothing."""

    info = warning = error = debug
