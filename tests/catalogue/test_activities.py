"""No activity, service or class of malware becomes a malware family, and no family is lost."""

from __future__ import annotations

import re

import pytest

from shadowserver_connector.catalogue.catalogue import Activities
from shadowserver_connector.catalogue.loader import load_catalogue
from tests.catalogue.activities import BY_ENDING, BY_WORD, FAMILIES, OTHERWISE_SPELT

ACTIVITIES = load_catalogue().activities


@pytest.mark.parametrize("cell", [*BY_ENDING, *BY_WORD, *OTHERWISE_SPELT])
def test_an_activity_is_one(cell: str) -> None:
    """Each activity is listed here, so a word removed from the data is noticed."""
    assert cell in ACTIVITIES


@pytest.mark.parametrize("cell", FAMILIES)
def test_a_family_is_none(cell: str) -> None:
    """Names that contain a word of the data, such as `gameover-zeus-proxy`, are families."""
    assert cell not in ACTIVITIES


@pytest.mark.parametrize("cell", ["XOR DDoS", "xor_ddos", "ddos-nitol", "spam-cutwail"])
def test_a_family_may_have_the_form_of_an_activity(cell: str) -> None:
    """A listed family is a family in any spelling, even if it looks like an activity."""
    assert cell not in ACTIVITIES


def test_everything_in_the_data_is_expected_by_a_cell_of_its_own() -> None:
    """Each word and form of the data has a cell here that needs it."""
    words, forms = ACTIVITIES.words, ACTIVITIES.forms
    assert words == set(BY_WORD)
    for form, cell in zip(forms, BY_ENDING, strict=True):
        assert cell in Activities(frozenset(), (form,))
        assert cell not in Activities(words, tuple(other for other in forms if other != form))


def test_activities_are_written_as_they_are_compared() -> None:
    """The data has activities in lower case, with hyphens between words."""
    for word in ACTIVITIES.words:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word)
