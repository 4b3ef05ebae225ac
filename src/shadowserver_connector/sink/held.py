"""Which objects OpenCTI holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shadowserver_connector.sink.platform import error_name, unavailable

# pycti has a call for this, which logs every id that it asks for. Only the standard id is read: the
# id that we give to Network-Traffic is another, so that is never found, and goes again.
_QUERY: Final = """
query Held($filters: FilterGroup, $first: Int) {
  stixObjectOrStixRelationships(filters: $filters, first: $first) {
    edges {
      node {
        ... on StixObject { standard_id }
        ... on StixCoreRelationship { standard_id }
      }
    }
  }
}
"""
# Each is a clause of its own in the platform's search, which has a limit of about a thousand.
_AT_ONCE: Final = 200


def held(helper: Any, ids: Sequence[str]) -> frozenset[str]:
    """Return those of the standard ids that OpenCTI has an object of.

    None where it refuses to tell. Raises SinkUnavailableError where it cannot be reached.
    """
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        found |= _held(helper, ids[start : start + _AT_ONCE])
    return frozenset(found & set(ids))


def _held(helper: Any, ids: Sequence[str]) -> set[str]:
    # As pycti asks when it exports: "ids" is compared with every id that an object has.
    filters = {
        "mode": "and",
        "filters": [{"key": "ids", "values": list(ids), "mode": "or"}],
        "filterGroups": [],
    }
    try:
        answer = helper.api.query(_QUERY, {"filters": filters, "first": len(ids)})
    except Exception as error:
        if error_name(error):
            return set()
        raise unavailable(error) from None
    edges = answer["data"]["stixObjectOrStixRelationships"]["edges"]
    return {str(edge["node"].get("standard_id")) for edge in edges}
