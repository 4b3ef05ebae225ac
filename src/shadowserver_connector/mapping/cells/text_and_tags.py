"""Free text, truth values, counts; tags, severities, CVE ids, techniques; invisible characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from shadowserver_connector.catalogue.catalogue import SEVERITIES
from shadowserver_connector.stix.reported_objects import MAX_NUMBER_OBSERVED

JOINERS: Final = "\u200c\u200d"
"""Zero-width non-joiner and joiner, which Arabic and Indic scripts are written with."""

INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Ranges for a class of a regular expression: Unicode's Default_Ignorable_Code_Point and format
characters (Cf), except the joiners and the signs before numbers (Prepended_Concatenation_Mark),
which are seen."""

# Surrogates as the regular expression's own escapes: a string with real ones cannot be compiled.
_NOTHING: Final = re.compile(f"[{INVISIBLE}" r"\ud800-\udfff]")
# U+0600 to U+1CFF: from Arabic to Vedic, with the Indic scripts between them.
_STRAY_JOINERS: Final = re.compile(
    f"(?<![\u0600-\u1cff])[{JOINERS}]+|[{JOINERS}]+(?![\u0600-\u1cff])"
)
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str) -> str:
    """Return a text on one line, without invisible characters and outer space.

    Control characters and line breaks become a space, format characters and lone surrogates
    nothing. A joiner stays only between letters of scripts that need it.
    """
    # Of ASCII, nothing is invisible but control characters, and `_BLANKS` has those.
    if not text.isascii():
        text = _STRAY_JOINERS.sub("", _NOTHING.sub("", text))
    return _BLANKS.sub(" ", text).strip()


_NULLS: Final = frozenset({"", "-", "null", "none", "unknown", "??", "n/a"})


def is_null(text: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return text.strip().lower() in _NULLS


def is_null_number(text: str) -> bool:
    """Tell whether a cell of an ASN or NAICS column says that there is no value; 0 does too."""
    stripped = text.strip()
    return stripped == "0" or stripped.lower() in _NULLS


# Whoever runs a service writes its texts: without limits, a name could have megabytes.
MAX_NAME: Final = 256
MAX_USER_AGENT: Final = 2048
MAX_DIRECTORY_TEXT: Final = 1024


def parse_term(text: str) -> str:
    """Return the name of a product, vendor, malware or algorithm on one line."""
    return _single_line(text, MAX_NAME)


def parse_user_agent(text: str) -> str:
    """Return a user agent on one line."""
    return _single_line(text, MAX_USER_AGENT)


# A version, then a commit: apart from it, or as `git describe` writes it, `1.2-12-gbaa91f7`.
_BUILD: Final = re.compile(
    r"(?P<version>[vV]?[0-9][\w.+~-]*?)"
    r"(?:[\s,;(\[]+(?:(?:commit|revision|rev|git|build|sha1?)[\s:=#-]*)?[rg]?[0-9a-f]{7,64}[)\]]?"
    r"|(?:-[0-9]+)?[-+]g[0-9a-f]{7,64})",
    re.IGNORECASE,
)
# Digits alone, or with a letter before them, may be a date (`2.7 b20240131`), and letters alone a
# word.
_COMMIT_HAS: Final = re.compile(
    r"(?![a-f]?20[0-9]{6}\b)[0-9a-f]*(?:[0-9][a-f]|[a-f][0-9])[0-9a-f]*[)\]]?\Z", re.IGNORECASE
)


def parse_version(text: str) -> str:
    """Return the version of a product or certificate on one line; one character is enough.

    A commit after it is left out, ``2.7.3, rbaa91f7c...``: otherwise each build would be a product.
    """
    line = _single_line(text, MAX_NAME, shortest=1)
    build = _BUILD.fullmatch(line)
    return build["version"] if build is not None and _COMMIT_HAS.search(line) else line


def parse_directory_text(text: str) -> str:
    """Return a distinguished name, or a part of one, on one line."""
    return _single_line(text, MAX_DIRECTORY_TEXT, shortest=1)


def _single_line(text: str, longest: int, shortest: int = 2) -> str:
    # OpenCTI refuses names of one character.
    line = one_line(text)
    # A name of only invisible characters would be an object without a name.
    if len(line) < shortest or not any(map(str.isprintable, line)):
        raise ValueError(f"less than {shortest} characters")
    if len(line) > longest:
        raise ValueError(f"more than {longest} characters")
    return line


_TRUE: Final = frozenset({"y", "yes", "true", "1"})
_FALSE: Final = frozenset({"n", "no", "false", "0"})


def parse_boolean(text: str) -> bool:
    """Return what Y/N, yes/no, true/false or 1/0 says."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("neither yes nor no")


def parse_count(text: str) -> int:
    """Return a count from 1 to what STIX allows as the number of an observed-data."""
    # The limit is nine nines, so the length tests it, and no long number is converted.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ValueError(f"not a count from 1 to {MAX_NUMBER_OBSERVED}")
    return int(text)


MAX_LABEL_LENGTH: Final = 128
"""OpenCTI cannot filter by labels of more than 512 characters; no tag is half as long as this."""

MAX_LABELS: Final = 50
"""Each new label is a read and a write for OpenCTI: a cell full of rubbish must not create many."""

_SEPARATORS: Final = re.compile(r"[;,]")
_LONGEST: Final = 4_096
"""Of one tag as it is in the file, characters that are not seen included."""

_BETWEEN_WORDS: Final = re.compile(r"[ _]+")
# As in the schema of CVE records: four to nineteen digits, the first year 1999.
_CVE: Final = re.compile(
    r"(?<![a-z0-9])cve-(?:1999|20[0-9]{2})-[0-9]{4,19}(?![0-9a-z])", re.IGNORECASE | re.ASCII
)


def split_tags(text: str) -> tuple[str, ...]:
    """Return the labels in a cell, separated by `;` or `,`, each once, in order.

    Empty and overlong tags are left out, and everything after `MAX_LABELS` labels. A CVE id is not
    a label: it becomes a Vulnerability.
    """
    labels: dict[str, None] = {}
    for label in _labels_in(text):
        labels[label] = None
        if len(labels) == MAX_LABELS:
            break
    return tuple(labels)


def _labels_in(text: str) -> Iterator[str]:
    for part in _SEPARATORS.split(text):
        try:
            label = parse_label(part)
        except ValueError:
            continue
        if not _CVE.fullmatch(label):
            yield label


def tags_left_out(text: str) -> int:
    """Return how many tags of a cell do not become labels because there are too many."""
    # Nearly every cell has fewer, and need not be split a second time.
    if text.count(";") + text.count(",") < MAX_LABELS:
        return 0
    return max(0, len(set(_labels_in(text))) - MAX_LABELS)


def parse_label(text: str) -> str:
    """Return a label in lower case, its words joined by hyphens, without invisible characters.

    Shadowserver writes ``compromised-website`` as a tag and ``compromised_website`` as a type.
    """
    # Before the cell is cleaned: one of megabytes would take long.
    if len(text) > _LONGEST:
        raise ValueError(f"a label of more than {MAX_LABEL_LENGTH} characters")
    # Lower-casing comes first: it can introduce characters of its own.
    label = _hyphenated(text.lower())
    if is_null(label):
        raise ValueError("an empty label")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"a label of more than {MAX_LABEL_LENGTH} characters")
    return label


def _hyphenated(text: str) -> str:
    return _BETWEEN_WORDS.sub("-", one_line(text))


RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def parse_severity(text: str) -> str:
    """Return one of `SEVERITIES`."""
    severity = text.lower()
    if severity not in RANK:
        raise ValueError(f"not a severity: one of {', '.join(SEVERITIES)}")
    return severity


def find_cves(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a text, in upper case, each once, in their order.

    They are also found with spaces or underscores for hyphens, as `split_tags` takes them.
    """
    lowered = text.lower()
    # Most texts have none, and need not be cleaned.
    if "cve" not in lowered and lowered.isascii():
        return ()
    return tuple(dict.fromkeys(found.upper() for found in _CVE.findall(_hyphenated(lowered))))


# Not a part of something longer, such as `cve-t1234`, `T12345` or the version `T1234.5`.
_TECHNIQUE: Final = re.compile(
    r"(?<![a-z0-9.-])t[0-9]{4}(?:\.[0-9]{3})?(?![0-9a-z-]|\.[0-9])", re.IGNORECASE | re.ASCII
)


def find_attack_ids(text: str) -> tuple[str, ...]:
    """Return the technique ids (`T1110`, `T1110.001`) in a text, each once, in their order."""
    return tuple(dict.fromkeys(found.upper() for found in _TECHNIQUE.findall(text)))


MAX_IDS: Final = 50
"""Maximum number of CVE or ATT&CK ids from one cell; a report names a dozen at most."""


class LeftOutError(ValueError):
    """Not all values of a cell are used; it carries those that are."""

    def __init__(self, what: str, values: tuple[Any, ...], left_out: int) -> None:
        # Without the number: anomalies are counted by their text.
        super().__init__(f"{what}, left out")
        self.values = values
        self.left_out = left_out


def parse_cves(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a cell; raise ``LeftOutError`` for more than ``MAX_IDS``."""
    return all_within_limit("CVE ids", find_cves(text))


def parse_attack_ids(text: str) -> tuple[str, ...]:
    """Return the ATT&CK ids in a cell; raise ``LeftOutError`` for more than ``MAX_IDS``."""
    return all_within_limit("ATT&CK ids", find_attack_ids(text))


def parse_cves_in_tags(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a cell of tags.

    Raises ``LeftOutError`` where there are too many of them, or more tags than become labels.
    """
    # The labels are not read here but for the whole row, by `LabelCache`.
    cves = parse_cves(text)
    if left_out := tags_left_out(text):
        raise LeftOutError("tags beyond the maximum for one cell", cves, left_out)
    return cves


def all_within_limit(what: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values; raise ``LeftOutError`` with the first of them if there are too many."""
    if len(values) > MAX_IDS:
        raise LeftOutError(
            f"{what} beyond the maximum for one cell", values[:MAX_IDS], len(values) - MAX_IDS
        )
    return values
