"""For any content of cells, nothing raises and no row is lost."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import orjson
import stix2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadowserver_connector.catalogue.columns import ROLES
from shadowserver_connector.catalogue.loader import load_catalogue
from tests.bundle.checks import assert_closed_and_ordered
from tests.mapping.conversion import convert, findings_in, is_balanced
from tests.mapping.rows import value
from tests.stix.examples import OBSERVABLE_TYPES
from tests.stix.exceptions import complaints

_FAMILIES = {known.family: known.name for known in load_catalogue().types.values()}
_OBSERVABLES = OBSERVABLE_TYPES - {"artifact"}


def _columns_by_role() -> dict[str, tuple[str, str]]:
    """Return a report type and a column for each role that a published column has."""
    catalogue = load_catalogue()
    found: dict[str, tuple[str, str]] = {}
    for report_type in catalogue.types:
        for name in catalogue.column_names(report_type):
            found.setdefault(catalogue.column(report_type, name).role, (report_type, name))
    return found


BY_ROLE = _columns_by_role()

_CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            *("|", "\\", "\\|", "`", "``|``", "<b>", "&lt;", "\n", "\r\n", "\0", " ", "-", "0"),
            *("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.0/33", "1e9", "٣", "²"),
            *("a.example.com", "*.example.com", "xn--", "AS64496", "4294967295", "CVE-2024-1"),
            *("http://[::1", "https://example.com/\u2028", "T1110", "=1+1", "a,b;c", "\ufeff"),
            *("9999-12-31 23:59:59", "0001-01-01 00:00:00", "2024-02-30 00:00:00", "İ", "ﬁ"),
        ]
    ),
)
_QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def test_every_role_of_a_published_column_is_tried() -> None:
    """Every role is tried, except those that only unpublished columns have."""
    assert set(BY_ROLE) <= ROLES
    assert len(BY_ROLE) > 60


@_QUICK
@given(
    report_type=st.sampled_from(sorted(_FAMILIES.values())),
    roles=st.lists(st.sampled_from(sorted(BY_ROLE)), min_size=1, max_size=9, unique=True),
    rows=st.lists(st.lists(_CELL, min_size=9, max_size=9), min_size=1, max_size=4),
    notes=st.sampled_from(["finding", "host", "none"]),
)
def test_any_cells_in_any_columns(
    report_type: str, roles: list[str], rows: list[list[str]], notes: str
) -> None:
    """Each row is in one Note, and in one Observed-Data if it has an observable."""
    header = [BY_ROLE[role][1] for role in roles]
    header = list(dict.fromkeys([*header, "ip", "timestamp"]))
    width = len(header)
    several = [[*row, "192.0.2.1", ""][:width] + [""] * (width - 11) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        converted = convert(
            Path(folder),
            report_type,
            header,
            several,
            notes=notes,
            create_incident=True,
            case_min_severity="info",
            create_indicators=True,
        )
    outcome = converted.outcome
    assert is_balanced(outcome)
    for objects in converted.bundles:
        assert_closed_and_ordered(objects)
        for stix in objects:
            stix2.parse(stix, allow_custom=True)
    if notes == "finding":
        # Rows of the same finding share its Note, which then says how many they are.
        assert findings_in(converted.of("note")) == outcome.noted
        assert outcome.noted + outcome.merged + outcome.empty == outcome.rows
    if any(stix["type"] in _OBSERVABLES for stix in converted.everything()):
        observed = converted.of("observed-data")
        assert 1 <= len(observed) <= outcome.rows


@settings(_QUICK, max_examples=60)
@given(role=st.sampled_from(sorted(BY_ROLE)), cell=_CELL)
def test_any_cell_in_a_column_of_each_role(role: str, cell: str) -> None:
    """The OASIS validator accepts whatever a cell becomes."""
    report_type, name = BY_ROLE[role]
    catalogue = load_catalogue()
    header = catalogue.column_names(report_type)
    row = [
        cell if column == name else value(catalogue.column(report_type, column).role, 1)
        for column in header
    ]
    with tempfile.TemporaryDirectory() as folder:
        converted = convert(Path(folder), report_type, header, [row])
    assert is_balanced(converted.outcome)
    assert len(converted.of("note")) == 1
    for stix in converted.everything():
        assert _complaints(orjson.dumps(stix)) == ()


@cache
def _complaints(stix: bytes) -> tuple[str, ...]:
    """Return the validator's complaints, cached, as most objects repeat between examples."""
    return tuple(complaints(orjson.loads(stix)))
