"""A role is complete: its cells are parsed, read by a rule, and explained in words."""

from __future__ import annotations

from functools import partial

import pytest

from shadowserver_connector.catalogue.columns import ROLES, Column
from shadowserver_connector.mapping.cells.readers import PARSERS, TIME_ROLES
from shadowserver_connector.mapping.objects.context import RelationshipRules
from shadowserver_connector.mapping.objects.traffic import ROLES as TRAFFIC_ROLES
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.plan import RULES
from shadowserver_connector.mapping.texts.explain import NOTE_ONLY, describe_mapping
from tests.mapping.expectation import CATALOGUE

ONLY_IN_NOTES = frozenset(
    [
        *("as_name", "region", "city", "naics", "sic", "sector"),
        *("hostname_source", "secret", "internal", "text"),
    ]
)
"""Roles whose cells are shown in Notes and become nothing else: they need no code."""
READ_BY_THE_ROW = frozenset([*TIME_ROLES, *TRAFFIC_ROLES, "severity", "count"])
"""Roles that the row's own objects take, without a rule."""


def words(role: str) -> str:
    """Return what `explain` says of a role, in a file that has every role, with
    all relationships.
    """
    kinds = {name: name.partition(".")[0] for name in ROLES}
    columns = [
        Column(name, name, "asset", kind if kind != name else "", name)
        for name, kind in sorted(kinds.items())
    ]
    report_type = CATALOGUE.types["scan_ssl"]
    (column,) = (each for each in columns if each.role == role)
    rules = RelationshipRules(CATALOGUE.links, Options(relationships=None), joined=False)
    meaning_of = partial(CATALOGUE.meaning, report_type)
    return describe_mapping(column, columns, report_type, meaning_of, rules)


def has_rule(role: str) -> bool:
    """Tell whether a rule of the mapping, or the row itself, reads cells of this role."""
    starts = tuple(name for rule in RULES for name in rule.roles if name.endswith("."))
    names = {name for rule in RULES for name in (*rule.roles, *rule.also_reads)}
    return role in names | READ_BY_THE_ROW or role.startswith(starts)


@pytest.mark.parametrize("role", sorted(ROLES - ONLY_IN_NOTES))
def test_a_role_has_parser_rule_and_words(role: str) -> None:
    """A role without a parser, a rule or words would be accepted and have no effect."""
    assert role in PARSERS, (
        "mapping/cells/readers.py has no parser for it; if it is only shown in Notes, list it in "
        "ONLY_IN_NOTES"
    )
    assert has_rule(role), "mapping/planning/plan.py has no rule that reads it"
    assert words(role) != NOTE_ONLY, "mapping/texts/explain.py does not say what it becomes"


@pytest.mark.parametrize("role", sorted(ONLY_IN_NOTES))
def test_a_role_that_is_only_in_notes_has_none_of_them(role: str) -> None:
    """A role that is only in Notes has no parser, rule or words."""
    assert role in ROLES
    assert role not in PARSERS
    assert not has_rule(role)
    assert words(role) == NOTE_ONLY or role == "secret"
