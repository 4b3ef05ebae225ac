"""Scores and indicators: only for what a report says to be malicious."""

from __future__ import annotations

from typing import Final

from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.stix import indicators
from shadowserver_connector.stix.origin import StixObject

SCORES: Final = {"info": 10, "low": 25, "medium": 50, "high": 75, "critical": 90}
"""Severity of a finding -> score of the malicious infrastructure in it."""


def malicious_score(make: PartMaker) -> int | None:
    """Return the score of what the part's party runs; ``None`` if it is not malicious."""
    context = make.context
    if not make.shape.meaning.malicious:
        return None
    # A bad severity is counted where rows are selected.
    return SCORES.get(make.text("severity").lower(), SCORES[context.report_type.severity])


def indicate(make: PartMaker, stix: StixObject, score: int | None) -> None:
    """Make the indicator of an observable, where it is malicious and indicators are wanted."""
    context = make.context
    if not (context.options.create_indicators and make.shape.meaning.malicious):
        return
    indicator = indicators.indicator(context.origin, stix, valid_from=context.day, score=score)
    make.relate(make.shared(indicator), "based-on", stix["id"])
