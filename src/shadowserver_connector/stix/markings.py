"""TLP marking definitions, with the ids that they have on every OpenCTI platform."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from shadowserver_connector.stix.origin import SPEC_VERSION, StixObject

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
        return _statement(marking_id, "TLP:CLEAR")
    if marking_id == AMBER_STRICT:
        return _statement(marking_id, name)
    return {
        "type": "marking-definition",
        "spec_version": SPEC_VERSION,
        "id": marking_id,
        "created": _CREATED,
        "definition_type": "tlp",
        "name": name,
        "definition": {"tlp": name.removeprefix("TLP:").lower()},
    }


def _statement(marking_id: str, name: str) -> StixObject:
    return {
        "type": "marking-definition",
        "spec_version": SPEC_VERSION,
        "id": marking_id,
        "created": _CREATED,
        "definition_type": "statement",
        "name": name,
        "definition": {"statement": name},
        "x_opencti_definition_type": "TLP",
        "x_opencti_definition": name,
    }
