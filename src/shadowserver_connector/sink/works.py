"""OpenCTI's works: what a run shows in the platform's list of imports."""

from __future__ import annotations

from typing import Any

from shadowserver_connector.errors import SkippableError
from shadowserver_connector.sink.platform import Abilities, ask, error_name, unavailable

# pycti has this call, too, but hides its failures.
_ADD_EXPECTATIONS = """
mutation addExpectations($id: ID!, $expectations: Int) {
  workEdit(id: $id) { addExpectations(expectations: $expectations) }
}
"""
_DELETED = "its work was deleted in OpenCTI; it is sent again in another one"


class WorkDeletedError(SkippableError):
    """A person deleted the work in OpenCTI, which makes it ignore the work's messages."""


def open_work(helper: Any, can: Abilities, name: str) -> str | None:
    """Open a work and return its id, or ``None`` where pycti sends nothing to the queue.

    Raises SinkUnavailableError.
    """
    kwargs = {"is_multipart": True} if can.multipart_works else {}
    work_id = ask(lambda: helper.api.work.initiate_work(helper.connect_id, name, **kwargs))
    return None if work_id is None else str(work_id)


def close_work(helper: Any, work_id: str, message: str, *, in_error: bool) -> None:
    """Close a work with a message. Raises SinkUnavailableError."""
    ask(lambda: helper.api.work.to_processed(work_id, message, in_error=in_error))


def announce(helper: Any, work_id: str, count: int) -> None:
    """Add to the number of objects that OpenCTI expects of a work; a negative count takes back.

    Raises SinkUnavailableError, and WorkDeletedError where the platform tells.
    """
    variables = {"id": work_id, "expectations": count}
    try:
        helper.api.query(_ADD_EXPECTATIONS, variables)
    except Exception as error:
        if error_name(error) == "WORK_NOT_ALIVE":
            raise WorkDeletedError(_DELETED) from None
        raise unavailable(error) from None


def announce_or_fail(helper: Any) -> None:
    """Have pycti announce as `announce` does.

    Left alone it logs that it could not announce a bundle, and sends it all the same: the work
    would count more objects than it expects.
    """

    def add_expectations(work_id: str, expectations: int) -> bool:
        announce(helper, work_id, expectations)
        return True

    helper.api.work.add_expectations = add_expectations


def expected(helper: Any, work_id: str) -> int:
    """Return how many objects OpenCTI expects of a work.

    Raises SinkUnavailableError, WorkDeletedError.
    """
    work = ask(lambda: helper.api.work.get_work(work_id))
    if work is None:
        raise WorkDeletedError(_DELETED)
    return int((work.get("tracking") or {}).get("import_expected_number") or 0)


def close_orphans(helper: Any, message: str) -> list[str]:
    """Close the works that a killed process left open; return their names.

    They are never deleted: OpenCTI would ignore what is still in the queue for them. Raises
    SinkUnavailableError.
    """
    works = ask(lambda: helper.api.work.get_connector_works(helper.connect_id))
    orphans = [
        work for work in works if work["status"] != "complete" and not work["processed_time"]
    ]
    for work in orphans:
        close_work(helper, work["id"], message, in_error=False)
    return [str(work["name"]) for work in orphans]
