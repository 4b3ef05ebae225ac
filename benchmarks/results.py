"""What a benchmark found: a table, with the goals beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass
class Result:
    """A titled table of numbers."""

    title: str
    headings: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    goals: list[str] = field(default_factory=list)
    """A line for each goal: what it is and what was measured."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the table should know."""

    def goal(self, what: str, measured: str, *, met: bool) -> None:
        """Note whether a goal was met."""
        self.goals.append(f"{'met' if met else 'MISSED'}: {what}; measured {measured}")

    def show(self, console: Console, *, with_goals: bool) -> None:
        """Print the table, and the goals unless it was too small a run to judge by."""
        table = Table(title=self.title, title_justify="left")
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*map(_text, row))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", markup=False)
        for goal in self.goals if with_goals else ():
            console.print(f"  {goal}", markup=False, soft_wrap=True)

    def plain(self) -> dict[str, Any]:
        """Return what is written as JSON."""
        return asdict(self)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
