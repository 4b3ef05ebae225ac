"""The verdict on mutants: what counts, and which entries of the list of equivalents are wrong."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHERE = ("src/shadowserver_connector/state/state.py", "is_done", "return a and b")


@pytest.fixture
def mutants(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of scripts/mutants.py."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return import_module("mutants")


def test_what_is_listed_as_equivalent_counts_as_what_is_killed_does(mutants: ModuleType) -> None:
    """Equivalent mutants count as killed; a package below the floor is a complaint."""
    killed = [mutants.Mutant(*WHERE, f"killed {n}") for n in range(7)]
    survived = [mutants.Mutant(*WHERE, f"survived {n}") for n in range(3)]
    verdict = mutants.judge(killed, survived, survived[:2])
    assert (verdict.made, verdict.killed, verdict.equivalent) == (10, 7, 2)
    assert verdict.left == survived[2:]
    assert list(verdict.complaints("state", 90)) == []
    (complaint,) = mutants.judge(killed, survived, survived[:1]).complaints("state", 90)
    assert complaint == "state: 80.0 % killed or equivalent, 90 % are asked for"


def test_package_without_mutants_is_a_complaint(mutants: ModuleType) -> None:
    """A package without a single mutant is a complaint, as nothing was tested."""
    assert list(mutants.judge([], [], []).complaints("state", 90))


@pytest.mark.parametrize(
    ("becomes", "complaint"),
    [("return a", "there is no such mutant"), ("return a or b", "a test notices it")],
)
def test_entry_that_is_not_true_is_a_complaint(
    mutants: ModuleType, becomes: str, complaint: str
) -> None:
    """An entry for missing code, or for a mutant that tests kill, is a complaint."""
    noticed = [mutants.Mutant(*WHERE, "return a or b")]
    (found,) = mutants.judge(noticed, [], [mutants.Mutant(*WHERE, becomes)]).complaints("x", 0)
    assert complaint in found


def test_every_entry_of_the_list_is_of_the_code_and_gives_a_reason(mutants: ModuleType) -> None:
    """The lines that each entry names are in the file that it names."""
    for mutant in mutants.listed(mutants.LISTED.read_text(encoding="utf-8")):
        lines = {line.strip() for line in (ROOT / mutant.file).read_text("utf-8").splitlines()}
        assert set(mutant.line.splitlines()) <= lines
        assert mutant.becomes != mutant.line


def test_entry_without_a_reason_is_refused(mutants: ModuleType) -> None:
    """An entry without a reason is refused."""
    text = """
    [[equivalent]]
    file = "src/x.py"
    function = "f"
    line = "a"
    becomes = ["b"]
    reason = " "
    """
    with pytest.raises(SystemExit, match="a reason is missing"):
        mutants.listed(text)
