from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from shadowserver_connector.connector.helper import limit_pycti_logging

NAME = "A connector under test"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave pycti's loggers as they were."""
    yield
    for library in ("api", "botocore"):
        logging.getLogger(library).setLevel(logging.NOTSET)
    for each in list(logging.getLogger(NAME).filters):
        logging.getLogger(NAME).removeFilter(each)


def lines(caplog: pytest.LogCaptureFixture, log_level: str) -> list[str]:
    """Return the lines of pycti and of the connector that are logged."""
    caplog.set_level(logging.INFO)
    limit_pycti_logging(NAME, log_level)
    logging.getLogger("api").info("Getting connector details ...")
    logging.getLogger("api").error("broken")
    text = f"{NAME} sending bundle to queue"
    logging.getLogger(NAME).info(text)
    logging.getLogger(NAME).info("Report imported")
    return caplog.messages


def test_one_line_a_report_at_info(caplog: pytest.LogCaptureFixture) -> None:
    """At ``info``, pycti's line for each message is suppressed; its errors are not."""
    assert lines(caplog, "info") == ["broken", "Report imported"]


def test_everything_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """At ``debug``, every line of pycti is logged."""
    assert len(lines(caplog, "debug")) == 4


def test_requests_to_s3_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    """pycti logs requests to S3 with the access key, so these lines are always suppressed."""
    caplog.set_level(logging.DEBUG)
    limit_pycti_logging(NAME, "debug")
    logging.getLogger("botocore.auth").debug("Credential=sentinel")
    assert caplog.messages == []
    logging.getLogger("another.library").debug("as it is set")
    assert caplog.messages == ["as it is set"]
