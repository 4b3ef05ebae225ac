"""What pycti and its libraries log for each message: it tells nothing, or too much."""

from __future__ import annotations

import logging
from typing import Final

_FOR_EACH_MESSAGE: Final = " sending bundle to queue"


def quiet_pycti(name: str, log_level: str) -> None:
    """Leave pycti's lines on every call and message to the log level ``debug``.

    What signs requests for S3 logs them there with the access key: never. ``name`` is the
    connector's: its logger is the helper's, too.
    """
    logging.getLogger("botocore").setLevel(logging.INFO)
    if log_level == "debug":
        return
    logging.getLogger("api").setLevel(logging.WARNING)
    logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not str(record.msg).endswith(_FOR_EACH_MESSAGE)
