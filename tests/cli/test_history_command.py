"""``history``: findings over time, from files on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

RunJson = Callable[..., tuple[Any, int]]

TO = ("-o", "out", "--workers", "1")

HEADER = "timestamp,severity,ip,protocol,port,hostname,tag,version\n"
A = "192.0.2.1,tcp,22,a.example.org,ssh"
B = "192.0.2.2,tcp,22,b.example.org,ssh"
C = "198.51.100.3,tcp,2222,c.example.org,ssh"


@pytest.fixture
def reported(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes the report of a day from hosts and their versions."""

    def write(day: int, **versions: str) -> str:
        name = f"2024-01-{day:02}-scan_ssh-example.csv"
        things = {"a": A, "b": B, "c": C}
        rows = [
            f"2024-01-{day:02} 0{n}:11:22,high,{things[key]},{version}\n"
            for n, (key, version) in enumerate(versions.items())
        ]
        (tmp_path / name).write_text(HEADER + "".join(rows))
        return name

    return write


def counts(report: dict[str, Any]) -> dict[str, int]:
    """Return the verdicts of a report."""
    return {key: report[key] for key in ("new", "changed", "recurring", "resurfaced", "gone")}


def test_each_day_says_what_is_new_and_what_is_gone(
    run_json: RunJson, reported: Callable[..., str]
) -> None:
    """A day is compared with those before it; converting it again gives the same verdicts."""
    days = [
        reported(10, a="1", b="1"),
        reported(11, a="1", b="2", c="1"),
        reported(12, b="2"),
    ]
    none = {"new": 0, "changed": 0, "recurring": 0, "resurfaced": 0, "gone": 0}
    told, code = run_json("convert", *days, *TO, "--history", "past")
    assert code == 0
    assert [counts(each) for each in told["reports"]] == [
        {**none, "new": 2},
        {**none, "new": 1, "changed": 1, "recurring": 1},
        {**none, "recurring": 1, "gone": 2},
    ]
    again, _ = run_json("convert", days[2], *TO, "--history", "past")
    assert counts(again["reports"][0]) == {**none, "recurring": 1, "gone": 2}


def test_bundles_are_those_without_a_history(
    run_json: RunJson, reported: Callable[..., str], tmp_path: Path
) -> None:
    """A history adds verdicts and does not change the bundles."""
    day = reported(10, a="1", b="1")
    plain, _ = run_json("convert", day, *TO)
    compared, _ = run_json("convert", day, *TO, "--history", "past")
    told = {
        key: value for key, value in compared["reports"][0].items() if key in plain["reports"][0]
    }
    assert [told] == plain["reports"]
    assert "new" not in plain["reports"][0]


def test_each_file_is_parsed_once(
    run_json: RunJson,
    reported: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The conversion reads the rows that were compared, and nothing of them stays on disk."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("shadowserver_connector.pipeline.convert.open_table", None)
    days = [reported(day, a="1", b="1") for day in (10, 11, 12)]
    told, code = run_json("convert", *days, *TO, "--history", "past")
    assert code == 0
    assert [each["recurring"] for each in told["reports"]] == [0, 2, 2]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "subjects"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("192.0.2.0/24", ["192.0.2.1", "192.0.2.2"]),
        ("c.example.org", ["198.51.100.3"]),
        ("scan_ssh", ["192.0.2.1", "192.0.2.2", "198.51.100.3"]),
        ("203.0.113.9", []),
    ],
)
def test_what_was_reported(
    run_json: RunJson, reported: Callable[..., str], asked: str, subjects: list[str]
) -> None:
    """``history`` finds what was reported of an address, a network, a host name or a type."""
    days = [reported(10, a="1", b="1"), reported(12, a="1", b="2", c="1")]
    run_json("convert", *days, *TO, "--history", "past")
    found, code = run_json("history", asked, "--dir", "past")
    assert code == 0
    assert [each["subject"] for each in found] == subjects
    for each in found:
        first = "2024-01-12" if each["subject"] == "198.51.100.3" else "2024-01-10"
        since = "2024-01-10" if each["subject"] == "192.0.2.1" else "2024-01-12"
        assert (each["first"], each["since"], each["last"]) == (first, since, "2024-01-12")
        assert (each["type"], each["list"], each["open"]) == ("scan_ssh", "example", True)


def test_what_is_open_longest(run: Run, reported: Callable[..., str]) -> None:
    """``--open`` lists the findings still open, oldest first, without those that are gone."""
    days = [reported(10, a="1", b="1"), reported(11, b="1", c="1")]
    run("convert", *days, *TO, "--history", "past")
    shown = run("history", "--open", "5", "--dir", "past")
    assert shown.exit_code == 0
    assert "192.0.2.1" not in shown.stdout
    assert shown.stdout.index("192.0.2.2") < shown.stdout.index("198.51.100.3")


def test_what_of_a_network_is_open_longest(
    run: Run, run_json: RunJson, reported: Callable[..., str]
) -> None:
    """``--open`` beside a network lists its open findings, oldest first, and no others."""
    days = [reported(10, b="1", c="1"), reported(11, a="1", b="1", c="1")]
    run("convert", *days, *TO, "--history", "past")
    for most, subjects in ((5, ["192.0.2.2", "192.0.2.1"]), (1, ["192.0.2.2"])):
        found, code = run_json("history", "192.0.2.0/24", "--open", str(most), "--dir", "past")
        assert ([each["subject"] for each in found], code) == (subjects, 0)
    none = run("history", "203.0.113.0/24", "--open", "5", "--dir", "past")
    said = "nothing of 203.0.113.0/24 is open in the reports from 2024-01-10 to 2024-01-11\n"
    assert (none.stderr, none.exit_code) == (said, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["192.0.2.1"], 3, "there is no history; name the directory that has one"),
        ([], 2, "name an address, network, host name, CVE id or report type, or use --open"),
        ([""], 2, "name an address"),
        (["", "--open", "5"], 2, "name an address"),
    ],
)
def test_what_cannot_be_asked(run: Run, arguments: list[str], code: int, said: str) -> None:
    """A question that cannot be answered gives one line with what to do."""
    result = run("history", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "asked",
    [
        *("192.0.2.0/33", "192.0.2.256", "192.0.2.1:22", "192.0.2.1-192.0.2.9", "192.0.2.*"),
        *("192.0.2.1,192.0.2.2", "2001:db8::/129", "2001:db8:::1"),
        *("CVE-2021-1", "cve 2021-12345", "AS64496"),
    ],
)
def test_a_mistyped_question_is_not_answered_with_nothing(
    run: Run, reported: Callable[..., str], asked: str
) -> None:
    """Where nothing can be found, "nothing was reported" would be false comfort."""
    run("convert", reported(10, a="1"), *TO, "--history", "past")
    result = run("history", asked, "--dir", "past")
    assert result.exit_code == 2
    assert "is not an address, network, host name, CVE id or report type" in result.stderr


@pytest.mark.parametrize("asked", ["203.0.113.9", "nobody.example.org", "CVE-2021-12345", "a1.de"])
def test_nothing_was_reported(run: Run, reported: Callable[..., str], asked: str) -> None:
    """What is not in the history is said so, and that is no error."""
    run("convert", reported(10, a="1"), *TO, "--history", "past")
    result = run("history", asked, "--dir", "past")
    assert (result.exit_code, result.stderr) == (
        0,
        f"nothing was reported of {asked} in the reports of 2024-01-10\n",
    )


def test_what_is_back_again_is_not_called_new(
    run: Run, reported: Callable[..., str], tmp_path: Path
) -> None:
    """The first sentences of the Report and the counts below them agree."""
    days = [reported(1, a="1", b="1"), reported(2, a="1"), reported(20, a="1", b="1", c="1")]
    run("convert", *days, *TO, "--history", "past")
    (bundle,) = (tmp_path / "out").glob("2024-01-20/*/*.json")
    objects = json.loads(bundle.read_text())["objects"]
    text = next(each["description"] for each in objects if each["type"] == "report")
    assert "1 is new since 2024-01-02, 1 back again." in text
    assert "1 new finding, 0 changed, 1 still there, 1 back again, 0 no longer" in text
