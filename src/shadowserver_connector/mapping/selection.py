"""Which rows of a report are converted."""

from __future__ import annotations

from shadowserver_connector.mapping.plan import Plan
from shadowserver_connector.mapping.values.severity import RANK


class Selection:
    """Decides row by row, in order; the same rows again give the same decisions."""

    def __init__(self, plan: Plan) -> None:
        options = plan.context.options
        self._severity_of = plan.severity_of
        self._at = plan.survey.severity
        self._floor = RANK[options.min_severity]
        self._most = options.max_findings
        self.kept = 0
        self.filtered = 0
        """Rows below the wanted severity."""
        self.cut = 0
        """Rows beyond the wanted number of findings."""

    def keep(self, row: list[str]) -> str | None:
        """Return the severity of a row that is converted, ``None`` for one that is not."""
        severity = self._severity_of(row[self._at] if self._at is not None else "")
        if RANK[severity] < self._floor:
            self.filtered += 1
            return None
        if self._most and self.kept >= self._most:
            self.cut += 1
            return None
        self.kept += 1
        return severity
