"""The content of the wheel, and its use without the sources."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from shadowserver_connector import __version__
from tests.packaging.conftest import ROOT, execute, install_with_uv
from tests.platform.errors import PlatformError
from tests.platform.opencti import Fault, OpenCTI

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PACKAGE: Final = "shadowserver_connector"
REPORT: Final = "2024-01-31-scan_ssl-example.csv"
ROWS: Final = (
    "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo\n"
    "2024-01-31 00:00:00,medium,192.0.2.1,tcp,443,www.example.com,ssl,64496,NL\n"
)


def _sources() -> set[str]:
    folder = ROOT / "src"
    return {
        str(path.relative_to(folder))
        for path in (folder / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """It has all modules, data files, py.typed and the licence, and no tests or settings."""
    info = f"{PACKAGE}-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if not name.startswith(info)} == _sources()
    assert {name for name in names if name.startswith(info)} == {
        f"{info}/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    kinds = {Path(name).suffix for name in names}
    assert kinds >= {".toml", ".tsv", ".js", ".css", ".html", ".typed"}


def test_the_source_distribution_can_be_tested(dist: Path) -> None:
    """It has the tests and what they need, and no generated file."""
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "Makefile", "requirements/dev.txt"} <= names
    assert {str(path.relative_to(ROOT)) for path in Path(__file__).parent.glob("*.py")} <= names
    made = (".venv", "dist", "build", ".git", "demo-output", ".hypothesis")
    assert not [name for name in names if name.split("/")[0] in made or "__pycache__" in name]


def _with_pip(wheel: Path, pins: Path, folder: Path) -> Path:
    execute(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    pip = (folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet")
    execute(*pip, "--constraint", pins, wheel, cwd=folder)
    return folder / "venv" / "bin"


def _with_pipx(wheel: Path, pins: Path, folder: Path) -> Path:
    execute(
        *(sys.executable, "-m", "pipx", "install", "--python", sys.executable, wheel),
        cwd=folder,
        PIPX_HOME=str(folder / "home"),
        PIPX_BIN_DIR=str(folder / "bin"),
        PIPX_MAN_DIR=str(folder / "man"),
        PIPX_COMPLETION_DIR=str(folder / "completion"),
        PIP_CONSTRAINT=str(pins),
        UV_CONSTRAINT=str(pins),
    )
    return folder / "bin"


_INSTALLERS: Final[dict[str, Callable[[Path, Path, Path], Path]]] = {
    "pip": _with_pip,
    "uv": install_with_uv,
    "pipx": _with_pipx,
}


@pytest.fixture(scope="module", params=_INSTALLERS)
def installed(
    request: pytest.FixtureRequest,
    wheel: Path,
    pins: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Install the wheel with each installer; return the folder of its commands."""
    return _INSTALLERS[request.param](wheel, pins, tmp_path_factory.mktemp(request.param))


def _command(installed: Path) -> Path:
    return installed / "shadowserver-connector"


def test_the_installed_command_tells_its_version(installed: Path, tmp_path: Path) -> None:
    """The installed command prints the package's version."""
    done = execute(_command(installed), "--version", cwd=tmp_path)
    assert done.stdout == f"shadowserver-connector {__version__}\n"


def test_the_installed_command_converts(installed: Path, tmp_path: Path) -> None:
    """The installed command converts in an empty folder, with its own data."""
    (tmp_path / REPORT).write_text(ROWS)
    execute(_command(installed), "convert", REPORT, "-o", "bundles", cwd=tmp_path)
    bundles = [path.read_text() for path in (tmp_path / "bundles").rglob("*.json")]
    assert any("192.0.2.1" in bundle for bundle in bundles)


@pytest.fixture(scope="module")
def python(wheel: Path, pins: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the wheel."""
    return install_with_uv(wheel, pins, tmp_path_factory.mktemp("python")) / "python"


@pytest.mark.parametrize(
    "arguments",
    [("run", "--once"), ("import", REPORT), ("backfill", "--from", "2024-01-31")],
    ids=lambda arguments: arguments[0],
)
def test_the_installed_command_speaks_with_opencti(
    python: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """The installed command registers through pycti, with nothing else installed."""
    (tmp_path / REPORT).write_text(ROWS)
    with OpenCTI() as platform:
        refusal = PlatformError("FORBIDDEN_ACCESS", "You are not allowed to do this.")
        platform.inject(Fault(refusal, "RegisterConnector", times=99))
        done = execute(
            *(python.parent / "shadowserver-connector", *arguments),
            cwd=tmp_path,
            check=False,
            OPENCTI_URL=platform.url,
            OPENCTI_TOKEN=platform.token,
            CONNECTOR_ID="0f0e0d0c-0000-4000-8000-00000000feed",
            SHADOWSERVER_API_KEY="key",
            SHADOWSERVER_API_SECRET="secret",
        )
    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert "OpenCTI refuses OPENCTI_TOKEN" in said
    assert "Traceback" not in said


def test_no_hint_names_what_no_index_has() -> None:
    """No message says to install the package by name, as it is on no index."""
    texts = [*(ROOT / "src").rglob("*.py"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = re.compile(r"""pip3? install [^\n]*(?:["' ]shadowserver|\.\[)""")
    assert [path.name for path in texts if named.search(path.read_text())] == []


def test_the_module_is_the_command(python: Path, tmp_path: Path) -> None:
    """``python -m shadowserver_connector`` is the command, for a PATH without it."""
    done = execute(python, "-m", PACKAGE, "--version", cwd=tmp_path)
    assert done.stdout == f"shadowserver-connector {__version__}\n"
    usage = execute(python, "-m", PACKAGE, "--help", cwd=tmp_path).stdout
    assert "__main__" not in usage


def _mypy(python: Path, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "consumer.py").write_text(text)
    # Its cache takes a file of the same second and size for the same file.
    command = (sys.executable, "-m", "mypy", "--strict", "--no-incremental")
    command += ("--python-executable", str(python))
    return execute(*command, "consumer.py", cwd=folder, check=False)


def test_its_types_are_seen_by_others(python: Path, tmp_path: Path) -> None:
    """With ``py.typed``, mypy accepts right use of the package and rejects wrong use."""
    line = f"from {PACKAGE}.report.info import safe_name\n"
    right = _mypy(python, tmp_path, f'{line}name: str = safe_name("x.csv")\n')
    assert right.returncode == 0, right.stdout
    wrong = _mypy(python, tmp_path, f'{line}name: int = safe_name("x.csv")\n')
    assert 'expression has type "str"' in wrong.stdout
