"""The rows that `check` shows of the settings."""

from __future__ import annotations

import pytest

from shadowserver_connector.cli.shadowserver_commands import SettingRow, setting_rows
from shadowserver_connector.settings.sources import known_settings, secret_names
from shadowserver_connector.settings.value_messages import MASK
from tests.settings.conftest import Load


def rows_by_name(rows: tuple[SettingRow, ...]) -> dict[str, SettingRow]:
    """Return the rows by setting; each setting has one."""
    named = {row.name: row for row in rows}
    assert len(named) == len(rows)
    return named


def test_every_setting_has_a_row(load: Load) -> None:
    """All settings have a row, in their order, with the source `default` if not set."""
    rows = setting_rows(load())
    assert [row.name for row in rows] == [
        name for name, setting in known_settings().items() if not setting.deprecated
    ]
    assert {row.source for row in rows} == {"default"}


def test_values_as_a_person_writes_them(load: Load) -> None:
    """Values look as in .env; a setting without a value has an empty one."""
    rows = rows_by_name(setting_rows(load(dotenv="SHADOWSERVER_REPORT_TYPES=scan_http,scan_ssh\n")))
    assert rows["SHADOWSERVER_REPORT_TYPES"].value == "scan_http,scan_ssh"
    assert rows["SHADOWSERVER_REPORT_TYPES"].source == ".env"
    assert rows["SHADOWSERVER_ARTIFACT_MAX_SIZE"].value == "100MiB"
    assert rows["CONNECTOR_DURATION_PERIOD"].value == "P1D"
    assert rows["SHADOWSERVER_CREATE_INCIDENT"].value == "false"
    assert rows["OPENCTI_TOKEN"].value == ""


def test_deprecated_setting_has_a_row_where_it_is_set(load: Load) -> None:
    """CONNECTOR_RUN_EVERY has a row only if it is set."""
    rows = rows_by_name(setting_rows(load(environ={"CONNECTOR_RUN_EVERY": "12h"})))
    assert rows["CONNECTOR_RUN_EVERY"].source == "environment"
    assert rows["CONNECTOR_DURATION_PERIOD"].value == "PT12H"


@pytest.mark.parametrize("name", sorted(secret_names()))
def test_secrets_are_masked(load: Load, name: str) -> None:
    """No row shows a secret or its length."""
    rows = setting_rows(load(environ={name: "hunter2"}))
    assert "hunter2" not in repr(rows)
    assert rows_by_name(rows)[name].value == MASK


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://user:p@hunter2@proxy:3128", "http://********@proxy:3128"),
        ("user:hunter2@proxy:3128", "********@proxy:3128"),
        ("user:hunter2@hunter2@proxy", "********@proxy"),
        ("http://user:hunter2 hunter2@proxy/", "http://********@proxy/"),
        ("http://proxy:3128/a@b", "http://proxy:3128/a@b"),
        ("proxy:3128", "proxy:3128"),
    ],
)
def test_no_part_of_a_password_is_shown(load: Load, proxy: str, shown: str) -> None:
    """A password that contains "@", and one in a URL without a scheme, are masked whole."""
    rows = rows_by_name(setting_rows(load(environ={"HTTPS_PROXY": proxy})))
    assert rows["HTTPS_PROXY"].value == shown


def test_handed_on_settings_have_rows(load: Load) -> None:
    """Settings that only pycti reads have rows if set, without the passwords of URLs."""
    rows = rows_by_name(
        setting_rows(load(environ={"HTTPS_PROXY": "http://u:hunter2@proxy.example.org:3128"}))
    )
    assert rows["HTTPS_PROXY"].value == "http://********@proxy.example.org:3128"
    assert rows["HTTPS_PROXY"].source == "environment"
