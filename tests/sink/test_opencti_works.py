from __future__ import annotations

from pycti import __version__

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.sink.platform import Abilities, abilities, within
from shadowserver_connector.sink.works import close_orphans
from tests.sink.installed import CAN
from tests.sink.pycti_fakes import FakeHelper, OldestHelper, OldHelper


def test_abilities_are_asked_of_pycti() -> None:
    """A keyword in the signature counts, and a word that a method looks up or writes."""
    assert abilities(FakeHelper()) == Abilities("no_split", True, True, True)
    assert abilities(OldHelper()) == Abilities(None, False, False, False)
    assert abilities(OldestHelper()) == Abilities("bypass_split", False, False, False)


def test_conversion_makes_what_pycti_can_import() -> None:
    """What the importer does not know is not made; what a user switched off stays off."""
    assert within(Options(), abilities(FakeHelper())) == Options()
    assert within(Options(), abilities(OldHelper())) == Options(
        ssh_keys=False, network_traffic=False
    )
    off = Options(network_traffic=False)
    assert within(off, abilities(FakeHelper())) == off


def test_works_left_open_are_closed_never_deleted() -> None:
    """Works that are complete, or wait for OpenCTI's workers only, stay as they are."""
    helper = FakeHelper()
    works = helper.api.work
    for name in ("complete", "processed", "left open"):
        works.initiate_work("connector-id", name)
    works.works["work-1"]["status"] = "complete"
    works.to_processed("work-2", "done")
    assert close_orphans(helper, "interrupted") == ["left open"]
    assert works.works["work-3"]["message"] == "interrupted"
    assert works.works["work-2"]["message"] == "done"
    assert "message" not in works.works["work-1"]


def test_installed_pycti_can_be_asked() -> None:
    """The newest pycti can do everything, and says so; the oldest that we support does not."""
    known = {
        "6.2": Abilities("bypass_split", False, False, False),
        "7": Abilities("no_split", True, True, True),
    }
    version = ".".join(__version__.split(".")[: 2 if __version__.startswith("6.") else 1])
    assert known[version] == CAN
