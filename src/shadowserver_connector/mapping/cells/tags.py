"""Tags, severities, CVE ids and ATT&CK techniques."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from shadowserver_connector.mapping.cells.free_text import is_null, one_line

MAX_LENGTH: Final = 128
"""OpenCTI cannot filter by labels of more than 512 characters; no tag is half as long as this."""

MAX_NUMBER: Final = 50
"""Each new label is a read and a write for OpenCTI: a cell full of rubbish must not create many."""

_SEPARATORS: Final = re.compile(r"[;,]")
_LONGEST: Final = 4_096
"""Of a cell, characters that are not seen included."""

_BETWEEN_WORDS: Final = re.compile(r"[ _]+")
_CVE: Final = re.compile(
    r"(?<![a-z0-9])cve-(?:1999|20[0-9]{2})-[0-9]{4,19}(?![0-9a-z])", re.IGNORECASE | re.ASCII
)


def split_tags(text: str) -> tuple[str, ...]:
    """Return the labels in a cell, separated by `;` or `,`, each once, in order.

    Empty and overlong tags are left out, and everything after `MAX_NUMBER` labels. A CVE id is not
    a label: it becomes a Vulnerability.
    """
    labels: dict[str, None] = {}
    for part in _SEPARATORS.split(text):
        try:
            label = parse_label(part)
        except ValueError:
            continue
        if _CVE.fullmatch(label):
            continue
        labels[label] = None
        if len(labels) == MAX_NUMBER:
            break
    return tuple(labels)


def tags_left_out(text: str) -> int:
    """Return how many tags of a cell do not become labels because there are too many."""
    if text.count(";") + text.count(",") < MAX_NUMBER:
        return 0
    tags = {part.strip().lower() for part in _SEPARATORS.split(text)}
    return max(0, len(tags - {""}) - MAX_NUMBER)


def parse_label(text: str) -> str:
    """Return a label in lower case, its words joined by hyphens, without invisible characters.

    Shadowserver writes ``compromised-website`` as a tag and ``compromised_website`` as a type.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a label of more than {MAX_LENGTH} characters")
    # Lower-casing comes first: it can introduce characters of its own.
    label = _BETWEEN_WORDS.sub("-", one_line(text.lower()))
    if is_null(label):
        raise ValueError("an empty label")
    if len(label) > MAX_LENGTH:
        raise ValueError(f"a label of more than {MAX_LENGTH} characters")
    return label


SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
"""From the least to the most severe."""

RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def parse_severity(text: str) -> str:
    """Return one of `SEVERITIES`."""
    severity = text.lower()
    if severity not in RANK:
        raise ValueError(f"not a severity: one of {', '.join(SEVERITIES)}")
    return severity


def highest(severities: Iterable[str]) -> str:
    """Return the most severe; `ValueError` if there is none."""
    return max(severities, key=RANK.__getitem__)


def find_cves(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a text, in upper case, each once, in their order."""
    return tuple(dict.fromkeys(found.upper() for found in _CVE.findall(text)))


_TECHNIQUE: Final = re.compile(
    r"(?<![a-z0-9.-])t[0-9]{4}(?:\.[0-9]{3})?(?![0-9a-z-]|\.[0-9])", re.IGNORECASE | re.ASCII
)


def find_attack_ids(text: str) -> tuple[str, ...]:
    """Return the technique ids (`T1110`, `T1110.001`) in a text, each once, in their order."""
    return tuple(dict.fromkeys(found.upper() for found in _TECHNIQUE.findall(text)))


MAX_IDS: Final = 50
"""Maximum number of CVE or ATT&CK ids from one cell; a report names a dozen at most."""


class TooManyError(ValueError):
    """A cell has more values than are used from one; it carries the first of them."""

    def __init__(self, what: str, values: tuple[Any, ...], left_out: int) -> None:
        super().__init__(f"{what} beyond the maximum for one cell, left out")
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


def first_of(what: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values; raise ``TooManyError`` with the first where there are too many."""
    if len(values) > MAX_IDS:
        raise TooManyError(what, values[:MAX_IDS], len(values) - MAX_IDS)
    return values
