"""The settings that pycti receives."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pycti
import pytest
from pycti.connector.opencti_connector_helper import get_config_variable

from shadowserver_connector.settings import export_for_pycti
from shadowserver_connector.settings.sources import (
    NAMES_OUTSIDE_MODELS,
    known_settings,
    names_in_yaml,
)
from tests.settings.conftest import Load

pytestmark = pytest.mark.integration


def variables_read_by_pycti() -> set[tuple[str, tuple[str, str] | None]]:
    """Return names and YAML keys from the calls in pycti's sources."""
    found: set[tuple[str, tuple[str, str] | None]] = set()
    for path in Path(pycti.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            function = getattr(node.func, "id", getattr(node.func, "attr", ""))
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            args = [*node.args, *(named[key] for key in ("env_var", "yaml_path") if key in named)]
            if function == "get_config_variable":
                section, key = ast.literal_eval(args[1])
                found.add((ast.literal_eval(args[0]), (section, key)))
            elif function in ("getenv", "_env_bool", "_env_float") and isinstance(
                args[0], ast.Constant
            ):
                found.add((ast.literal_eval(args[0]), None))
    return found


def test_every_variable_of_pycti_is_known() -> None:
    """Each variable that the installed pycti reads is a setting or is passed on to it."""
    read = variables_read_by_pycti()
    assert len(read) > 30
    assert {name for name, _ in read} <= known_settings().keys() | NAMES_OUTSIDE_MODELS.keys()


def test_places_in_yaml_are_those_of_pycti() -> None:
    """Each key of config.yml sets the variable that pycti reads for that key."""
    for name, place in variables_read_by_pycti():
        # The old name of CONNECTOR_QUEUE_PROTOCOL shares its place.
        if place is not None and name != "QUEUE_PROTOCOL":
            assert names_in_yaml()[place] == name


def test_export_writes_the_winning_values(load: Load) -> None:
    """The winning values are exported to the environment, where pycti looks first."""
    environ = {"OPENCTI_URL": "http://loses:8080", "CONNECTOR_RUN_EVERY": "12h", "OTHER": "stays"}
    loaded = load(
        yaml="opencti:\n  url: http://wins:8080\nconnector:\n  scope: [stix2, report]\n",
        dotenv="CONNECTOR_LOG_LEVEL=debug\n",
        environ=environ,
    )
    export_for_pycti(loaded, environ)
    assert environ["OPENCTI_URL"] == "http://wins:8080"
    assert environ["CONNECTOR_SCOPE"] == "stix2,report"
    assert environ["CONNECTOR_LOG_LEVEL"] == "debug"
    assert environ["CONNECTOR_DURATION_PERIOD"] == "PT12H"
    assert environ["CONNECTOR_NAME"] == "Shadowserver"
    assert environ["OPENCTI_SSL_VERIFY"] == "true"
    assert environ["OTHER"] == "stays"


def test_export_leaves_out_what_is_ours_or_unset(load: Load) -> None:
    """Shadowserver's secrets and settings without a value are not exported."""
    exported: dict[str, str] = {}
    export_for_pycti(load(environ={"SHADOWSERVER_API_KEY": "key"}), exported)
    assert not [name for name in exported if name.startswith("SHADOWSERVER_")]
    assert "" not in exported.values()
    # pycti falls back on the older QUEUE_PROTOCOL only where this is not set.
    assert "CONNECTOR_QUEUE_PROTOCOL" not in exported


@pytest.mark.parametrize(
    ("yaml", "dotenv", "name", "value"),
    [
        ("mq:\n  host: 192.0.2.7\n", None, "MQ_HOST", "192.0.2.7"),
        ("s3:\n  port: 9000\n", None, "S3_PORT", "9000"),
        ("connector:\n  auto: true\n", None, "CONNECTOR_AUTO", "true"),
        (None, "HTTPS_PROXY=http://proxy.example.org\n", "HTTPS_PROXY", "http://proxy.example.org"),
        (None, "QUEUE_PROTOCOL=api\n", "QUEUE_PROTOCOL", "api"),
    ],
)
def test_other_settings_are_handed_on(
    load: Load, yaml: str | None, dotenv: str | None, name: str, value: str
) -> None:
    """Settings that only pycti reads are passed on unchanged, with their source."""
    loaded = load(yaml=yaml, dotenv=dotenv)
    exported: dict[str, str] = {}
    export_for_pycti(loaded, exported)
    assert exported[name] == value
    assert loaded.sources[name] == ("config.yml" if yaml else ".env")


def test_pycti_reads_the_export(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """pycti's own reader returns the exported values, whatever its own config says."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    export_for_pycti(
        load(environ={"CONNECTOR_RUN_AND_TERMINATE": "1", "CONNECTOR_QUEUE_THRESHOLD": "0.5"}),
        os.environ,
    )
    config = {"connector": {"run_and_terminate": False, "name": "other"}}
    read = {
        key: get_config_variable(f"CONNECTOR_{key.upper()}", ["connector", key], config)
        for key in ("run_and_terminate", "name", "queue_threshold", "send_to_s3", "duration_period")
    }
    assert read == {
        "run_and_terminate": True,
        "name": "Shadowserver",
        "queue_threshold": "0.5",
        "send_to_s3": False,
        "duration_period": "P1D",
    }
