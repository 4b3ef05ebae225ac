"""Which objects OpenCTI holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from shadowserver_connector.sink.platform import as_ours, is_refusal

# pycti has a call for this, which logs every id that it asks for. Network-Traffic is found by the
# id that we give to it, which OpenCTI keeps beside its own.
_QUERY: Final = """
query Held($filters: FilterGroup, $first: Int) {
  stixObjectOrStixRelationships(filters: $filters, first: $first) {
    edges {
      node {
        ... on StixObject { standard_id x_opencti_stix_ids }
        ... on StixCoreRelationship { standard_id }
      }
    }
  }
}
"""
# Each is a clause of its own in the platform's search, which has a limit of about a thousand.
_AT_ONCE: Final = 200


def held(helper: Any, ids: Sequence[str]) -> frozenset[str]:
    """Return those of the ids that OpenCTI has an object of.

    None where it refuses to tell. Raises SinkUnavailableError where it cannot be reached.
    """
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        found.update(_held(helper, ids[start : start + _AT_ONCE]))
    return frozenset(found.intersection(ids))


def _held(helper: Any, ids: Sequence[str]) -> Iterator[str]:
    # As pycti asks when it exports: "ids" is compared with every id that an object has.
    filters = {
        "mode": "and",
        "filters": [{"key": "ids", "values": list(ids), "mode": "or"}],
        "filterGroups": [],
    }
    try:
        answer = helper.api.query(_QUERY, {"filters": filters, "first": len(ids)})
    except Exception as error:
        if is_refusal(error):
            return
        raise as_ours(error) from None
    listed = answer["data"]["stixObjectOrStixRelationships"] or {"edges": []}
    for edge in listed["edges"]:
        node = edge["node"]
        yield str(node.get("standard_id"))
        yield from map(str, node.get("x_opencti_stix_ids") or ())
