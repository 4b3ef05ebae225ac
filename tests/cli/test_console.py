"""Tables on terminals of any width."""

from __future__ import annotations

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
