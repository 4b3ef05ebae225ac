"""docs/mapping.md is what the catalogue says."""

from __future__ import annotations

import runpy
from pathlib import Path

from shadowserver_connector.catalogue.catalogue import INDICATED
from shadowserver_connector.settings.shadowserver_section import ShadowserverSettings
from tests.mapping.expectation import CATALOGUE

ROOT = Path(__file__).parents[2]


def test_reference_is_not_stale() -> None:
    """It is written by ``scripts/generate_mapping_docs.py``."""
    script = runpy.run_path(str(ROOT / "scripts" / "generate_mapping_docs.py"))
    assert script["document"](CATALOGUE) == (ROOT / "docs" / "mapping.md").read_text("utf-8")


def test_reference_names_every_type_and_every_column() -> None:
    """Nothing that the catalogue knows is left out."""
    text = (ROOT / "docs" / "mapping.md").read_text("utf-8")
    for name in CATALOGUE.types:
        assert f"`{name}`" in text
        assert [c for c in CATALOGUE.columns_of(name) if f"`{c}`" not in text] == []


def _readme_table() -> dict[str, tuple[str, str, str]]:
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme.partition("#### Scores and Indicators")[2]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return {deed: (score, own, other) for deed, score, own, other in cells[2:10]}


def test_scores_and_indicators_are_told_as_they_are() -> None:
    """README and catalogue have one table; the settings' text promises no more than it."""
    told = _readme_table()
    shown = {"address": "addresses", "name": "names", "url": "URLs", "file": "files"}
    met = set()
    for meaning in CATALOGUE.meanings.values():
        score, own, other = told[meaning.does.text]
        assert score == ("none" if meaning.score is None else str(meaning.score))
        kinds = [shown[kind] for kind in INDICATED if meaning.indicates(kind)]
        assert (own if meaning.own else other) == (", ".join(kinds) or "never")
        met.add(meaning.does.text)
    assert met == told.keys()
    days = CATALOGUE.valid_days
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert days["address"] == days["url"]
    assert (
        f"ends {days['url']} days after the last report of an address or URL, {days['name']} of a "
        f"name, {days['file']} of a file"
    ) in readme
    text = ShadowserverSettings.model_fields["create_indicators"].description or ""
    assert "never of your own addresses and names" in text


def test_every_type_says_score_and_indicator_of_its_parties() -> None:
    """Each party that a type names stands there with both."""
    text = (ROOT / "docs" / "mapping.md").read_text("utf-8")
    for meaning in CATALOGUE.meanings.values():
        used = any(meaning.name in t.parties.values() for t in CATALOGUE.types.values())
        score = "no score" if meaning.score is None else f"score {meaning.score}"
        assert not used or f"{meaning.text} ({score}, Indicator: " in text
