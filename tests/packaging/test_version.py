"""The version is defined in one place, and everything that shows it agrees."""

from __future__ import annotations

import re
from pathlib import Path

from shadowserver_connector import __version__

ROOT = Path(__file__).parents[2]


def test_the_changelog_begins_with_this_version() -> None:
    """Its first heading has the version, and the release day or that it is unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version, day = re.findall(r"(?m)^## \[(.+)\] - (.+)$", text)[0]
    assert version == __version__
    assert re.fullmatch(r"Unreleased|20\d\d-\d\d-\d\d", day)


def test_every_version_has_notes() -> None:
    """Every version in the changelog has notes, from which a tag's message is made."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for notes in re.split(r"(?m)^## .*$", text)[1:]:
        assert re.search(r"(?m)^- ", notes)
