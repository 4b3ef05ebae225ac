"""What `backfill` prints when something ends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from shadowserver_connector.cli import import_commands
from shadowserver_connector.errors import DiskFullError
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings

REPORTS = [ReportInfo("scan_ssl", date(2024, 1, day), f"{day}.csv") for day in (31, 30, 29)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DiskFullError("no space")])
def test_whatever_ends_it_the_day_to_continue_with_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """Ctrl-C and a full disk end it at a day, which a line names; the error is raised on."""

    def ending(*_: Any) -> Iterator[Failure]:
        yield Failure(REPORTS[0], "gone")
        raise error

    monkeypatch.setattr(import_commands, "import_days", ending)
    with pytest.raises(type(error)):
        import_commands._import_days(None, None, ShadowserverSettings(workers=1), REPORTS)  # type: ignore[arg-type]
    assert "To continue, repeat the command with --to 2024-01-30." in capsys.readouterr().err
