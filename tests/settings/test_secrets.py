"""Secrets: from files, and never shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings import export_for_pycti
from shadowserver_connector.settings.sources import known_settings, secret_names
from tests.settings.conftest import Load

SENTINEL = "hunter2-sentinel"


def test_which_settings_are_secret() -> None:
    """The settings that are secret are listed here, so that a change is deliberate."""
    assert secret_names() == {
        "LISTEN_PROTOCOL_API_SSL_KEY",
        "LISTEN_PROTOCOL_API_SSL_PASSPHRASE",
        "MQ_PASS",
        "MQ_USE_SSL_KEY",
        "MQ_USE_SSL_PASSPHRASE",
        "OPENCTI_CUSTOM_HEADERS",
        "OPENCTI_TOKEN",
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
        "SHADOWSERVER_API_KEY",
        "SHADOWSERVER_API_SECRET",
    }


@pytest.mark.parametrize("name", sorted(secret_names()))
@pytest.mark.parametrize("source", ["environ", "dotenv", "file"])
def test_secrets_are_in_no_repr(load: Load, tmp_path: Path, name: str, source: str) -> None:
    """No repr of loaded settings shows a secret, from any source."""
    secret = tmp_path / "secret"
    secret.write_text(SENTINEL + "\n")
    match source:
        case "environ":
            loaded = load(environ={name: SENTINEL})
        case "dotenv":
            loaded = load(dotenv=f"{name}={SENTINEL}\n")
        case _:
            loaded = load(environ={f"{name}_FILE": str(secret)})
    assert SENTINEL not in repr(loaded)
    assert SENTINEL not in str(loaded.settings)
    assert SENTINEL not in loaded.settings.model_dump_json()
    exported: dict[str, str] = {}
    export_for_pycti(loaded, exported)
    if not name.startswith("SHADOWSERVER_"):
        assert exported[name] == SENTINEL


def test_secrets_are_in_no_error(load: Load) -> None:
    """The error of another setting shows no secret, in its text or its traceback."""
    environ = dict.fromkeys(secret_names(), SENTINEL) | {"SHADOWSERVER_NOTES": "row"}
    with pytest.raises(SettingsError) as caught:
        load(environ=environ)
    assert SENTINEL not in "".join(traceback.format_exception(caught.value))


def test_secret_from_a_file(load: Load, tmp_path: Path) -> None:
    """<name>_FILE names a file whose stripped text is the secret."""
    (tmp_path / "key").write_text(" the key\n\n")
    loaded = load(environ={"SHADOWSERVER_API_KEY_FILE": str(tmp_path / "key")})
    assert loaded.settings.shadowserver.api_key is not None
    assert loaded.settings.shadowserver.api_key.get_secret_value() == "the key"
    assert loaded.sources["SHADOWSERVER_API_KEY"] == f"file {tmp_path / 'key'}"


def test_secret_file_named_in_yaml(load: Load, tmp_path: Path) -> None:
    """config.yml may name the file as <key>_file, which overrides the environment."""
    (tmp_path / "token").write_text("from the file")
    loaded = load(
        yaml=f"opencti:\n  token_file: {tmp_path / 'token'}\n", environ={"OPENCTI_TOKEN": "env"}
    )
    assert loaded.settings.opencti.token is not None
    assert loaded.settings.opencti.token.get_secret_value() == "from the file"
    assert [line for line in loaded.warnings if "OPENCTI_TOKEN (config.yml)" in line]


def test_secret_file_that_loses_is_not_read(load: Load) -> None:
    """A file named by an overridden source need not exist."""
    loaded = load(
        yaml="opencti:\n  token: wins\n", environ={"OPENCTI_TOKEN_FILE": "/nowhere/token"}
    )
    assert loaded.sources["OPENCTI_TOKEN"] == "config.yml"


def test_secret_and_its_file(load: Load, tmp_path: Path) -> None:
    """A secret and its file, both set in one source, are an error."""
    (tmp_path / "key").write_text("x")
    with pytest.raises(SettingsError) as caught:
        load(
            environ={
                "SHADOWSERVER_API_KEY": SENTINEL,
                "SHADOWSERVER_API_KEY_FILE": str(tmp_path / "key"),
            }
        )
    assert str(caught.value) == (
        "SHADOWSERVER_API_KEY (environment): it is set twice, as SHADOWSERVER_API_KEY_FILE too; "
        "keep one"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty; put the secret into it"),
        (b" \n", "is empty; put the secret into it"),
        (b"\xff\xfe", "is not UTF-8 text; save it as UTF-8"),
        (b"x" * 65537, "is no secret: it has more than 65,536 characters"),
    ],
)
def test_unusable_secret_file(
    load: Load, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """A secret's file that is missing, empty or not text is named with its fault."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(environ={"SHADOWSERVER_API_SECRET_FILE": str(path)})
    assert str(caught.value) == f"SHADOWSERVER_API_SECRET_FILE (environment): {path} {reason}"


def test_only_secrets_come_from_files(load: Load) -> None:
    """Settings that are not secret have no _FILE form."""
    assert load(environ={"SHADOWSERVER_NOTES_FILE": "x"}).warnings
    known = known_settings()
    assert not any(name.endswith("_FILE") and name.removesuffix("_FILE") in known for name in known)
