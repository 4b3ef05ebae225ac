"""Wrong settings stop the start, with one line each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.sources import known_settings, secret_names
from tests.settings.conftest import Load

WRONG = {
    "OPENCTI_URL": "localhost:8080",
    "OPENCTI_SSL_VERIFY": "maybe",
    "OPENCTI_JSON_LOGGING": "2",
    "CONNECTOR_ID": "connector-shadowserver",
    "CONNECTOR_TYPE": "STREAM",
    "CONNECTOR_LOG_LEVEL": "loud",
    "CONNECTOR_DURATION_PERIOD": "1 day",
    "CONNECTOR_RUN_EVERY": "daily",
    "CONNECTOR_RUN_AND_TERMINATE": "once",
    "CONNECTOR_QUEUE_THRESHOLD": "0",
    "CONNECTOR_QUEUE_PROTOCOL": "http",
    "CONNECTOR_VALIDATE_BEFORE_IMPORT": "x",
    "CONNECTOR_EXPOSE_METRICS": "x",
    "CONNECTOR_METRICS_HOST": "localhost",
    "CONNECTOR_METRICS_PORT": "70000",
    "CONNECTOR_AUTO_CREATE_SERVICE_ACCOUNT": "x",
    "CONNECTOR_AUTO_CREATE_SERVICE_ACCOUNT_CONFIDENCE_LEVEL": "101",
    "CONNECTOR_SEND_TO_QUEUE": "x",
    "CONNECTOR_SEND_TO_DIRECTORY": "x",
    "CONNECTOR_SEND_TO_DIRECTORY_RETENTION": "-1",
    "CONNECTOR_SEND_TO_S3": "x",
    "CONNECTOR_SEND_TO_S3_RETENTION": "week",
    "OPENCTI_CA_BUNDLE": "missing.pem",
    "SHADOWSERVER_API_URL": "ftp://example.org",
    "SHADOWSERVER_DOWNLOAD_URL": "https://",
    "SHADOWSERVER_CA_BUNDLE": "missing.pem",
    "SHADOWSERVER_REPORT_TYPES": "scan-http",
    "SHADOWSERVER_EXCLUDE_TYPES": "device id",
    "SHADOWSERVER_INITIAL_LOOKBACK": "-1",
    "SHADOWSERVER_LOOKBACK": "three",
    "SHADOWSERVER_MIN_SEVERITY": "severe",
    "SHADOWSERVER_MAX_FINDINGS": "-5",
    "SHADOWSERVER_MARKING": "TLP:PURPLE",
    "SHADOWSERVER_CREATE_INCIDENT": "x",
    "SHADOWSERVER_INCIDENT_SEVERITY": "info",
    "SHADOWSERVER_CASE_MIN_SEVERITY": "none",
    "SHADOWSERVER_INCIDENT_PRIORITY": "P5",
    "SHADOWSERVER_NOTES": "row",
    "SHADOWSERVER_OBSERVED_DATA": "x",
    "SHADOWSERVER_NETWORK_TRAFFIC": "x",
    "SHADOWSERVER_RELATIONSHIPS": "uses,resolves-to",
    "SHADOWSERVER_CREATE_INDICATORS": "x",
    "SHADOWSERVER_REPEATS": "some",
    "SHADOWSERVER_REFRESH_DAYS": "0",
    "SHADOWSERVER_RESURFACED_AFTER": "91",
    "SHADOWSERVER_HISTORY_DAYS": "1",
    "SHADOWSERVER_REPORT_MAX_REFS": "5",
    "SHADOWSERVER_ARTIFACT_MAX_SIZE": "big",
    "SHADOWSERVER_LINK_DOWNLOAD": "x",
    "SHADOWSERVER_MAX_THREADS": "99",
    "SHADOWSERVER_WORKERS": "0",
    "SHADOWSERVER_DASK_SCHEDULER": "scheduler:8786",
    "SHADOWSERVER_CHUNK_OBJECTS": "1",
    "SHADOWSERVER_CHUNK_BYTES": "-1",
    "SHADOWSERVER_DISK_FLOOR": "-1",
}
FREE_TEXT = {
    "OPENCTI_TOKEN",
    "OPENCTI_CUSTOM_HEADERS",
    "CONNECTOR_NAME",
    "CONNECTOR_SCOPE",
    "CONNECTOR_SEND_TO_DIRECTORY_PATH",
    "CONNECTOR_SEND_TO_S3_BUCKET",
    "CONNECTOR_SEND_TO_S3_FOLDER",
    "SHADOWSERVER_API_KEY",
    "SHADOWSERVER_API_SECRET",
    "SHADOWSERVER_REPORT_NAMES",
    "SHADOWSERVER_LABELS",
    "SHADOWSERVER_ARCHIVE_DIR",
    "SHADOWSERVER_DROP_DIR",
    "SHADOWSERVER_STATE_DIR",
    "SHADOWSERVER_STATUS_FILE",
}


def test_every_setting_is_tried() -> None:
    """These tests have a wrong value for each setting that can have one."""
    assert WRONG.keys() | FREE_TEXT == known_settings().keys()
    assert not WRONG.keys() & FREE_TEXT


@pytest.mark.parametrize("name", WRONG)
def test_refusal(load: Load, name: str) -> None:
    """A wrong value gives one line with the setting, its source, the value and the valid values."""
    with pytest.raises(SettingsError) as caught:
        load(environ={name: WRONG[name]})
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{name} (environment): '{WRONG[name]}' is not allowed; give ")


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"SHADOWSERVER_MARKING": "purple"},
            "SHADOWSERVER_MARKING (environment): 'purple' is not allowed; give one of TLP:CLEAR, "
            "TLP:GREEN, TLP:AMBER, TLP:AMBER+STRICT, TLP:RED, TLP:WHITE",
        ),
        (
            {"SHADOWSERVER_MAX_THREADS": "99"},
            "SHADOWSERVER_MAX_THREADS (environment): '99' is not allowed; "
            "give a whole number from 1 to 32",
        ),
        (
            {"CONNECTOR_DURATION_PERIOD": "PT5S"},
            "CONNECTOR_DURATION_PERIOD (environment): 'PT5S' is not allowed; give an ISO 8601 "
            "duration of weeks, days, hours and minutes, from a minute to 365 days, "
            "such as P1D or PT6H",
        ),
        (
            {"SHADOWSERVER_RELATIONSHIPS": "uses"},
            "SHADOWSERVER_RELATIONSHIPS (environment): 'uses' is not allowed; give one of all, "
            "none, or a list separated by commas of needed, belongs-to, communicates-with, "
            "located-at, related-to, resolves-to",
        ),
        (
            {"SHADOWSERVER_CHUNK_BYTES": "big"},
            "SHADOWSERVER_CHUNK_BYTES (environment): 'big' is not allowed; "
            "give a number of bytes, KiB, MiB or GiB from 64KiB to 11MiB, such as 4MiB",
        ),
    ],
)
def test_refusal_in_full(load: Load, environ: dict[str, str], line: str) -> None:
    """The line says in words which values are valid."""
    with pytest.raises(SettingsError) as caught:
        load(environ=environ)
    assert str(caught.value) == line


@pytest.mark.parametrize("text", ["P", "PT", "P1M", "P1Y", "-P1D", "P0D", "1d", "24", "P1DT"])
def test_durations_that_are_none(load: Load, text: str) -> None:
    """A duration needs a fixed, positive length: months, years and zero are refused."""
    with pytest.raises(SettingsError, match="CONNECTOR_DURATION_PERIOD"):
        load(environ={"CONNECTOR_DURATION_PERIOD": text})


def test_refusals_come_all_at_once(load: Load) -> None:
    """Several wrong settings give one line each, with their sources."""
    with pytest.raises(SettingsError) as caught:
        load(
            yaml="shadowserver:\n  notes: row\n  min_severty: low\n",
            dotenv="SHADOWSERVER_LOOKBACK=x\n",
            environ={"CONNECTOR_METRICS_PORT": "0", "OPENCTI_TOKEN_FILE": "missing"},
        )
    lines = str(caught.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == [
        "CONNECTOR_METRICS_PORT (environment)",
        "OPENCTI_TOKEN_FILE (environment)",
        "SHADOWSERVER_LOOKBACK (.env)",
        "SHADOWSERVER_NOTES (config.yml)",
        "shadowserver",
    ]


def test_long_and_odd_values_stay_on_one_line(load: Load) -> None:
    """A long value is cut and quoted, so that the line stays one."""
    with pytest.raises(SettingsError) as caught:
        load(environ={"SHADOWSERVER_NOTES": "a\nb" + "c" * 500})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_passwords_in_urls_are_masked(load: Load) -> None:
    """A refused URL is shown without its user and password."""
    with pytest.raises(SettingsError) as caught:
        load(environ={"OPENCTI_URL": "ftp://user:hunter2@example.org"})
    assert "hunter2" not in str(caught.value)
    assert "ftp://********@example.org" in str(caught.value)


@pytest.mark.parametrize(
    ("yaml", "line"),
    [
        ("a: [", "config.yml line 1: this is no YAML; check quotes and indents"),
        ("a:\n  b: 1\n c: 2\n", "config.yml line 3: this is no YAML; check quotes and indents"),
        ("a: \x01", "config.yml: it holds characters that YAML does not allow"),
        ("just text", "config.yml: it must hold sections, such as shadowserver:"),
        (
            "shadowserver: text",
            "section shadowserver (config.yml): it must hold lines of the form key: value",
        ),
        (
            "shadowserver:\n  notes:\n    mode: host",
            "SHADOWSERVER_NOTES (config.yml): give one value, or a list of values",
        ),
        (
            "shadowserver:\n  notes: [[host]]",
            "SHADOWSERVER_NOTES (config.yml): give one value, or a list of values",
        ),
        (
            "shadowserver:\n  notes: host\n  notes: none",
            "SHADOWSERVER_NOTES (config.yml): it is set twice; keep one",
        ),
        (
            "shadowserver:\n  min_severty: low",
            "shadowserver: min_severty (config.yml) is no setting; did you mean min_severity?",
        ),
        ("shadowserver:\n  zzz: low", "shadowserver: zzz (config.yml) is no setting"),
    ],
)
def test_wrong_yaml(load: Load, yaml: str, line: str) -> None:
    """A config.yml that cannot be parsed gives one line that says where and why."""
    with pytest.raises(SettingsError) as caught:
        load(yaml=yaml)
    assert str(caught.value) == line


def test_wrong_yaml_shows_no_content(load: Load) -> None:
    """The line about invalid YAML quotes nothing of the file, which may hold secrets."""
    with pytest.raises(SettingsError) as caught:
        load(yaml="shadowserver:\n  api_key: 'hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_wrong_dotenv(load: Load) -> None:
    """A line of .env that is no assignment is given by its number, not quoted."""
    with pytest.raises(SettingsError) as caught:
        load(dotenv="CONNECTOR_NAME=Mine\nhunter2 = = '\n'x\n")
    assert re.fullmatch(r"\.env line \d: write it as NAME=value", str(caught.value))


def test_not_utf8(load: Load, tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused by name."""
    (tmp_path / "config.yml").write_bytes(b"connector:\n  name: \xff\n")
    with pytest.raises(SettingsError, match=r"config\.yml: it is not UTF-8 text"):
        load()


def test_unknown_names_are_warned_of(load: Load) -> None:
    """For a mistyped SHADOWSERVER_ variable, a warning suggests the right name."""
    loaded = load(dotenv="SHADOWSERVER_REPORT_TYPE=x\n", environ={"SHADOWSERVER_PORT_80_TCP": "x"})
    assert loaded.warnings == (
        "SHADOWSERVER_REPORT_TYPE (.env) is no setting and has no effect; "
        "did you mean SHADOWSERVER_REPORT_TYPES?",
        "SHADOWSERVER_PORT_80_TCP (environment) is no setting and has no effect",
    )


def test_other_software_keeps_its_names(load: Load) -> None:
    """Unknown variables without a prefix of ours cause no warning."""
    assert load(environ={"PATH": "/bin", "OPENCTI_SERVICE_HOST": "192.0.2.1"}).warnings == ()


def test_unknown_keys_of_other_sections_are_warned_of(load: Load) -> None:
    """Former keys of OpenCTI and unknown sections only cause a warning."""
    loaded = load(yaml="connector:\n  confidence_level: 80\nshadow_server:\n  api_key: x\n")
    assert loaded.warnings == (
        "connector: confidence_level (config.yml) is no setting",
        "section shadow_server (config.yml) has no effect; did you mean shadowserver?",
    )


@pytest.mark.parametrize("name", sorted(secret_names() & known_settings().keys()))
def test_secrets_have_no_wrong_value(load: Load, name: str) -> None:
    """A secret given as a list is refused and not shown."""
    setting = known_settings()[name]
    with pytest.raises(SettingsError) as caught:
        load(yaml=f"{setting.section}:\n  {setting.key}: [hunter2, x]\n")
    assert str(caught.value) == f"{name} (config.yml): its value is not allowed; give text"


FLAWS = [
    ('"{}"', "quotes around"),
    ("'{}'", "quotes around"),
    ("\u201c{}\u201d", "quotes around"),
    ('"{}', "quotes around"),
    ('{}"', "quotes around"),
    (" {}", "spaces"),
    ("{}\t", "spaces"),
    ("{}\n", "line ends"),
    ("{}\r\n", "line ends"),
    ("\ufeff{}", "invisible"),
    ("{}\u200b", "invisible"),
    ("\xa0{}", "spaces"),
    ("a\n{}", "line ends"),
    ("a\0{}", "control"),
    ("{}\udcff", "not UTF-8"),
    ("${{SHADOWSERVER_SOMETHING:-{}}}", "${...}"),
    ("a${{X}}{}", "${...}"),
]


@pytest.mark.parametrize(("form", "said"), FLAWS)
def test_a_value_that_was_not_meant(load: Load, form: str, said: str) -> None:
    """A flawed value is refused with its setting, source and flaw, and is never shown."""
    environ = {name: form.format("hunter2") for name in known_settings()}
    with pytest.raises(SettingsError) as caught:
        load(environ=environ)
    lines = str(caught.value).splitlines()
    assert sorted(line.partition(" ")[0] for line in lines) == sorted(known_settings())
    for line in lines:
        assert " (environment): " in line
        assert said in line
        assert "; give " in line
        assert line.isprintable()
        assert "hunter2" not in line


def test_a_flaw_in_yaml_and_in_a_list(load: Load) -> None:
    """A flawed value in config.yml, also in a list or block, is refused with the file as source."""
    with pytest.raises(SettingsError) as caught:
        load(
            yaml="opencti:\n  token: |\n    hunter2\n"
            "shadowserver:\n  labels: [a, ' b']\n  drop_dir: \"a\\0b\"\n"
        )
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "OPENCTI_TOKEN (config.yml)",
        "SHADOWSERVER_LABELS (config.yml)",
        "SHADOWSERVER_DROP_DIR (config.yml)",
    ]


def test_a_flaw_in_a_file_of_a_secret(load: Load, tmp_path: Path) -> None:
    """Blanks and line ends around a secret in a file are removed; quotes are refused."""
    (tmp_path / "key").write_text('"hunter2"\n')
    with pytest.raises(SettingsError) as caught:
        load(environ={"SHADOWSERVER_API_KEY_FILE": str(tmp_path / "key")})
    assert "SHADOWSERVER_API_KEY (file " in str(caught.value)
    assert "contains the quotes around it" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["the CERTs'", "'a' team", "Bob's 'CERT'", "'s-Hertogenbosch", '5" disks', 'the "CERT"']
)
def test_a_quote_at_one_end_may_be_meant(load: Load, name: str) -> None:
    """Only quotes around the whole value, and one that lacks the other, are left by mistake."""
    assert load(environ={"CONNECTOR_NAME": name}).settings.connector.name == name


def test_what_may_stand_in_a_value(load: Load) -> None:
    """Quotes that belong to a value, any password, and certificates of several lines are valid."""
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    loaded = load(
        environ={
            "OPENCTI_CUSTOM_HEADERS": 'If-Match:"abc"',
            "MQ_PASS": "'$\"{x y} ",
            "MQ_USE_SSL_CA": pem,
            "MQ_USE_SSL_KEY": pem,
            "CONNECTOR_NAME": "Shadowserver d'ici",
        }
    )
    assert loaded.for_pycti["MQ_PASS"].get_secret_value() == "'$\"{x y} "
    assert loaded.for_pycti["MQ_USE_SSL_CA"].get_secret_value() == pem
    assert loaded.settings.connector.name == "Shadowserver d'ici"


@pytest.mark.parametrize(
    ("name", "text"),
    [("MQ_HOST", "'rabbitmq'"), ("MQ_PASS", "${MQ_PASS}"), ("S3_ENDPOINT", "minio\n")],
)
def test_a_flaw_in_what_is_handed_on(load: Load, name: str, text: str) -> None:
    """Flawed settings that only pycti reads are refused by name as well."""
    with pytest.raises(SettingsError, match=rf"^{name} \(environment\): [^\n]*$"):
        load(environ={name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CONNECTOR_DURATION_PERIOD", "P99999999999D"),
        ("CONNECTOR_DURATION_PERIOD", "PT" + "9" * 30 + "S"),
        ("CONNECTOR_DURATION_PERIOD", "P" + "9" * 5000 + "W"),
        ("CONNECTOR_DURATION_PERIOD", "P366D"),
        ("CONNECTOR_RUN_EVERY", "99999999999999d"),
        ("CONNECTOR_RUN_EVERY", "8761h"),
        ("CONNECTOR_RUN_EVERY", "59s"),
        ("CONNECTOR_QUEUE_THRESHOLD", "inf"),
        ("CONNECTOR_QUEUE_THRESHOLD", "1e999"),
        ("CONNECTOR_QUEUE_THRESHOLD", "nan"),
        ("SHADOWSERVER_CHUNK_BYTES", "1"),
        ("SHADOWSERVER_CHUNK_BYTES", "65535"),
        ("SHADOWSERVER_CHUNK_BYTES", "65MiB"),
        ("SHADOWSERVER_CHUNK_BYTES", "1e400"),
        ("SHADOWSERVER_ARTIFACT_MAX_SIZE", "9" * 400 + "GiB"),
        ("SHADOWSERVER_DISK_FLOOR", "9" * 5000),
        ("SHADOWSERVER_MAX_FINDINGS", "9" * 5000),
        ("SHADOWSERVER_WORKERS", "9" * 50),
        ("CONNECTOR_ID", "ChangeMe-please"),
        ("CONNECTOR_ID", "{5c1b9f0e-0000-4000-8000-00000000c0de}"),
        ("CONNECTOR_ID", "5c1b9f0e00004000800000000000c0de"),
        ("CONNECTOR_ID", "5c1b9f0e-0000-4000-8000-00000000c0d"),
        ("CONNECTOR_ID", "5c1b9f0e-0000-4000-8000-00000000c0de-1"),
        ("OPENCTI_URL", "http://"),
        ("OPENCTI_URL", "https://"),
        ("OPENCTI_URL", "http://:8080"),
        ("OPENCTI_URL", "http://[::1"),
        ("OPENCTI_URL", "http://opencti:99999"),
        ("SHADOWSERVER_API_URL", "http://"),
        ("SHADOWSERVER_API_URL", "http://transform.shadowserver.org/api2"),
        ("SHADOWSERVER_API_URL", "http://192.0.2.1/api2"),
        ("SHADOWSERVER_API_URL", "http://127.0.0.1.example.org/api2"),
        ("SHADOWSERVER_API_URL", "http://localhost.example.org/api2"),
        ("SHADOWSERVER_API_URL", "http://localhost@example.org/api2"),
        ("SHADOWSERVER_API_URL", "https://h/?"),
        ("SHADOWSERVER_API_URL", "https://h/#"),
        ("SHADOWSERVER_API_URL", "https://user:hunter2@h/"),
        ("OPENCTI_URL", "https://h/?"),
        ("SHADOWSERVER_DOWNLOAD_URL", "http://dl.shadowserver.org"),
        ("SHADOWSERVER_DOWNLOAD_URL", "HTTP://dl.shadowserver.org"),
        ("CONNECTOR_METRICS_HOST", "0.0.0"),
        ("CONNECTOR_METRICS_HOST", "127.0.0.1:9095"),
    ],
)
def test_values_beyond_reason(load: Load, name: str, text: str) -> None:
    """Each extreme value gives one line with setting, source and valid values, no traceback."""
    with pytest.raises(SettingsError) as caught:
        load(environ={name: text})
    line = str(caught.value)
    assert line.startswith(f"{name} (environment): ")
    assert "is not allowed; give " in line
    assert "hunter2" not in line
    assert line.isprintable()


@pytest.mark.parametrize("path", ["a" * 300, "x/" * 3000])
def test_a_path_that_cannot_be_reached(load: Load, path: str) -> None:
    """The system's error for an unreachable path is shown with the setting."""
    with pytest.raises(SettingsError) as caught:
        load(environ={"SHADOWSERVER_CA_BUNDLE": path})
    line = str(caught.value)
    assert line.startswith("SHADOWSERVER_CA_BUNDLE (environment): ")
    assert "File name too long; give the path of a " in line
    assert line.isprintable()


def test_a_path_that_cannot_be_reached_and_that_other_software_has_too(load: Load) -> None:
    """The line names our own setting, not a variable with the same path that is read later."""
    path = "a" * 300
    with pytest.raises(SettingsError, match=r"^SHADOWSERVER_CA_BUNDLE \(environment\): "):
        load(environ={"SHADOWSERVER_CA_BUNDLE": path, "REQUESTS_CA_BUNDLE": path})


@pytest.mark.parametrize(
    "yaml",
    [
        "shadowserver:\n  labels: &a [*a]\n",
        "shadowserver:\n  labels: &a [x, [*a]]\n",
        "shadowserver:\n  labels: &a {b: *a}\n",
        "shadowserver: &a\n  labels: *a\n",
        "shadowserver: &a\n  *a : x\n",
        "&a\nshadowserver: *a\n",
        "shadowserver: &a\n  ? [*a]\n  : x\n",
        "shadowserver:\n  labels: " + "[" * 5000 + "]" * 5000,
        "shadowserver: " + "{a: " * 5000 + "}" * 5000,
        "shadowserver:\n  ? |\n    a\n    b\n  : x\n",
        "? [a, b]\n: x\n",
    ],
)
def test_yaml_that_winds(load: Load, yaml: str) -> None:
    """YAML that refers to itself, or is nested without end, is refused in one line."""
    with pytest.raises(SettingsError) as caught:
        load(yaml=yaml)
    assert "config.yml" in str(caught.value)
    assert str(caught.value).isprintable()
