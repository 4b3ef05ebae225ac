"""The scripts that check the project's dependencies."""

from __future__ import annotations

import json
from email.message import Message
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from tests.packaging.conftest import ROOT


def _script(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    patch.syspath_prepend(ROOT / "scripts")
    return import_module(name)


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of scripts/audit.py."""
    return _script("audit", monkeypatch)


@pytest.fixture
def licences(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of scripts/check_licences.py."""
    return _script("check_licences", monkeypatch)


CLEAN = {"name": "sound", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found"}
BAD = {
    "name": "broken",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2024-1", "fix_versions": ["1.1"]}, {"id": "X-2", "fix_versions": []}],
}


@pytest.mark.parametrize(
    ("packages", "code"),
    [
        ([CLEAN], 0),
        ([CLEAN, BAD], 1),
        ([UNKNOWN, BAD], 1),
        ([CLEAN, UNKNOWN], 75),
        ([UNKNOWN], 75),
        ([], 75),
    ],
)
def test_an_audit_that_did_not_happen_is_no_clean_one(
    audit: ModuleType, packages: list[dict[str, Any]], code: int
) -> None:
    """Only packages that the service knows count as audited; a vulnerability always counts."""
    judged = audit.verdict("lock.txt", json.dumps({"dependencies": packages}), "")
    assert judged.code == code
    text = "\n".join(judged.lines)
    assert ("NOT AUDITED" in text) is (UNKNOWN in packages or not packages)
    assert ("broken 1.0: PYSEC-2024-1 (fixed in 1.1)" in text) is (BAD in packages)


@pytest.mark.parametrize("answer", ["", "Traceback", "[]", "{}", "null"])
def test_no_answer_is_said_with_its_reason(audit: ModuleType, answer: str) -> None:
    """If there is no answer, the last line of pip-audit is the reason."""
    judged = audit.verdict("lock.txt", answer, "Traceback\nConnectionError: no such host\n")
    assert judged.code == 75
    assert judged.lines == [
        "lock.txt: NOT AUDITED, no answer of the service: ConnectionError: no such host"
    ]


def _package(**fields: str | list[str]) -> Message:
    package = Message()
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            package[name.replace("_", "-")] = each
    return package


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (
            {"License_Expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"},
            ["MPL-2.0", "Apache-2.0", "MIT"],
        ),
        ({"License": "MIT OR AFL-2.1"}, ["MIT", "AFL-2.1"]),
        ({"License": "The whole\ntext of a licence"}, []),
        ({"Classifier": ["License :: OSI Approved :: MIT License", "Topic :: X"]}, ["MIT License"]),
        (
            {"License": "odd", "Classifier": ["License :: OSI Approved :: BSD License"]},
            ["BSD License"],
        ),
        ({}, []),
    ],
)
def test_licences_are_found_where_packages_put_them(
    licences: ModuleType, fields: dict[str, Any], named: list[str]
) -> None:
    """A licence expression counts first, then classifiers, then a short text."""
    assert licences.declared(_package(**fields)) == named


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        (["MIT"], None),
        (["MIT License"], None),
        (["MIT", "GPL-3.0-only"], "GPL-3.0-only is not allowed"),
        (["Proprietary"], "Proprietary is not allowed"),
        ([], "names no licence"),
    ],
)
def test_what_is_not_allowed_is_named(
    licences: ModuleType, named: list[str], wrong: str | None
) -> None:
    """A package with a forbidden licence is named, unless it was accepted by name."""
    rules = licences.Rules(["MIT"], {"MIT License": "MIT"}, {"known": "asked its author"})
    complaint = licences.complaint("new", named, rules)
    assert complaint is None if wrong is None else wrong in complaint
    assert licences.complaint("known", named, rules) is None


def test_every_locked_package_is_looked_at(licences: ModuleType) -> None:
    """Every package of the lock is checked, also those with a marker."""
    names = licences.locked((ROOT / "requirements" / "runtime.txt").read_text())
    assert {"httpx", "orjson", "pycti"} <= set(names)
    assert len(names) > 50
