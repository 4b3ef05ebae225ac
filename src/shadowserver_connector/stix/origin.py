"""The source, and who may read it: what the objects of a run have in common."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

StixObject: TypeAlias = dict[str, Any]
"""A STIX object as a plain dict, ready for `orjson`."""

SPEC_VERSION: Final = "2.1"

UNDATED: Final = "1970-01-01T00:00:00.000Z"
"""`created` and `modified` of objects that exist outside any report.

STIX requires both times, and the same id with another time is another version. A country, a CVE or
the author is the same object in every report, so its times are fixed. Nobody knows when they came
into being: OpenCTI treats the beginning of Unix time as no date and shows a dash. The form is that
of all our dates.
"""

REPORTED_CONFIDENCE: Final = 75
"""Confidence in what Shadowserver says itself: one good source that measured it.

OpenCTI shows a number in words: "2 - Probably True" on the Admiralty scale, its default (60 to
79), "Witnessed" and "High" on the two others that it offers. Without one, an object would have the
highest that the connector's user may give, usually 100: "1 - Confirmed by other sources", and
nothing that an analyst writes with less would be kept. What he raises above this stays his. It must
not change: OpenCTI ignores what is sent with less than it was once sent with.
"""

SHARED_CONFIDENCE: Final = 40
"""Confidence in objects that other sources describe as well: "3 - Possibly True" (40 to 59).

OpenCTI keeps the fields of an object written with higher confidence, so a curated entry is
neither renamed nor overwritten by ours: it has 50 at least where people or other connectors give
one, and 100 where they give none. It must not change from one run to the next.
"""


class Origin(NamedTuple):
    """The source, and who may read it."""

    author: str
    """Id of the identity that creates the objects."""
    markings: tuple[str, ...]
    """Ids of the marking definitions of what a report discloses; never empty."""


CLEAR: Final = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
GREEN: Final = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
AMBER: Final = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
AMBER_STRICT: Final = "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37"
RED: Final = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"

TLP: Final = MappingProxyType(
    {
        "TLP:CLEAR": CLEAR,
        "TLP:WHITE": CLEAR,
        "TLP:GREEN": GREEN,
        "TLP:AMBER": AMBER,
        "TLP:AMBER+STRICT": AMBER_STRICT,
        "TLP:RED": RED,
    }
)
"""Name of a marking, as in the settings, to its id. WHITE is the TLP 1.0 name of CLEAR."""

# Fixed by STIX 2.1, section 7.2.1.4, for its own TLP markings.
_CREATED = "2017-01-20T00:00:00.000Z"


def tlp_marking(name: str) -> StixObject:
    """Return the marking definition named, one of the keys of `TLP`; `KeyError` otherwise.

    STIX 2.1 knows TLP 1.0 only, so CLEAR and AMBER+STRICT are written as statements and named for
    OpenCTI in its own properties.
    """
    marking_id = TLP[name]
    if marking_id == CLEAR:
        name = "TLP:CLEAR"
    kind, value = "tlp", name.removeprefix("TLP:").lower()
    if marking_id in (CLEAR, AMBER_STRICT):
        # The OASIS validator knows no TLP 2.0, and refuses these as `tlp`.
        kind, value = "statement", name
    marking: StixObject = {
        "type": "marking-definition",
        "spec_version": SPEC_VERSION,
        "id": marking_id,
        "created": _CREATED,
        "definition_type": kind,
        "name": name,
        "definition": {kind: value},
    }
    if kind == "statement":
        marking |= {"x_opencti_definition_type": "TLP", "x_opencti_definition": name}
    return marking
