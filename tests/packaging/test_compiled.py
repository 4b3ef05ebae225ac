"""The wheel with compiled modules, as ``make compiled`` builds it."""

from __future__ import annotations

import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from shadowserver_connector import __version__
from tests.packaging.conftest import ROOT, execute, install_with_uv

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SOURCES: Final = ROOT / "src"
PACKAGE: Final = "shadowserver_connector"
REPORT: Final = "2024-01-31-scan_ssl-example.csv"
ROWS: Final = (
    "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo\n"
    "2024-01-31 00:00:00,medium,192.0.2.1,tcp,443,www.example.com,ssl;cve-2024-0001,64496,NL\n"
    "2024-01-31 00:00:01,high,2001:db8::1,tcp,8443,b.example.com,ssl,64497,DE\n"
)


@pytest.fixture(scope="module")
def wheel() -> Path:
    """Return the wheel, which must be built from the current sources."""
    found = list((ROOT / "build" / "dist").glob("*.whl"))
    assert found, "there is no compiled wheel; run `make compiled` first"
    with zipfile.ZipFile(found[0]) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}
    ours = {
        str(path.relative_to(SOURCES)): path.read_bytes()
        for path in (SOURCES / PACKAGE).rglob("*.py")
    }
    assert packed == ours, "the compiled wheel is of other sources; run `make compiled` first"
    return found[0]


def _listed() -> Mapping[str, set[str]]:
    """Return the modules of each line of pyproject.toml's list."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    return {
        line: {
            str(path.relative_to(SOURCES).with_suffix(""))
            for path in ROOT.glob(line)
            if path.name not in hook["exclude"]
        }
        for line in hook["include"]
    }


def test_the_modules_that_are_listed_are_compiled(wheel: Path) -> None:
    """Exactly the listed modules are compiled, and each line of the list names one."""
    listed = _listed()
    assert all(listed.values())
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".so")]
    compiled = {name.partition(".")[0] for name in names if name.startswith(f"{PACKAGE}/")}
    assert compiled == set().union(*listed.values())


def _converted(python: Path, folder: Path) -> Mapping[str, bytes]:
    folder.mkdir()
    (folder / REPORT).write_text(ROWS)
    execute(python, "-m", PACKAGE, "convert", REPORT, "-o", "bundles", cwd=folder)
    found = (folder / "bundles").rglob("*.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_both_builds_write_the_same(wheel: Path, pins: Path, tmp_path: Path) -> None:
    """The installed wheel says that it is compiled, and writes the same bytes."""
    python = install_with_uv(wheel, pins, tmp_path) / "python"
    said = execute(python, "-m", PACKAGE, "--version", cwd=tmp_path).stdout
    assert said == f"shadowserver-connector {__version__} (compiled)\n"
    compiled = _converted(python, tmp_path / "compiled")
    assert compiled
    assert compiled == _converted(Path(sys.executable), tmp_path / "pure")


def test_it_comes_before_the_sources_where_the_path_names_it(wheel: Path, tmp_path: Path) -> None:
    """On PYTHONPATH the wheel is used instead of the installed sources."""
    path = str(ROOT / "build" / "compiled")
    command = (sys.executable, "-m", PACKAGE, "--version")
    said = execute(*command, cwd=tmp_path, PYTHONPATH=path).stdout
    assert said == f"shadowserver-connector {__version__} (compiled)\n"
