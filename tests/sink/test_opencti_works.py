from __future__ import annotations

from types import SimpleNamespace

from pycti import OpenCTIApiWork, OpenCTIConnectorHelper, __version__

from shadowserver_connector.bundle.chunk import Encoded
from shadowserver_connector.sink.platform import abilities
from shadowserver_connector.sink.sent import SentObjects
from shadowserver_connector.sink.works import close_orphans
from tests.sink.pycti_fakes import FakeHelper, OldHelper


def test_abilities_are_asked_of_pycti() -> None:
    """A keyword in the signature counts, and one that is looked up in ``**kwargs``."""
    assert abilities(FakeHelper()).whole_messages
    assert abilities(FakeHelper()).multipart_works
    assert not abilities(OldHelper()).whole_messages
    assert not abilities(OldHelper()).multipart_works


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


def test_memory_of_sent_objects_is_bounded() -> None:
    """The objects met longest ago are forgotten: they are sent once more."""
    sent = SentObjects(capacity=2)
    objects = [Encoded(f"ipv4-addr--{n}", b"%d" % n) for n in range(3)]
    sent.add(objects[:2])
    sent.settle()
    assert sent.known(objects[:1]) == {"ipv4-addr--0"}
    sent.add(objects[2:])
    sent.settle()
    assert sent.known(objects) == {"ipv4-addr--0", "ipv4-addr--2"}


def test_installed_pycti_can_be_asked() -> None:
    """The newest pycti has whole messages and multipart works, and says so."""
    helper = OpenCTIConnectorHelper.__new__(OpenCTIConnectorHelper)
    helper.api = SimpleNamespace(work=OpenCTIApiWork(None))
    can = abilities(helper)
    newest = tuple(int(part) for part in __version__.split(".")[:1]) >= (7,)
    assert can.whole_messages is newest
    assert can.multipart_works is newest
