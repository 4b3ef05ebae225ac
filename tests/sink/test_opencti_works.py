from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from pycti import __version__

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.sink import works
from shadowserver_connector.sink.platform import Abilities, find_abilities, limit_to_abilities
from shadowserver_connector.sink.works import Owner, close_orphans, work_name
from tests.sink.installed import CAN
from tests.sink.pycti_fakes import FakeHelper, OldestHelper, OldHelper

NAME = work_name(date(2024, 1, 31))
BY_HAND = work_name(date(2024, 1, 31), "import")


def test_abilities_are_asked_of_pycti() -> None:
    """A feature is found by a keyword in a signature, or by a word that a method uses."""
    assert find_abilities(FakeHelper()) == Abilities("no_split", True, True, True)
    assert find_abilities(OldHelper()) == Abilities(None, False, False, False)
    assert find_abilities(OldestHelper()) == Abilities("bypass_split", False, False, False)


def test_conversion_makes_what_pycti_can_import() -> None:
    """Objects that pycti cannot import are not made; those switched off by the user stay off."""
    assert limit_to_abilities(Options(), find_abilities(FakeHelper())) == Options()
    assert limit_to_abilities(Options(), find_abilities(OldHelper())) == Options(
        ssh_keys=False, network_traffic=False
    )
    off = Options(network_traffic=False)
    assert limit_to_abilities(off, find_abilities(FakeHelper())) == off


def test_works_are_named_by_their_day_and_what_sends_by_hand() -> None:
    """A work's name has its day and its command, by which a later process recognises it."""
    assert work_name(date(2024, 1, 31)) == "Shadowserver reports of 2024-01-31"
    by_hand = "Shadowserver reports of 2024-01-31 (backfill)"
    assert work_name(date(2024, 1, 31), "backfill") == by_hand


def test_works_left_open_are_closed_never_deleted() -> None:
    """Works that are complete, or that only wait for workers, stay as they are."""
    helper = FakeHelper()
    works = helper.api.work
    for _ in range(3):
        works.initiate_work("connector-id", NAME)
    works.works["work-1"]["status"] = "complete"
    works.to_processed("work-2", "done")
    assert close_orphans(helper) == [NAME]
    assert works.works["work-3"]["message"].startswith("Interrupted: not everything was sent")
    assert works.works["work-2"]["message"] == "done"
    assert "message" not in works.works["work-1"]


def test_works_of_others_are_left_alone() -> None:
    """Works of other programs, and of commands without a mark, stay open."""
    helper = FakeHelper()
    for name in ("Shadowserver run", f"{NAME} again", BY_HAND, f" {NAME}"):
        helper.api.work.initiate_work("connector-id", name)
    assert close_orphans(helper) == []


ENDLESS = """
import sys
from pathlib import Path
from shadowserver_connector.sink import works
works.temporary_directory = lambda: Path(sys.argv[1])
works.claim_work("connector-id", "work-1")
print("marked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", [NAME, BY_HAND])
def test_a_living_owner_is_told_from_a_dead_one(name: str) -> None:
    """The works and marks of a process that was killed are cleaned up; a living one's stay."""
    helper = FakeHelper()
    helper.api.work.initiate_work("connector-id", name)
    place = works.temporary_directory()
    command = [sys.executable, "-c", ENDLESS, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"marked\n"
        assert close_orphans(helper) == []
        process.kill()
        process.wait(10)
        assert close_orphans(helper) == [name]
    said = "the command has not sent" if name == BY_HAND else "not everything was sent"
    assert helper.api.work.works["work-1"]["message"].startswith(f"Interrupted: {said}")
    assert [path for path in place.rglob("*") if path.is_file()] == []


def test_a_work_that_this_process_gave_up_is_closed() -> None:
    """A work whose delivery failed is closed by the next run."""
    helper = FakeHelper()
    helper.api.work.initiate_work("connector-id", NAME)
    works.claim_work("connector-id", "work-1")
    assert close_orphans(helper) == [NAME]
    assert works.owner_of("connector-id", "work-1") is Owner.UNKNOWN


def test_a_folder_that_is_not_ours_holds_no_marks(tmp_path: Path) -> None:
    """A folder of marks that others can write to is ignored."""
    folder = works.temporary_directory() / "shadowserver-connector-id.works"
    folder.symlink_to(tmp_path)
    works.claim_work("connector-id", "work-1")
    folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    works.claim_work("connector-id", "work-2")
    assert list(tmp_path.iterdir()) == list(folder.iterdir()) == []


def test_installed_pycti_can_be_asked() -> None:
    """The newest pycti has every feature; the oldest supported one has not."""
    known = {
        "6.2": Abilities("bypass_split", False, False, False),
        "7": Abilities("no_split", True, True, True),
    }
    version = ".".join(__version__.split(".")[: 2 if __version__.startswith("6.") else 1])
    assert known[version] == CAN
