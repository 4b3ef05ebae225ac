"""docs/mapping.md is what the catalogue says."""

from __future__ import annotations

import runpy
from pathlib import Path

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
