"""What the connector logs through, and its log: one event on one line, as JSON or as text."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

_FACTS: Final = "attributes"
# What is unambiguous without quotes.
_BARE: Final = re.compile(r"[^\s\"'=\[\]{}]+")


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


def configure_logging(name: str, level: str, *, as_json: bool) -> Logger:
    """Have all loggers of this process write to stderr; return the one named ``name``, the
    connector's.

    A dict passed with a message becomes the fields of the event: after the message in text, as
    ``attributes`` in JSON. pycti's own loggers lose the fields in text, and add ``NoneType: None``
    to each error in JSON. Here the lines of pycti and other libraries get the same two formats.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines(name))
    # Without force, a second call, as `connect` makes one, would do nothing.
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Both log each connection that they open, and pycti opens one to the broker for each bundle.
    # A level of their own replaces the root's, so it must not be lower.
    logging.getLogger("urllib3").setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("pika").setLevel(logging.ERROR)
    return StdlibLogger(name)


class StdlibLogger:
    """A `Logger` that writes through the logger of a name."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None:
        self._write(logging.DEBUG, message, meta)

    def info(self, message: str, meta: dict[str, Any] | None = None) -> None:
        self._write(logging.INFO, message, meta)

    def warning(self, message: str, meta: dict[str, Any] | None = None) -> None:
        self._write(logging.WARNING, message, meta)

    def error(self, message: str, meta: dict[str, Any] | None = None) -> None:
        self._write(logging.ERROR, message, meta)

    def _write(self, level: int, message: str, meta: dict[str, Any] | None) -> None:
        # Not as an argument of the format: a report's name may contain a percent sign.
        self._logger.log(level, "%s", message, extra={_FACTS: meta or {}})


class JsonLines(logging.Formatter):
    """A line of JSON for each event, with the names that OpenCTI's own services use."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": f"{_time(record):%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname,
            "name": record.name,
            "message": record.getMessage(),
        }
        if facts := _facts(record):
            line[_FACTS] = facts
        if trace := _traceback(self, record):
            line["exc_info"] = trace
        # In ASCII: no terminal and no encoding of stderr can change it.
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """A readable line for each event: time, level, message, and the facts as ``key=value``."""

    def __init__(self, own: str) -> None:
        """Take the name of the connector's logger; lines of all others begin with their name."""
        super().__init__()
        self._own = own

    def format(self, record: logging.LogRecord) -> str:
        other = "" if record.name == self._own else f"{record.name}: "
        facts = dict(_facts(record))
        if trace := _traceback(self, record):
            facts["exc_info"] = trace
        message = _visible(f"{other}{record.getMessage()}")
        words = [f"{_time(record):%Y-%m-%dT%H:%M:%SZ}", f"{record.levelname:<7}", message]
        return " ".join([*words, *(f"{key}={_value(value)}" for key, value in facts.items())])


def _facts(record: logging.LogRecord) -> Mapping[str, Any]:
    facts = getattr(record, _FACTS, None)
    return facts if isinstance(facts, Mapping) else {}


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return an error's traceback; pycti asks for one even if there is none."""
    error = record.exc_info
    return formatter.formatException(error) if error and error[0] is not None else ""


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _value(value: object) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value) and value.isprintable():
        return value
    return _visible(json.dumps(value, ensure_ascii=False, default=str))


def _visible(text: str) -> str:
    """Return a text with invisible characters escaped: one event is one line."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 1 << 16 else f"\\U{number:08x}"
