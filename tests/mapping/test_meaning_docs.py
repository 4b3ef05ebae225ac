"""The mapping reference agrees with the catalogue."""

from __future__ import annotations

import runpy
from pathlib import Path

from shadowserver_connector.catalogue.catalogue import INDICATED_KINDS
from shadowserver_connector.settings.sections import ShadowserverSettings
from tests.mapping.expectation import CATALOGUE

ROOT = Path(__file__).parents[2]


REFERENCE = [ROOT / "docs" / "mapping.md", *sorted((ROOT / "docs" / "mapping").glob("*.md"))]


def reference() -> str:
    """Return the text of all pages of the reference."""
    return "\n".join(page.read_text("utf-8") for page in REFERENCE)


def test_reference_is_not_stale() -> None:
    """The pages are those that ``scripts/generate_mapping_docs.py`` writes, and no others."""
    script = runpy.run_path(str(ROOT / "scripts" / "generate_mapping_docs.py"))
    written = {page: page.read_text("utf-8") for page in REFERENCE}
    assert script["documents"](CATALOGUE) == written, "run scripts/generate_mapping_docs.py"


def test_reference_names_every_type_and_every_column() -> None:
    """Every type and column of the catalogue is in the reference."""
    text = reference()
    for name in CATALOGUE.types:
        assert f"`{name}`" in text, "run scripts/generate_mapping_docs.py"
        absent = [c for c in CATALOGUE.column_names(name) if f"`{c}`" not in text]
        assert absent == [], "run scripts/generate_mapping_docs.py"


def _told() -> dict[str, tuple[str, str, str]]:
    page = (ROOT / "docs" / "behaviour.md").read_text("utf-8")
    section = page.partition("## Scores and Indicators")[2]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return {deed: (score, own, other) for deed, score, own, other in cells[2:10]}


def test_scores_and_indicators_are_told_as_they_are() -> None:
    """The reference has the catalogue's table; the setting's text agrees with it."""
    told = _told()
    shown = {"address": "addresses", "name": "names", "url": "URLs", "file": "files"}
    met = set()
    for meaning in CATALOGUE.meanings.values():
        score, own, other = told[meaning.does.text]
        assert score == ("none" if meaning.score is None else str(meaning.score))
        kinds = [shown[kind] for kind in INDICATED_KINDS if meaning.indicates(kind)]
        assert (own if meaning.own else other) == (", ".join(kinds) or "never")
        met.add(meaning.does.text)
    assert met == told.keys()
    days = CATALOGUE.valid_days
    page = " ".join((ROOT / "docs" / "behaviour.md").read_text("utf-8").split())
    assert days["address"] == days["url"]
    assert (
        f"Indicator of an address or URL is valid until {days['url']} days after its last report, "
        f"that of a name until {days['name']} days after, that of a file until {days['file']} days"
    ) in page
    text = ShadowserverSettings.model_fields["create_indicators"].description or ""
    assert "never of your own addresses and names" in text


def test_every_type_says_score_and_indicator_of_its_parties() -> None:
    """Each party of a type is listed with its score and Indicator."""
    text = reference()
    for meaning in CATALOGUE.meanings.values():
        used = any(meaning.name in t.parties.values() for t in CATALOGUE.types.values())
        score = "no score" if meaning.score is None else f"score {meaning.score}"
        assert not used or f"{meaning.text} ({score}, Indicator: " in text
