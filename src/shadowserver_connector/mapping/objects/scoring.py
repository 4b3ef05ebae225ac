"""Indicators: only for what a report says to be malicious."""

from __future__ import annotations

from shadowserver_connector.mapping.objects.collector import PartMaker
from shadowserver_connector.stix import indicators
from shadowserver_connector.stix.origin import StixObject


def indicate(make: PartMaker, stix: StixObject) -> None:
    """Make the indicator of an observable, where it is malicious and indicators are wanted."""
    context, meaning = make.context, make.shape.meaning
    if not (context.options.create_indicators and meaning.malicious):
        return
    indicator = indicators.indicator(
        context.origin, stix, valid_from=context.day, score=meaning.score
    )
    make.relate(make.shared(indicator), "based-on", stix["id"])
