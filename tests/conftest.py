"""What all tests share.

Assertions of the modules that tests share say what they compared, as those of tests do. Examples
that are made up are the same in every run and may take their time: no test fails by luck, or for
a busy machine.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# Where the package is not installed, its sources are tested.
if find_spec("shadowserver_connector") is None:
    sys.path.append(str(ROOT / "src"))

pytest.register_assert_rewrite("tests.bundle.checks", "tests.mapping.gfm", "tests.shared.checks")

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Skip tests that need more than Python packages if pytest starts outside the project.

    The runner of OpenCTI's connectors repository does so. It installs `test-requirements.txt`, but
    neither RabbitMQ nor a browser.
    """
    started = config.invocation_params.dir.resolve()
    if not config.option.markexpr and not started.is_relative_to(ROOT):
        config.option.markexpr = "not integration and not shared"


_TESTS = count()


@pytest.fixture(scope="session")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the marks of works."""
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(autouse=True)
def own_marks(marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own marks and histories, as tests use the same ids at the same time."""
    folder = marks / str(next(_TESTS))

    def place() -> Path:
        folder.mkdir(exist_ok=True)
        return folder

    monkeypatch.setattr("shadowserver_connector.sink.works.temporary_directory", place)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


@pytest.fixture(autouse=True)
def no_ping_left() -> Iterator[None]:
    """End the threads that pycti's helpers leave, which would log into later tests."""
    yield
    left = [thread for thread in threading.enumerate() if type(thread).__name__ == "PingAlive"]
    for thread in left:
        thread.stop()  # type: ignore[attr-defined]  # only pycti's thread has this name
    for thread in left:
        thread.join(30)
