"""Which source of a setting wins, and that the overridden ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings import load_settings
from shadowserver_connector.settings.sources import known_settings
from tests.settings.conftest import Load

NAME = "SHADOWSERVER_LOOKBACK"
YAML = "shadowserver:\n  lookback: 5\n"
DOTENV = f"{NAME}=6\n"
ENVIRON = {NAME: "7"}


@pytest.mark.parametrize(
    ("given", "value", "source"),
    [
        pytest.param({}, 3, "default", id="default"),
        pytest.param({"environ": ENVIRON}, 7, "environment", id="environment over default"),
        pytest.param({"dotenv": DOTENV}, 6, ".env", id=".env over default"),
        pytest.param({"yaml": YAML}, 5, "config.yml", id="YAML over default"),
        pytest.param({"dotenv": DOTENV, "environ": ENVIRON}, 6, ".env", id=".env over environment"),
        pytest.param(
            {"yaml": YAML, "environ": ENVIRON}, 5, "config.yml", id="YAML over environment"
        ),
        pytest.param({"yaml": YAML, "dotenv": DOTENV}, 5, "config.yml", id="YAML over .env"),
        pytest.param(
            {"yaml": YAML, "dotenv": DOTENV, "environ": ENVIRON}, 5, "config.yml", id="all three"
        ),
    ],
)
def test_priority(load: Load, given: dict[str, object], value: int, source: str) -> None:
    """config.yml overrides .env, .env the environment, and the environment the default."""
    loaded = load(**given)
    assert loaded.settings.shadowserver.lookback == value
    assert loaded.sources[NAME] == source


def test_priority_is_by_setting(load: Load) -> None:
    """A file overrides only the settings that it has."""
    loaded = load(yaml=YAML, environ={"SHADOWSERVER_NOTES": "host", "CONNECTOR_NAME": "Mine"})
    assert loaded.settings.shadowserver.lookback == 5
    assert loaded.settings.shadowserver.notes == "host"
    assert loaded.settings.connector.name == "Mine"


def test_every_setting_has_a_source(load: Load) -> None:
    """With nothing configured every setting has the source `default`."""
    loaded = load()
    assert loaded.sources == dict.fromkeys(known_settings(), "default")
    assert loaded.warnings == ()


@pytest.mark.parametrize("nothing", ["", "  ", "ChangeMe"])
def test_an_empty_value_is_no_value(load: Load, nothing: str) -> None:
    """An empty value, or a sample's placeholder, is ignored, and the next source counts."""
    loaded = load(
        yaml=f"connector:\n  name: '{nothing}'\n",
        dotenv=f"CONNECTOR_NAME='{nothing}'\n",
        environ={"CONNECTOR_NAME": "Mine"},
    )
    assert loaded.settings.connector.name == "Mine"
    assert loaded.sources["CONNECTOR_NAME"] == "environment"


@pytest.mark.parametrize(
    "yaml", ["", "# nothing\n", "shadowserver:\n", "shadowserver:\n  notes:\n"]
)
def test_empty_yaml(load: Load, yaml: str) -> None:
    """An empty file, section or key in config.yml sets nothing."""
    assert load(yaml=yaml).sources["SHADOWSERVER_NOTES"] == "default"


@pytest.mark.parametrize(
    "given",
    [
        {"yaml": "connector:\n  name: File\n"},
        {"dotenv": "CONNECTOR_NAME=File\n"},
    ],
)
def test_hidden_environment_variable(load: Load, given: dict[str, str]) -> None:
    """One warning names all environment variables that a file overrides with another value."""
    loaded = load(**given, environ={"CONNECTOR_NAME": "Env", "CONNECTOR_SCOPE": "stix2"})
    source = "config.yml" if "yaml" in given else ".env"
    (warning,) = [line for line in loaded.warnings if "have no effect" in line]
    assert warning.endswith(f": CONNECTOR_NAME ({source})")


def test_same_value_hides_nothing(load: Load) -> None:
    """A file that repeats the environment's value causes no warning."""
    loaded = load(yaml="connector:\n  name: Same\n", environ={"CONNECTOR_NAME": "Same"})
    assert loaded.warnings == ()


def test_named_files(tmp_path: Path) -> None:
    """Files with other names can be given, and appear as sources by name."""
    config, env = tmp_path / "my.yml", tmp_path / "my.env"
    config.write_text(YAML)
    env.write_text("CONNECTOR_NAME=Mine\n")
    loaded = load_settings(config_file=config, env_file=env, environ={})
    assert loaded.sources[NAME] == "my.yml"
    assert loaded.sources["CONNECTOR_NAME"] == "my.env"


@pytest.mark.parametrize("kind", ["config_file", "env_file"])
def test_named_file_must_exist(tmp_path: Path, kind: str) -> None:
    """A file that was given and does not exist is an error that names it."""
    with pytest.raises(SettingsError, match=r"nowhere: it cannot be read: No such file"):
        load_settings(**{kind: tmp_path / "nowhere"}, environ={})


def test_files_beside_src(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When started as `python3 main.py` in src/, the files in its parent folder are found."""
    src = tmp_path / "src"
    src.mkdir()
    (tmp_path / "config.yml").write_text(YAML)
    monkeypatch.chdir(src)
    assert load_settings(environ={}).sources[NAME] == "default"
    (src / "main.py").touch()
    assert load_settings(environ={}).sources[NAME] == "config.yml"


def test_process_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default, the environment of the process is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(NAME, "9")
    assert load_settings().settings.shadowserver.lookback == 9
