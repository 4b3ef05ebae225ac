"""What the connector's parts log, for a person at a terminal: warnings and errors, on stderr."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from shadowserver_connector.cli.console import err


class ConsoleLog:
    """A logger with a message and a dict, as the connector's parts expect one."""

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Leave details out."""

    def info(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Print progress."""
        _print(message, meta, "dim")

    def warning(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Print what a person may want to look at."""
        _print(message, meta, "yellow")

    def error(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Print what a person should look at."""
        _print(message, meta, "bold red")


def _print(message: str, meta: dict[str, Any] | None, style: str) -> None:
    details = ", ".join(f"{name} {value}" for name, value in (meta or {}).items())
    err.print(Text(f"{message}: {details}" if details else message, style=style), soft_wrap=True)
