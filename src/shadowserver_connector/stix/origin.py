"""What the objects of a run have in common."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

StixObject: TypeAlias = dict[str, Any]
"""A STIX object as a plain dict, ready for `orjson`."""

SPEC_VERSION: Final = "2.1"

UNDATED: Final = "2004-01-01T00:00:00.000Z"
"""`created` and `modified` of objects that stand for something outside of any report.

STIX wants both times, and the same id with another time is another version. A country, a CVE or
the author is the same object in every report, so its times are fixed: the year Shadowserver was
founded. The form is the one that every date of ours has.
"""

SHARED_CONFIDENCE: Final = 15
"""Confidence in objects that other sources describe as well; "Low" in STIX 2.1, appendix A.

OpenCTI keeps the fields of an object written with higher confidence, so a curated entry is
neither renamed nor overwritten by ours. It must not change from one run to the next.
"""


class Origin(NamedTuple):
    """Who says so, and who may read it."""

    author: str
    """Id of the identity that creates the objects."""
    markings: tuple[str, ...]
    """Ids of the marking definitions of what a report discloses; never empty."""
