"""Rows with any text anywhere: a cell becomes only what its role and its text allow."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mapping.conversion import convert, is_balanced
from tests.mapping.expectation import CATALOGUE, cell

TYPES = sorted(
    {
        min(t.name for t in CATALOGUE.types.values() if t.family == f)
        for f in {t.family for t in CATALOGUE.types.values()}
    }
)
_ROLES = ("ip", "hostname", "url", "malware", "file.md5", "x509.sha1", "ssh.sha256", "tags", "port")

CELLS = st.one_of(
    st.just(""),
    st.text(max_size=30),
    st.builds(cell, st.sampled_from(_ROLES), st.integers(0, 300)),
)
"""Nothing, anything, or what would be valid in a column of some other role."""


@st.composite
def shifted(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a report type and a row whose cells are under the wrong columns."""
    report_type = draw(st.sampled_from(TYPES))
    width = len(CATALOGUE.column_names(report_type))
    return report_type, draw(st.lists(CELLS, min_size=width, max_size=width))


@settings(max_examples=60, deadline=None)
@given(shifted())
def test_identities_come_from_columns_that_hold_them(drawn: tuple[str, list[str]]) -> None:
    """Addresses, hashes and malware come only from columns with such a role."""
    report_type, row = drawn
    header = CATALOGUE.column_names(report_type)
    columns = [CATALOGUE.column(report_type, name) for name in header]
    with tempfile.TemporaryDirectory() as folder:
        converted = convert(Path(folder), report_type, header, [row], notes="finding")
    assert is_balanced(converted.outcome)

    def under(*roles: str) -> set[str]:
        wanted = tuple(roles)
        return {
            text.strip().lower().replace(":", "")
            for column, text in zip(columns, row, strict=True)
            if column.role.startswith(wanted)
        }

    for stix in converted.of("ipv4-addr"):
        assert stix["value"] in under("ip", "network", "domain")
    named = {_visible(text) for text in under("malware", "activity")}
    assert {_visible(stix["name"]) for stix in converted.of("malware")} <= named
    for stix in converted.of("file"):
        assert set(stix["hashes"].values()) <= under("file.")
    for stix in converted.of("x509-certificate"):
        assert set(stix["hashes"].values()) <= under("x509.") or under("x509.raw")


def _visible(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
