"""Cells that hold several values: an attacker who fills one must not fill OpenCTI."""

from __future__ import annotations

from typing import Any, Final

from shadowserver_connector.mapping.values.attack import find_attack_ids
from shadowserver_connector.mapping.values.cve import find_cves
from shadowserver_connector.mapping.values.tags import tags_left_out

MAX_IDS: Final = 50
"""CVE ids, or ATT&CK ids, of one cell; a report names a dozen at most."""


class TooManyError(ValueError):
    """A cell has more values than are taken of one; the first of them are."""

    def __init__(self, what: str, values: tuple[Any, ...], left_out: int) -> None:
        super().__init__(f"{what} beyond those taken of one cell, left out")
        self.values = values
        self.left_out = left_out


def parse_cves(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a cell; raise ``TooManyError`` for more than ``MAX_IDS``."""
    return first_of("CVE ids", find_cves(text))


def parse_attack_ids(text: str) -> tuple[str, ...]:
    """Return the ATT&CK ids in a cell; raise ``TooManyError`` for more than ``MAX_IDS``."""
    return first_of("ATT&CK ids", find_attack_ids(text))


def parse_tags(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a cell of tags.

    Raises ``TooManyError`` where there are too many of them, or more tags than become labels.
    """
    cves = parse_cves(text)
    if left_out := tags_left_out(text):
        raise TooManyError("tags", cves, left_out)
    return cves


def first_of(what: str, values: tuple[str, ...], most: int = MAX_IDS) -> tuple[str, ...]:
    """Return the values; raise ``TooManyError`` with the first where there are too many."""
    if len(values) > most:
        raise TooManyError(what, values[:most], len(values) - most)
    return values
