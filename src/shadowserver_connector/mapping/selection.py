"""Which rows of a report are converted."""

from __future__ import annotations

from shadowserver_connector.mapping.plan import Plan
from shadowserver_connector.mapping.readers import ColumnReader
from shadowserver_connector.mapping.values.severity import RANK
from shadowserver_connector.report.oddities import Oddities


class Selection:
    """Decides row by row, in order; the same rows again give the same decisions.

    A severity that is none is added to the oddities; the row then has that of its report type.
    """

    def __init__(self, plan: Plan, oddities: Oddities) -> None:
        options = plan.context.options
        self._oddities = oddities
        self._default = plan.context.report_type.severity
        at = plan.survey.severity
        self._at = -1 if at is None else at
        memory = plan.context.memory
        self._reader = None if at is None else ColumnReader(plan.columns[at], memory)
        self._floor = RANK[options.min_severity]
        self._most = options.max_findings
        self.kept = 0
        self.filtered = 0
        """Rows below the wanted severity."""
        self.cut = 0
        """Rows beyond the wanted number of findings."""

    def keep(self, number: int, row: list[str]) -> str | None:
        """Return the severity of a row that is converted, ``None`` for one that is not."""
        severity = self._default
        if self._reader is not None:
            reading = self._reader.read(row[self._at])
            if reading.bad:
                self._oddities.add(reading.bad, number, self._reader.name)
            severity = reading.value or severity
        if RANK[severity] < self._floor:
            self.filtered += 1
            return None
        if self._most and self.kept >= self._most:
            self.cut += 1
            return None
        self.kept += 1
        return severity
