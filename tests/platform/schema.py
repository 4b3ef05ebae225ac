"""What a version of the platform accepts at registration; it refuses everything else.

GraphQL first checks the requested fields, then the input, and only then executes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.platform.errors import PlatformError, bad_input
from tests.platform.graphql import Field

_INPUT = "RegisterConnectorInput"
_OLDEST_INPUT = frozenset({
    "id", "name", "type", "scope", "auto", "only_contextual", "playbook_compatible",
    "listen_callback_uri",
})  # fmt: skip
_OLDEST_SHOWN = frozenset({
    "id", "name", "active", "auto", "connector_state", "connector_user_id", "config",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schema:
    """Fields of a registration, sent and shown."""

    taken: frozenset[str]
    shown: frozenset[str]
    introspection: bool = True
    """Whether it tells them."""
    input_status: int = 400
    """HTTP status of a refusal for what was sent; that of Apollo 4 is 200."""

    def told(self, name: str) -> dict[str, Any] | None:
        """Return the introspection of a type."""
        if not self.introspection:
            raise PlatformError("RESOURCE_NOT_FOUND", "GraphQL introspection not authorized!")
        if name != _INPUT:
            return None
        return {"inputFields": [{"name": each} for each in sorted(self.taken)]}


OLDEST = Schema(_OLDEST_INPUT, _OLDEST_SHOWN)
"""OpenCTI 6."""
OLDER = Schema(
    _OLDEST_INPUT | {"auto_update", "enrichment_resolution", "xtm_one_intent"},
    _OLDEST_SHOWN | {"jwks"},
)
"""OpenCTI 7.260817."""
NEWEST = Schema(OLDER.taken | {"version", "slug"}, OLDER.shown)
"""OpenCTI 7.261026."""


def check_registration(schema: Schema, field: Field) -> None:
    """Raise the platform's error for a registration that it does not understand."""
    for asked in field.selection:
        if asked.name not in schema.shown:
            raise PlatformError(
                "GRAPHQL_VALIDATION_FAILED",
                f'Cannot query field "{asked.name}" on type "Connector".',
                http_status=400,
            )
    given = field.arguments["input"]
    refused = [f'not to include unknown field "{key}"' for key in given if key not in schema.taken]
    if given.get("id") is None:
        refused.insert(0, 'to have a non-null value in field "id"')
    if refused:
        error, *error.others = (
            bad_input(f'Variable "$input" has invalid value: Expected "{_INPUT}" {each}.')
            for each in refused
        )
        error.http_status = schema.input_status
        raise error
