"""The features of the installed pycti."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final

from pycti import OpenCTIApiWork, OpenCTIConnectorHelper, StixCyberObservable

from shadowserver_connector.sink.platform import Abilities, find_abilities


def _ask() -> Abilities:
    helper = OpenCTIConnectorHelper.__new__(OpenCTIConnectorHelper)
    observables = StixCyberObservable.__new__(StixCyberObservable)
    helper.api = SimpleNamespace(work=OpenCTIApiWork(None), stix_cyber_observable=observables)
    return find_abilities(helper)


CAN: Final = _ask()
