from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest

from shadowserver_connector.logger import Logger, configure_logging

NAME = "A connector under test"
Open = Callable[..., Logger]
NOTICE = {"reports": 3, "seconds": 1.5, "reason": 'no "answer"', "files": ["a b.csv"], "left": None}


@pytest.fixture
def opened() -> Iterator[Open]:
    """Yield a function that opens the connector's log as JSON or text; then restore the loggers."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def open_it(as_json: bool, level: str = "info") -> Logger:
        return configure_logging(NAME, level, as_json=as_json)

    yield open_it
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that were written."""
    return capsys.readouterr().err.splitlines()


def test_text_has_the_facts(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """A text line has time, level, message, and fields, quoted where their end would be unclear."""
    opened(False).warning("Report failed", NOTICE)
    (line,) = lines(capsys)
    time, level, rest = line.split(maxsplit=2)
    assert (len(time), time[-1], level) == (20, "Z", "WARNING")
    assert rest == (
        'Report failed reports=3 seconds=1.5 reason="no \\"answer\\"" files=["a b.csv"] left=null'
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_one_event_is_one_line(
    as_json: bool, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line breaks and terminal codes in file names and answers are escaped, so an event is one
    line.
    """
    hostile = "a\nb\x1b[2J\u2028\x85\u202e\ud800c"
    opened(as_json).error(hostile, {"file": hostile})
    (line,) = lines(capsys)
    assert line.isprintable()
    assert "a\\nb\\u001b" in line or "a\\u000ab\\u001b" in line


def test_json_keeps_numbers(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stay numbers in JSON, so that log tools can add them up."""
    opened(True).info("Report imported 100%", NOTICE)
    (line,) = map(json.loads, lines(capsys))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "INFO",
        "name": NAME,
        "message": "Report imported 100%",
        "attributes": NOTICE,
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_has_a_traceback_only_where_there_is_one(
    as_json: bool, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """pycti asks for a traceback with each error; it is logged only if an exception exists."""
    opened(as_json).error("The run failed")
    logging.getLogger("api").error("none", exc_info=(None, None, None))
    try:
        raise ValueError("told")
    except ValueError:
        logging.getLogger("api").exception("one")
    ours, none, one = lines(capsys)
    assert "exc_info" not in ours + none
    assert "NoneType" not in ours + none
    assert "exc_info" in one
    assert "ValueError: told" in one


def test_lines_of_libraries_say_whose_they_are(
    opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library's line names the library, in text and in JSON."""
    opened(False)
    logging.getLogger("pika").error("closed by %s", "peer")
    assert lines(capsys)[0].endswith("pika: closed by peer")


def test_the_level_is_kept(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines below the log level are not written."""
    log = opened(False)
    log.debug("no")
    log.info("yes")
    assert len(lines(capsys)) == 1
    assert logging.getLogger("urllib3").level == logging.WARNING


@pytest.mark.parametrize(("level", "count"), [("debug", 1), ("info", 1), ("error", 0)])
def test_the_level_is_kept_by_libraries_that_have_one_of_their_own(
    level: str, count: int, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """The warnings of urllib3 about its retries are not written where only errors are wanted."""
    opened(False, level)
    logging.getLogger("urllib3.connectionpool").info("Starting new connection")
    logging.getLogger("urllib3.connectionpool").warning("Retrying")
    assert len(lines(capsys)) == count
