"""Tables on terminals of any width."""

from __future__ import annotations

import os
import sys
from io import StringIO

import pytest
from rich.console import Console

from shadowserver_connector.cli import console
from shadowserver_connector.cli.file_commands import HEADINGS

ROWS = [
    ("2024-01-31", "event4_honeypot_brute_force", "critical", 12_345, 223_456, "a" * 40),
    ("2024-01-31", "scan_ssl", "low", 5, 26, "b" * 40),
]


@pytest.fixture
def printed(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """Print the table on a terminal of this width, and return its lines."""
    monkeypatch.setattr(console, "out", Console(highlight=False, width=request.param))
    console.print_table(HEADINGS, ROWS, console.OutputFormat.TABLES)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= request.param for line in lines)
    return lines


@pytest.mark.parametrize("printed", [80, 120, 200], indirect=True)
def test_a_table_cuts_no_word_of_its_headings(printed: list[str]) -> None:
    """Long cells and headings are broken into lines between words."""
    assert printed[0].startswith("┏")
    words = " ".join(printed).split()
    assert {word for heading in HEADINGS for word in heading.split()} <= set(words)


@pytest.mark.parametrize("printed", [40, 60, 72], indirect=True)
def test_a_narrow_terminal_gets_lists(printed: list[str]) -> None:
    """On a narrow terminal each row is a list of headings and cells, with no cell missing."""
    assert printed[0].split() == ["Date", "2024-01-31"]
    assert ["Findings", "12,345"] in [line.split() for line in printed]
    text = "".join("".join(printed).split())
    for cell in ("event4_honeypot_brute_force", "a" * 40, "b" * 40, "223,456"):
        assert cell in text
    assert printed.count("") == len(ROWS)


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """Return what is printed on a wide terminal with colours."""
    shown = StringIO()
    terminal = Console(file=shown, force_terminal=True, highlight=False, width=200)
    monkeypatch.setattr(console, "out", terminal)
    return shown


def test_only_severities_are_coloured(colours: StringIO) -> None:
    """A list, a log level or an object of such a name is plain."""
    console.print_table(("Severity", "List"), [("high", "high")], console.OutputFormat.TABLES)
    line = next(line for line in colours.getvalue().splitlines() if "high" in line)
    assert line.count("\x1b[31m") == 1
    assert line.index("\x1b[31m") < line.index("high")


def test_a_terminal_obeys_no_name(colours: StringIO) -> None:
    """Escape sequences in names are shown as text, in tables and in lines."""
    console.print_table(("File", "Rows"), [("a\x1b[2Jb.csv", 1)], console.OutputFormat.TABLES)
    console.print_line("c\x1b[2Jd.csv", to=console.out)
    assert "a\\x1b[2Jb.csv" in colours.getvalue()
    assert "c\\x1b[2Jd.csv" in colours.getvalue()
    assert "\x1b[2J" not in colours.getvalue()


def test_a_line_is_never_divided(colours: StringIO) -> None:
    """A message can be searched for and copied, and brackets in it are no markup."""
    line = "[bold]" + "word " * 100
    console.print_line(line, to=console.out)
    assert colours.getvalue() == f"{line}\n"


def test_csv_protects_texts_from_spreadsheets_and_leaves_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A text that begins like a formula gets an apostrophe, a negative number does not."""
    rows = [("=1+1", -5), ("-x", 7)]
    console.print_table(("Name", "Number"), rows, console.OutputFormat.CSV)
    assert capsys.readouterr().out == "Name,Number\n'=1+1,-5\n'-x,7\n"


def test_whoever_reads_a_table_as_csv_may_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--csv | head`` ends without an error message, and with the code of the other forms."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as ended:
            console.print_table(HEADINGS, ROWS, console.OutputFormat.CSV)
    assert ended.value.code == 1
