"""Files for Docker and for a manual start."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.sources import known_settings
from tests.settings.conftest import Load

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[[Callable[[], int]], None]


COMPOSE = {"docker-compose.yml": ".env.sample", "deploy/docker-compose.yml": "deploy/.env.sample"}
"""Each compose file, and the sample of the values that it takes."""
PLACE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")


def services(file: str) -> dict[str, Any]:
    """Return the services of a compose file."""
    content = yaml.safe_load((ROOT / file).read_text())
    assert isinstance(content["services"], dict)
    return content["services"]


def samples(file: str) -> dict[str, str]:
    """Return the values in the sample file of a compose file, commented or not."""
    text = (ROOT / COMPOSE[file]).read_text()
    return dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def filled(file: str) -> dict[str, str]:
    """Return the connector's environment in a compose file, with the values of its sample."""
    values = samples(file)

    def value(place: re.Match[str]) -> str:
        return values.get(place[1]) or (place[3] if place[2] == ":-" else "")

    lines = services(file)["connector-shadowserver"]["environment"]
    return {name: PLACE.sub(value, text) for name, text in (line.split("=", 1) for line in lines)}


@pytest.mark.parametrize("file", COMPOSE)
def test_compose_environment_loads(load: Load, file: str) -> None:
    """Every variable is a setting with a valid value, and no required one is missing."""
    environ = filled(file)
    known = known_settings()
    assert environ.keys() <= known.keys()
    assert {name for name, setting in known.items() if setting.needed} <= environ.keys()
    loaded = load(environ=environ)
    assert loaded.warnings == ()
    # Not localhost, which is the container itself.
    assert loaded.settings.opencti.url == "http://opencti:8080"
    assert all(environ[name] == "ChangeMe" for name in environ if known[name].secret)


@pytest.mark.parametrize("file", COMPOSE)
def test_compose_takes_its_values_from_the_sample(file: str) -> None:
    """The compose file holds no secret; each is a variable that the sample file has."""
    text = (ROOT / file).read_text()
    asked = {name for name, how, _ in PLACE.findall(text) if how == ":?"}
    assert asked <= samples(file).keys()
    wanted = r"(?:TOKEN|SECRET|PASSWORD|(?<!ACCESS)_KEY|PASS)=(.*)$"
    assert [
        given for given in re.findall(wanted, text, re.MULTILINE) if not PLACE.match(given)
    ] == []
    assert "ChangeMe" not in text.partition("services:")[2]


@pytest.mark.parametrize("file", COMPOSE)
def test_compose_runs_what_it_builds(file: str) -> None:
    """The compose file builds its image, as the usual name may be another
    program's on registries.
    """
    service = services(file)["connector-shadowserver"]
    assert service["image"] == "opencti/connector-shadowserver:latest"
    assert service["pull_policy"] == "build"
    built = (ROOT / file).parent / service["build"]["context"]
    assert built.resolve() == ROOT
    assert service["build"]["args"].keys() == {"PYCTI_VERSION"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("file", COMPOSE)
def test_compose_names_what_is_there(file: str) -> None:
    """Mounted folders and files exist; volumes and services are declared."""
    content = yaml.safe_load((ROOT / file).read_text())
    known = content["services"].keys()
    for service in content["services"].values():
        assert set(service.get("depends_on", ())) <= known
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert ((ROOT / file).parent / source).exists()
            else:
                assert source in content["volumes"]


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs docker-compose")
@pytest.mark.parametrize("file", COMPOSE)
def test_compose_files_are_valid(file: str, tmp_path: Path) -> None:
    """docker-compose accepts the files with the values of their samples."""
    for name in (file, COMPOSE[file]):
        shutil.copy(ROOT / name, tmp_path / Path(name).name)
    (tmp_path / ".env.sample").rename(tmp_path / ".env")
    done = subprocess.run(
        ["docker-compose", "config"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert services(file).keys() == yaml.safe_load(done.stdout)["services"].keys()


def test_requirements_are_those_of_the_package() -> None:
    """requirements.txt has the package's dependencies, and pycti in the locked version."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    given = {line for line in lines if not line.startswith("#")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pycti] = [line for line in given if line.startswith("pycti")]
    assert given - {pycti} == {line for line in project["dependencies"] if line[:5] != "pycti"}
    assert f"\n{pycti} \\\n" in (ROOT / "requirements" / "runtime.txt").read_text()


def test_dockerfile() -> None:
    """The last stage has an unprivileged user, exec form, and locked requirements."""
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
    """Both stages use one base image by digest, which a build argument can replace."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE_IMAGE}", "${BASE_IMAGE}"]
    [base] = re.findall(r"^ARG BASE_IMAGE=(.*)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.12-slim@sha256:[0-9a-f]{64}", base)
    assert text.index("ARG BASE_IMAGE") < text.index("FROM ")


def test_manifest() -> None:
    """The manifest declares an external import connector, and its logo is a square PNG."""
    manifest = json.loads((ROOT / "__metadata__" / "connector_manifest.json").read_text())
    assert manifest["slug"] == "shadowserver"
    assert manifest["container_type"] == "EXTERNAL_IMPORT"
    # Of the schema in OpenCTI's connectors repository.
    assert 1 <= len(manifest["use_cases"]) <= 3
    assert set(manifest["use_cases"]) <= {
        "Adversary & Campaign Insights",
        "Vulnerability & Exploit Awareness",
        "Infrastructure & Attack Surface Visibility",
        "Detection & Response Enablement",
    }
    assert len(manifest["short_description"]) <= 250
    logo = (ROOT / "__metadata__" / Path(manifest["logo"]).name).read_bytes()
    assert logo.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", logo[16:24])
    assert width == height


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Run src/main.py as a script, with a fake connector behind it."""

    def start(run: Callable[[], int]) -> None:
        module = ModuleType("shadowserver_connector.service.process")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        runpy.run_path(str(ROOT / "src" / "main.py"), run_name="__main__")

    return start


@pytest.mark.parametrize("code", [0, 1])
def test_main_runs_the_connector(code: int, start: Start) -> None:
    """main.py runs the connector once and exits with the code it returns."""
    runs: list[int] = []

    def run() -> int:
        runs.append(code)
        return code

    with pytest.raises(SystemExit) as caught:
        start(run)
    assert caught.value.code == code
    assert runs == [code]


def test_main_fails_with_a_traceback(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error gives a traceback and exit code 1."""

    def run() -> int:
        raise RuntimeError("broken")

    with pytest.raises(SystemExit) as caught:
        start(run)
    assert caught.value.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_main_names_wrong_settings(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong settings give one line each, and their exit code."""

    def run() -> int:
        raise SettingsError("SHADOWSERVER_NOTES (.env): wrong")

    with pytest.raises(SystemExit) as caught:
        start(run)
    assert caught.value.code == 3
    assert capsys.readouterr().err == "SHADOWSERVER_NOTES (.env): wrong\n"
