"""The forms in which values may be written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shadowserver_connector.bundle.chunk_builder import MAX_CHUNK_BYTES
from shadowserver_connector.settings import Settings
from shadowserver_connector.settings.sources import known_settings
from shadowserver_connector.settings.value_messages import in_clear
from shadowserver_connector.state.state import LONGEST_LOOKBACK
from tests.settings.conftest import Load

UPPER_CASE_UUID = "0A1B2C3D-0000-1000-8000-00805F9B34FB"


def value_of(settings: Settings, name: str) -> Any:
    """Return a setting by the name of its environment variable."""
    setting = known_settings()[name]
    return getattr(getattr(settings, setting.section), setting.key)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("SHADOWSERVER_MARKING", "TLP:CLEAR", "TLP:CLEAR"),
        ("SHADOWSERVER_MARKING", "TLP:WHITE", "TLP:CLEAR"),
        ("SHADOWSERVER_MARKING", "white", "TLP:CLEAR"),
        ("SHADOWSERVER_MARKING", "green", "TLP:GREEN"),
        ("SHADOWSERVER_MARKING", "tlp:amber", "TLP:AMBER"),
        ("SHADOWSERVER_MARKING", "Amber+Strict", "TLP:AMBER+STRICT"),
        ("SHADOWSERVER_INCIDENT_PRIORITY", "p1", "P1"),
        ("SHADOWSERVER_INCIDENT_PRIORITY", "AUTO", "auto"),
        ("SHADOWSERVER_INCIDENT_SEVERITY", "High", "high"),
        ("SHADOWSERVER_CASE_MIN_SEVERITY", "Info", "info"),
        ("SHADOWSERVER_MIN_SEVERITY", "Info", "info"),
        ("SHADOWSERVER_NOTES", "HOST", "host"),
        ("SHADOWSERVER_CREATE_INCIDENT", "True", True),
        ("SHADOWSERVER_CREATE_INCIDENT", "no", False),
        ("SHADOWSERVER_RELATIONSHIPS", "All", "all"),
        ("SHADOWSERVER_RELATIONSHIPS", "none", "none"),
        ("SHADOWSERVER_RELATIONSHIPS", "resolves-to", ("resolves-to",)),
        ("SHADOWSERVER_RELATIONSHIPS", "Needed,belongs-to", ("needed", "belongs-to")),
        ("SHADOWSERVER_RELATIONSHIPS", "resolves-to, Located-At", ("resolves-to", "located-at")),
        ("SHADOWSERVER_REPORT_TYPES", "scan_http, Scan_SSH,,scan_http", ("scan_http", "scan_ssh")),
        ("SHADOWSERVER_REPORT_NAMES", "My List,other", ("My List", "other")),
        ("SHADOWSERVER_API_URL", "https://api.example.org/api2/", "https://api.example.org/api2"),
        ("SHADOWSERVER_API_URL", "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("SHADOWSERVER_API_URL", "http://localhost:8000", "http://localhost:8000"),
        ("SHADOWSERVER_DOWNLOAD_URL", "http://[::1]:8000", "http://[::1]:8000"),
        ("OPENCTI_URL", "http://opencti:8080", "http://opencti:8080"),
        ("SHADOWSERVER_ARTIFACT_MAX_SIZE", "10MiB", 10 * 1024 * 1024),
        ("SHADOWSERVER_ARTIFACT_MAX_SIZE", "4096", 4096),
        ("SHADOWSERVER_WORKERS", "2", 2),
        ("SHADOWSERVER_DASK_SCHEDULER", "tls://scheduler:8786", "tls://scheduler:8786"),
        ("SHADOWSERVER_ARCHIVE_DIR", "archive", Path("archive")),
        ("CONNECTOR_DURATION_PERIOD", "P1D", timedelta(days=1)),
        ("CONNECTOR_DURATION_PERIOD", "P1W", timedelta(weeks=1)),
        ("CONNECTOR_DURATION_PERIOD", "pt1h30m", timedelta(minutes=90)),
        ("CONNECTOR_DURATION_PERIOD", "P1DT2H", timedelta(hours=26)),
        ("CONNECTOR_RUN_EVERY", "90m", timedelta(minutes=90)),
        ("CONNECTOR_LOG_LEVEL", "ERROR", "error"),
        ("CONNECTOR_SCOPE", "stix2,report", ("stix2", "report")),
        ("CONNECTOR_QUEUE_THRESHOLD", "0.5", 0.5),
        ("CONNECTOR_RUN_AND_TERMINATE", "1", True),
        ("CONNECTOR_ID", UPPER_CASE_UUID, UPPER_CASE_UUID),
        ("CONNECTOR_DURATION_PERIOD", "P365D", timedelta(days=365)),
        ("CONNECTOR_METRICS_HOST", "127.0.0.1", "127.0.0.1"),
        ("CONNECTOR_METRICS_HOST", "::", "::"),
        ("SHADOWSERVER_CHUNK_BYTES", "64KiB", 65536),
        ("SHADOWSERVER_CHUNK_BYTES", "11MiB", MAX_CHUNK_BYTES),
    ],
)
def test_values(load: Load, name: str, text: str, value: object) -> None:
    """Each form of a value is read alike from the environment and YAML."""
    setting = known_settings()[name]
    assert value_of(load(environ={name: text}).settings, name) == value
    yaml = f"{setting.section}:\n  {setting.key}: '{text}'\n"
    assert value_of(load(yaml=yaml).settings, name) == value


def test_lists_in_yaml(load: Load) -> None:
    """A list may be a YAML list, in block or flow style."""
    loaded = load(
        yaml="shadowserver:\n"
        "  report_types: [scan_http, scan_ssh]\n"
        "  exclude_types:\n    - device_id\n    - device_id6\n"
        "  relationships: [all]\n"
    )
    settings = loaded.settings.shadowserver
    assert settings.report_types == ("scan_http", "scan_ssh")
    assert settings.exclude_types == ("device_id", "device_id6")
    assert settings.relationships == "all"


def test_yaml_scalars_are_taken_as_written(load: Load) -> None:
    """YAML's types do not change a text into an octal number or a boolean."""
    loaded = load(yaml="shadowserver:\n  api_key: 0123\n  api_secret: 1e3\n  labels: yes\n")
    settings = loaded.settings.shadowserver
    assert settings.api_key is not None
    assert settings.api_secret is not None
    assert settings.api_key.get_secret_value() == "0123"
    assert settings.api_secret.get_secret_value() == "1e3"
    assert settings.labels == ("yes",)


@pytest.mark.parametrize("listed", ["['', a]", "[a, '']", "'a,'", "',a'"])
def test_empty_items_of_a_list_say_nothing(load: Load, listed: str) -> None:
    """An empty item is left out, wherever it is."""
    assert load(yaml=f"shadowserver:\n  labels: {listed}\n").settings.shadowserver.labels == ("a",)


def test_dotenv_is_literal(load: Load) -> None:
    """A dollar sign in .env is not expanded; quotes and comments are understood."""
    loaded = load(
        dotenv="# comment\nexport SHADOWSERVER_API_KEY='a$HOME-b$c'\nCONNECTOR_NAME=Mine # name\n"
    )
    assert loaded.settings.shadowserver.api_key is not None
    assert loaded.settings.shadowserver.api_key.get_secret_value() == "a$HOME-b$c"
    assert loaded.settings.connector.name == "Mine"


def test_files_with_a_byte_order_mark(load: Load) -> None:
    """Files that begin with a byte order mark are read."""
    loaded = load(yaml="\ufeffconnector:\n  name: Mine\n", dotenv="\ufeffCONNECTOR_SCOPE=a\n")
    assert loaded.settings.connector.name == "Mine"
    assert loaded.settings.connector.scope == ("a",)


@pytest.mark.parametrize(
    ("old", "period", "text"),
    [
        ("1d", timedelta(days=1), "P1D"),
        ("12h", timedelta(hours=12), "PT12H"),
        ("30M", timedelta(minutes=30), "PT30M"),
    ],
)
def test_run_every(load: Load, old: str, period: timedelta, text: str) -> None:
    """The deprecated CONNECTOR_RUN_EVERY sets the period; a warning shows the new setting."""
    loaded = load(environ={"CONNECTOR_RUN_EVERY": old})
    assert loaded.settings.connector.duration_period == period
    assert loaded.sources["CONNECTOR_DURATION_PERIOD"] == "environment (CONNECTOR_RUN_EVERY)"
    assert f"CONNECTOR_DURATION_PERIOD={text}" in loaded.warnings[0]


def test_duration_period_beats_run_every(load: Load) -> None:
    """With both set, the new setting counts, even from a source of lower priority."""
    loaded = load(
        yaml="connector:\n  run_every: 1h\n", environ={"CONNECTOR_DURATION_PERIOD": "P2D"}
    )
    assert loaded.settings.connector.duration_period == timedelta(days=2)
    assert loaded.sources["CONNECTOR_DURATION_PERIOD"] == "environment"
    assert "CONNECTOR_RUN_EVERY (config.yml) has no effect" in loaded.warnings[0]


def test_settings_are_immutable() -> None:
    """A loaded setting cannot be changed."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.shadowserver.notes = "none"  # type: ignore[misc]


def test_text_of_a_setting_reads_back(load: Load) -> None:
    """The text that `in_clear` gives for a setting is read as the same value."""
    before = load(environ={"SHADOWSERVER_ARTIFACT_MAX_SIZE": "1500KiB"}).settings
    environ = {
        name: in_clear(value_of(before, name))
        for name, setting in known_settings().items()
        if not setting.deprecated
    }
    assert load(environ=environ).settings == before


def test_the_id_is_that_of_the_connector_that_this_one_follows(load: Load) -> None:
    """The default id is the predecessor's, so its state and works in OpenCTI are kept."""
    assert load().settings.connector.id == "c7a581e5-d83e-440c-b88e-80528809e798"


@pytest.mark.parametrize(
    ("name", "days", "taken", "said"),
    [
        (
            "SHADOWSERVER_INITIAL_LOOKBACK",
            "0",
            0,
            "is 0: the first run imports no day before today",
        ),
        ("SHADOWSERVER_LOOKBACK", "0", 0, "is 0: what is published late"),
        ("SHADOWSERVER_INITIAL_LOOKBACK", "400", 365, "is 400: only 365 days are queried"),
        (
            "SHADOWSERVER_LOOKBACK",
            "99999999999",
            365,
            "is 99,999,999,999: only 365 days are queried",
        ),
    ],
)
def test_unusual_lookbacks_are_taken_with_a_line(
    load: Load, name: str, days: str, taken: int, said: str
) -> None:
    """Unusual lookbacks are accepted as the predecessor did, with a warning of their effect."""
    loaded = load(environ={name: days})
    assert (
        getattr(loaded.settings.shadowserver, name.removeprefix("SHADOWSERVER_").lower()) == taken
    )
    [warning] = loaded.warnings
    assert warning.startswith(f"{name} (environment) {said}")


def test_usual_lookbacks_need_no_line(load: Load) -> None:
    """Lookbacks up to the longest, 365 days, cause no warning."""
    environ = {"SHADOWSERVER_INITIAL_LOOKBACK": "365", "SHADOWSERVER_LOOKBACK": "1"}
    assert load(environ=environ).warnings == ()
    assert LONGEST_LOOKBACK == 365


def test_a_history_too_short_for_what_comes_back_is_mentioned(load: Load) -> None:
    """A finding that is forgotten before it can resurface would count as new without a word."""
    short = {"SHADOWSERVER_HISTORY_DAYS": "10"}
    (warning,) = load(environ=short).warnings
    assert warning.startswith("SHADOWSERVER_HISTORY_DAYS (environment) is 10, no more than ")
    assert load(environ={**short, "SHADOWSERVER_RESURFACED_AFTER": "9"}).warnings == ()
