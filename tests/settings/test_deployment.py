"""What Docker and a manual start use."""

from __future__ import annotations

import json
import re
import runpy
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.names import known_settings
from tests.settings.conftest import Load

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[[Callable[[], int]], None]


def compose() -> dict[str, object]:
    """Return the one service of docker-compose.yml."""
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert content.keys() == {"services", "volumes"}
    (service,) = content["services"].values()
    assert isinstance(service, dict)
    return service


def test_compose_environment_loads(load: Load) -> None:
    """Every variable of docker-compose.yml is a setting with an allowed value."""
    lines = compose()["environment"]
    assert isinstance(lines, list)
    environ = dict(line.split("=", 1) for line in lines)
    assert environ.keys() <= known_settings().keys()
    assert {name for name, setting in known_settings().items() if setting.needed} <= environ.keys()
    loaded = load(environ=environ)
    assert loaded.warnings == ()
    assert loaded.settings.opencti.url == "http://localhost"


def test_compose_image() -> None:
    """The image is the one that OpenCTI's users know, and the root file system is read-only."""
    assert compose()["image"] == "opencti/connector-shadowserver:latest"
    assert compose()["read_only"] is True


def test_dockerfile() -> None:
    """The last stage runs as a user without rights, in exec form, from locked requirements."""
    text = (ROOT / "Dockerfile").read_text()
    build, image = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    assert "--require-hashes" in build
    assert "pip install" not in image
    assert "gcc" in build
    assert "gcc" not in image
    assert re.search(r"^USER connector$", image, re.MULTILINE)
    assert json.loads(re.findall(r"^ENTRYPOINT (.*)$", image, re.MULTILINE)[0]) == [
        "python",
        "main.py",
    ]
    assert "HEALTHCHECK" in image
    sent = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert set(sources.split()) <= set(sent)
    for source in sent:
        assert (ROOT / source).exists()


def test_base_image_is_pinned() -> None:
    """Both stages are built on the image of one digest, which a build argument can name anew."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE_IMAGE}", "${BASE_IMAGE}"]
    [base] = re.findall(r"^ARG BASE_IMAGE=(.*)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.12-slim@sha256:[0-9a-f]{64}", base)
    assert text.index("ARG BASE_IMAGE") < text.index("FROM ")


def test_manifest() -> None:
    """The manifest is that of an external import connector, and its logo is a square PNG."""
    manifest = json.loads((ROOT / "__metadata__" / "connector_manifest.json").read_text())
    assert manifest["slug"] == "shadowserver"
    assert manifest["container_type"] == "EXTERNAL_IMPORT"
    assert len(manifest["short_description"]) <= 250
    logo = (ROOT / "__metadata__" / Path(manifest["logo"]).name).read_bytes()
    assert logo.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", logo[16:24])
    assert width == height


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Run src/main.py as a script, with another connector behind it."""

    def start(run: Callable[[], int]) -> None:
        module = ModuleType("shadowserver_connector.service.process")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        runpy.run_path(str(ROOT / "src" / "main.py"), run_name="__main__")

    return start


@pytest.mark.parametrize("code", [0, 1])
def test_main_runs_the_connector(code: int, start: Start) -> None:
    """main.py runs the connector once, and ends with the exit code that it returns."""
    runs: list[int] = []

    def run() -> int:
        runs.append(code)
        return code

    with pytest.raises(SystemExit) as caught:
        start(run)
    assert caught.value.code == code
    assert runs == [code]


def test_main_fails_with_a_traceback(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is a traceback and the exit code 1."""

    def run() -> int:
        raise RuntimeError("broken")

    with pytest.raises(SystemExit) as caught:
        start(run)
    assert caught.value.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_main_names_wrong_settings(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong settings are their lines alone, with the exit code of the table."""

    def run() -> int:
        raise SettingsError("SHADOWSERVER_NOTES (.env): wrong")

    with pytest.raises(SystemExit) as caught:
        start(run)
    assert caught.value.code == 3
    assert capsys.readouterr().err == "SHADOWSERVER_NOTES (.env): wrong\n"
