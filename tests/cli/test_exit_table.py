"""The table of exit codes for each command, with real servers on both sides and no broker."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from shadowserver_connector.connector.helper import pycti_version
from shadowserver_connector.errors import (
    EXIT_CODES_HELP,
    ApiUnavailableError,
    CredentialsError,
    ReportUnreadableError,
    SettingsError,
)
from shadowserver_connector.history.history import open_history
from shadowserver_connector.operations.status import Run as RunStatus
from shadowserver_connector.operations.status import Status
from shadowserver_connector.operations.status_file import write_status
from shadowserver_connector.service import process
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.waiting import Waiter
from tests.api.memory import KEY, SECRET
from tests.connector.world import CONNECTOR, Reports, csv
from tests.platform.errors import PlatformError
from tests.platform.opencti import Fault, OpenCTI
from tests.platform.schema import OLDEST
from tests.sink.pycti_fakes import FakeLog

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

Run = Callable[..., Result]

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=1)
DAYS = ("--from", DAY, "--to", DAY)
GOOD, BAD = f"{DAY}-scan_ssl-example.csv", f"{DAY}-scan_http-example.csv"
NOWHERE = "http://127.0.0.1:9"

COMMANDS: dict[str, tuple[object, ...]] = {
    "convert": ("convert", "files", "-o", "out", "--workers", "1"),
    "explain": ("explain", "files"),
    "preview": ("preview", "files", "--html", "page.html"),
    "demo": ("demo", "--days", "1", "-o", "made"),
    "check": ("check",),
    "types": ("types", "--subscribed"),
    "subscriptions": ("subscriptions",),
    "reports": ("reports", *DAYS),
    "fetch": ("fetch", *DAYS, "-o", "archive"),
    "import": ("import", "files"),
    "backfill": ("backfill", *DAYS, "--yes"),
    "run": ("run", "--once"),
    "status": ("status",),
    "history": ("history", "192.0.2.1", "--dir", "past"),
}
SETTINGS = {
    "wrong setting": {"SHADOWSERVER_NOTES": "sometimes"},
    "key": {"SHADOWSERVER_API_SECRET": "another"},
    "token": {"OPENCTI_TOKEN": "another"},
    "Shadowserver": {"SHADOWSERVER_API_URL": f"{NOWHERE}/"},
    "OpenCTI": {"OPENCTI_URL": NOWHERE},
}
OFFLINE = ("convert", "explain", "preview")
SHADOWSERVER = ("check", "types", "subscriptions", "reports", "fetch", "backfill")
CASES = [
    # The demo takes its time, and has tests of its own.
    *((name, "all well", 0) for name in COMMANDS if name != "demo"),
    *((name, "bad report", 1) for name in (*OFFLINE, "fetch", "import", "backfill", "run")),
    *((name, "bad report", 1) for name in ("status",)),
    *((name, "usage", 2) for name in COMMANDS),
    # The demo has settings of its own, and what was reported is asked of a folder.
    *((name, "wrong setting", 3) for name in COMMANDS if name not in ("demo", "history")),
    *((name, "old platform", 3) for name in ("check", "import", "backfill", "run")),
    *((name, "key", 4) for name in (*SHADOWSERVER, "run")),
    *((name, "token", 4) for name in ("check", "import", "backfill", "run")),
    # Each of them tries again for a while; they share what does.
    *((name, "Shadowserver", 5) for name in ("check", "backfill")),
    *((name, "OpenCTI", 5) for name in ("check", "import", "backfill")),
    *((name, "folder", 5) for name in ("convert", "preview", "demo", "fetch", "status")),
]


@pytest.fixture
def environ() -> Iterator[None]:
    """Restore the environment afterwards: settings are exported there for pycti."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    # pycti leaves its connections open.
    gc.collect()


@pytest.fixture
def store() -> Reports:
    """Return a simulator's store with one report."""
    store = Reports()
    store.add(DAY, "scan_ssl", csv(1, 3), 3)
    return store


@pytest.fixture
def account(store: Reports, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the settings for a simulator; copies in files replace the broker."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / GOOD).write_bytes(csv(1, 3))
    (tmp_path / "bundles").mkdir()
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield {
            "SHADOWSERVER_API_KEY": KEY,
            "SHADOWSERVER_API_SECRET": SECRET,
            "SHADOWSERVER_API_URL": simulator.api_url,
            "SHADOWSERVER_DOWNLOAD_URL": simulator.download_url,
            "SHADOWSERVER_INITIAL_LOOKBACK": "2",
            "SHADOWSERVER_STATUS_FILE": "status.json",
            "CONNECTOR_ID": CONNECTOR,
            "CONNECTOR_SEND_TO_QUEUE": "false",
            "CONNECTOR_SEND_TO_DIRECTORY": "true",
            "CONNECTOR_SEND_TO_DIRECTORY_PATH": "bundles",
            "TMPDIR": str(tmp_path),
        }


def arguments_of(name: str, case: str, tmp_path: Path) -> tuple[object, ...]:
    """Make the files of a case and return the arguments of its command."""
    given = COMMANDS[name]
    if case == "usage":
        return (*given, "--nothing")
    if name == "history":
        open_history(tmp_path / "past", "files").close()
    if case == "folder":
        # A file stands where a folder would be made.
        (tmp_path / "file").touch()
        return tuple("file/x" if each in ("out", "page.html", "made", "archive") else each
                     for each in given)  # fmt: skip
    if name == "status":
        failed = int(case == "bad report")
        now = datetime.now(UTC)
        last = RunStatus(now, now, complete=True, failed=failed)
        write_status(tmp_path / "status.json", Status(now, now, last=last, next_run=now))
    return given


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "case", "code"), CASES)
def test_each_command_ends_with_the_code_of_the_table(
    name: str,
    case: str,
    code: int,
    run: Run,
    store: Reports,
    account: dict[str, str],
    tmp_path: Path,
    environ: None,
) -> None:
    """Each command ends with its code, one line if it is an error, and no traceback."""
    if case == "bad report":
        store.add(DAY, "scan_http", b"\x00\x01 no table", 1)
        (tmp_path / "files" / BAD).write_bytes(b"\x00\x01 no table")
        if name == "fetch":
            # Its link is gone by the time it is asked for.
            store.open = lambda id: (_ for _ in ()).throw(KeyError(id))  # type: ignore[method-assign,assignment]
    platform = (
        OpenCTI(version="6.2.0", schema=OLDEST)
        if case == "old platform"
        else OpenCTI(version=pycti_version())
    )
    with platform:
        given = {"OPENCTI_URL": platform.url, "OPENCTI_TOKEN": platform.token} | account
        arguments = arguments_of(name, case, tmp_path)
        result = run(*arguments, **(given | SETTINGS.get(case, {})))
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if code in (2, 3, 4, 5) and name not in ("check", "run"):
        assert any(line.startswith("error: ") for line in result.stderr.splitlines())
    for secret in (KEY, SECRET, platform.token):
        assert secret not in result.output


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (None, 0),
        (False, 5),
        (ApiUnavailableError("down"), 5),
        (CredentialsError("key"), 4),
        (SettingsError("wrong"), 3),
        (ReportUnreadableError("odd"), 1),
        (OSError(28, "No space left on device"), 5),
        (RuntimeError("a defect"), 1),
    ],
)
def test_what_a_single_run_raises_has_its_code(raised: Exception | bool | None, code: int) -> None:
    """An error, and days that could not be listed, give a single run its exit code."""
    log = FakeLog()

    def once() -> bool:
        if isinstance(raised, Exception):
            raise raised
        return raised is None

    assert process._code_of_run(once, Waiter(threading.Event(), log)) == code
    assert len(log.messages("error")) == isinstance(raised, Exception)


def test_the_connector_ends_where_its_token_is_refused(
    run: Run, account: dict[str, str], tmp_path: Path, environ: None
) -> None:
    """A refused token ends the connector, also without ``--once``; an outage is waited out."""
    with OpenCTI(version=pycti_version()) as platform:
        refusal = Fault(PlatformError("AUTH_REQUIRED", "You must be logged in"), times=99)
        platform.inject(refusal)
        given = {"OPENCTI_URL": platform.url, "OPENCTI_TOKEN": platform.token} | account
        assert run("run", **given).exit_code == 4


def test_the_help_shows_the_table(run: Run) -> None:
    """The help has the table of exit codes that the program uses."""
    assert " ".join(run("--help").stdout.split()).count(f"Exit codes: {EXIT_CODES_HELP}.") == 1
