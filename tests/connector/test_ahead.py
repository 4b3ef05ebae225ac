"""Reports converted on an executor ahead of their turn: OpenCTI sees no difference."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.connector.run import run_window
from shadowserver_connector.errors import TransferError
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.processes import ProcessExecutor
from tests.connector.test_run import YESTERDAY, FakeApi, api_context, report
from tests.mapping.conversion import csv_bytes
from tests.sink.pycti_fakes import FakeHelper

HEADER = ("timestamp", "severity", "ip", "port", "protocol", "tag")


def api_with_reports() -> FakeApi:
    """Return an API with two days of reports, one of which is no table."""
    reports = [
        report(day, number=number)
        for day in (YESTERDAY, YESTERDAY - timedelta(days=1))
        for number in range(4)
    ]
    api = FakeApi(*reports)
    for number, each in enumerate(reports):
        rows = [
            (f"{each.day} 00:00:00", "low", f"192.0.2.{row + number}", "443", "tcp", "ssl")
            for row in range(40)
        ]
        api.content[each] = csv_bytes(HEADER, rows)
    api.content[reports[1]] = b"\n\n"
    return api


def run(api: FakeApi, folder: Path, executor: Executor | None) -> FakeHelper:
    """Run once; return what was sent to OpenCTI."""
    folder.mkdir()
    helper = FakeHelper()
    parts = api_context(helper, api, folder, convert=convert_report, executor=executor)
    options = replace(parts.setup.options, chunk_objects=60)
    parts.setup = replace(parts.setup, options=options)
    run_window(parts)
    return helper


def works(helper: FakeHelper) -> list[Any]:
    """Return the messages and errors of the works."""
    return list(helper.api.work.works.values())


@pytest.mark.parametrize("processes", [
    pytest.param(0, id="thread"),
    pytest.param(2, id="processes", marks=pytest.mark.integration),
])  # fmt: skip
def test_messages_and_works_are_those_without_an_executor(tmp_path: Path, processes: int) -> None:
    """With an executor, messages, their order and the failures are the same; no file is left
    behind.
    """
    expected = run(api_with_reports(), tmp_path / "in-turn", None)
    with ProcessExecutor(processes) if processes else ThreadPoolExecutor(1) as executor:
        ahead = run(api_with_reports(), tmp_path / "ahead", executor)
    assert len(expected.messages) > 20
    assert ahead.messages == expected.messages
    assert works(ahead) == works(expected)
    assert [path for path in (tmp_path / "ahead").rglob("*") if path.is_file()] == []


def test_report_whose_download_failed_ahead_is_converted_in_its_turn(tmp_path: Path) -> None:
    """When a download ahead fails, the second attempt downloads and converts the report."""
    api = api_with_reports()
    download, failures = api.download, [TransferError("broken off")]

    def fail_once(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return download(*arguments)

    api.download = fail_once  # type: ignore[method-assign]
    expected = run(api_with_reports(), tmp_path / "in-turn", None)
    with ThreadPoolExecutor(1) as executor:
        assert run(api, tmp_path / "ahead", executor).messages == expected.messages
    assert failures == []
