from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from shadowserver_connector.service.assembly import log_missing_abilities, setting_warnings
from shadowserver_connector.settings.sections import ConnectorSettings
from shadowserver_connector.sink.platform import find_abilities
from tests.mapping.conversion import convert
from tests.sink.pycti_fakes import FakeHelper, FakeLog, OldestHelper, OldHelper

FINGERPRINT = base64.b64encode(hashlib.sha256(b"key").digest()).decode()
HEADER = ("timestamp", "severity", "ip", "protocol", "port", "server_host_key_sha256")
ROW = ("2024-01-31 08:00:00", "low", "192.0.2.7", "tcp", "22", FINGERPRINT)


@pytest.mark.parametrize("known", [True, False])
def test_ssh_keys_are_left_out_where_the_importer_does_not_know_them(
    known: bool, tmp_path: Path
) -> None:
    """No object and no reference of an SSH key is sent then; its cell is still in the Note."""
    converted = convert(tmp_path, "scan_ssh", HEADER, [ROW], ssh_keys=known)
    assert len(converted.of("ssh-key")) == known
    assert FINGERPRINT in converted.one("note")["content"]
    refs = [
        ref for stix in converted.of("note", "report") for ref in stix["object_refs"]
    ] + converted.one("observed-data")["object_refs"]
    assert any(ref.startswith("ssh-key--") for ref in refs) is known


@pytest.mark.parametrize(
    ("helper", "said"),
    [
        (FakeHelper(), []),
        (OldHelper(), ["whole messages", "multipart works", "SSH-Key", "Network-Traffic"]),
        (OldestHelper(), ["multipart works", "SSH-Key", "Network-Traffic"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_pycti_lacks_is_said_in_one_line(helper: FakeHelper, said: list[str]) -> None:
    """At start, one line names the features that pycti lacks; with the newest pycti there is no
    line.
    """
    log = FakeLog()
    log_missing_abilities(find_abilities(helper), log)
    assert len(log.lines) == bool(said)
    for word in said:
        assert word in log.text()


@pytest.mark.parametrize(
    ("protocol", "known", "said"),
    [
        ("api", True, "works as complete before their objects are imported"),
        ("api", False, "has no effect with this pycti"),
        ("amqp", True, ""),
        (None, True, ""),
    ],
)
def test_the_start_says_what_the_api_protocol_does(
    protocol: str | None, known: bool, said: str
) -> None:
    """At start, a line says that ``api`` completes works too early, or that pycti ignores it."""
    helper = FakeHelper() if known else SimpleNamespace()
    settings = ConnectorSettings.model_validate({"queue_protocol": protocol})
    lines = list(setting_warnings(settings, helper))
    assert len(lines) == bool(said)
    assert said in "".join(lines)
