"""Labels and Observed-Data of several rows, merged."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.bundle.finding_objects import (
    LAYER_OF,
    ObservedDraft,
    flatten_label_sets,
    merge_label_sets,
    merge_observed,
)
from tests.stix.examples import EXAMPLES

LABELS = st.lists(st.sampled_from(["iot", "ssl", "vpn", "ssh"]), unique=True).map(
    lambda labels: tuple(sorted(labels))
)


@given(st.lists(LABELS, min_size=1))
def test_labels_of_any_rows_are_united(rows: list[tuple[str, ...]]) -> None:
    """The labels of all rows are merged, each once, sorted."""
    merged = reduce(merge_label_sets, rows)
    assert flatten_label_sets(merged) == sorted({label for labels in rows for label in labels})
    assert merge_label_sets(merged, rows[0]) == merged


def test_same_labels_stay_as_they_are() -> None:
    """If all rows have the same labels, their tuple is reused."""
    labels = ("iot", "ssl")
    assert merge_label_sets(labels, ("iot", "ssl")) is labels


def test_observed_data_covers_both() -> None:
    """A merged Observed-Data has the earlier start, the later end and the sum of the counts."""
    one = ObservedDraft(("ipv4-addr--x",), "2024-01-31T02", "2024-01-31T03", 2, ("iot",))
    other = ObservedDraft(("ipv4-addr--x",), "2024-01-31T01", "2024-01-31T02", 3, ("ssl",))
    merged = merge_observed(one, other)
    assert (merged.refs, merged.times) == (one.refs, 5)
    assert (merged.first, merged.last) == ("2024-01-31T01", "2024-01-31T03")
    assert flatten_label_sets(merged.labels) == ["iot", "ssl"]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_observed_data_recurs_if_all_of_it_does(one: bool, other: bool, both: bool) -> None:
    """A merged Observed-Data recurs only if both of its parts do."""
    drafts = [ObservedDraft(("ipv4-addr--x",), "a", "b", 1, (), recurs) for recurs in (one, other)]
    assert merge_observed(*drafts).already_sent is both


def test_every_type_has_its_place_in_a_bundle() -> None:
    """Every type of object has a place in the order of a bundle."""
    types = {example["type"] for example in EXAMPLES.values()}
    assert sorted(types - LAYER_OF.keys()) == [], (
        "bundle/finding_objects.py: add the type to _LAYERS"
    )
