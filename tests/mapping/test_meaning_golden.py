"""Small reports of every family against what was read and approved: ``tests/golden``.

``TYPE.csv`` is written by hand in the published columns, ``TYPE.json`` is what becomes of it.
``UPDATE_GOLDEN=1 pytest tests/mapping/test_meaning_golden.py`` writes the JSON anew; read the
difference before you commit it.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import orjson
import pytest

from shadowserver_connector.mapping.options import Options
from tests.mapping.conversion import Converted, Stix, convert_bytes
from tests.mapping.expectation import CATALOGUE

GOLDEN = Path(__file__).parents[1] / "golden"

TYPES = sorted(path.stem for path in GOLDEN.glob("*.csv"))

_LEFT_OUT = frozenset(
    [
        *("spec_version", "created_by_ref", "x_opencti_created_by_ref", "object_marking_refs"),
        *("payload_bin", "modified"),
    ]
)
"""The same everywhere, or not to be read by eye; other tests look at them."""


def test_every_family_has_golden_reports() -> None:
    """Every family has a golden report; there are at least 30 types, each with its result."""
    assert len(TYPES) >= 30
    families = {CATALOGUE.types[name].family for name in TYPES}
    assert families == {t.family for t in CATALOGUE.types.values()}
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == TYPES


@pytest.mark.parametrize("report_type", TYPES)
def test_golden_report_has_the_published_columns(report_type: str) -> None:
    """A golden report has the published header and at least two full rows."""
    with (GOLDEN / f"{report_type}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == CATALOGUE.column_names(report_type), (
        f"give tests/golden/{report_type}.csv the columns of layouts.toml, with a cell in each row"
    )
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("report_type", TYPES)
def test_report_becomes_what_was_approved(tmp_path: Path, report_type: str) -> None:
    """Objects, relationships, labels, times and Notes equal the approved ones."""
    content = (GOLDEN / f"{report_type}.csv").read_bytes()
    options = Options(
        create_incident=True, case_min_severity="info", create_indicators=True, notes="finding"
    )
    text = _readable(convert_bytes(tmp_path, report_type, content, options))
    golden = GOLDEN / f"{report_type}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(text)
    assert text == golden.read_bytes()


def _readable(converted: Converted) -> bytes:
    """Return the objects by type and name, references by name, as JSON for people."""
    objects: dict[str, Stix] = {}
    for stix in converted.everything():
        known = objects.setdefault(stix["id"], stix)
        if known is not stix and "object_refs" in stix:
            refs = dict.fromkeys([*known["object_refs"], *stix["object_refs"]])
            objects[stix["id"]] = {**known, "object_refs": list(refs)}
    names: dict[str, str] = {}
    for stix in sorted(objects.values(), key=lambda one: _LAST.get(one["type"], 0)):
        names[stix["id"]] = _name(stix, names)
    shown = [_shown(stix, names) for stix in objects.values()]
    shown.sort(key=lambda one: (one["type"], orjson.dumps(one, option=orjson.OPT_SORT_KEYS)))
    return orjson.dumps(shown, option=_PRETTY)


_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_LAST = {"network-traffic": 1, "relationship": 2}
"""Types that are named after others."""


def _name(stix: Stix, names: dict[str, str]) -> str:
    keys = ("pattern", "name", "value", "abstract", "account_login", "subject")
    text = next((str(stix[key]) for key in keys if stix.get(key)), "")
    if stix["type"] == "network-traffic":
        ends = [
            f"{names.get(stix.get(f'{end}_ref', ''), '')}:{stix.get(f'{end}_port', '')}"
            for end in ("src", "dst")
        ]
        text = " to ".join(end for end in ends if end != ":")
    if stix["type"] == "relationship":
        return (
            f"{names[stix['source_ref']]} {stix['relationship_type']} {names[stix['target_ref']]}"
        )
    if stix["type"] == "software":
        text = " ".join(filter(None, [stix.get("vendor"), text, stix.get("version")]))
    if not text and "hashes" in stix:
        text = next(iter(stix["hashes"].values()))
    return f"{stix['type']} {text}".strip()


def _shown(stix: Stix, names: dict[str, str]) -> Stix:
    shown: Stix = {"type": stix["type"]}
    for key, value in stix.items():
        if key in _LEFT_OUT or key == "type" or (key == "id" and stix["type"] == "relationship"):
            continue
        if key.endswith("_ref"):
            shown[key] = names[value]
        elif key.endswith("_refs"):
            shown[key] = sorted(names[ref] for ref in value)
        elif key in ("content", "description") and "\n" in value:
            shown[key] = value.split("\n")
        else:
            shown[key] = value
    return shown
