"""The alerts in deploy/prometheus/, checked by promtool and against the existing metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from shadowserver_connector.connector.events import (
    DayCompleted,
    ReportsListed,
    RunEnded,
    RunStarted,
    WaitChanged,
)
from shadowserver_connector.operations.metrics import Metrics, StatusMetrics
from shadowserver_connector.operations.status import Status, status_after

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
CASES = Path(__file__).parent / "rules_test.yml"
NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)
EVENTS = (
    WaitChanged("OpenCTI", "down", NOON),
    RunStarted(NOON),
    ReportsListed(date(2024, 3, 9), {}, 3),
    DayCompleted(date(2024, 3, 9)),
    RunEnded(NOON, complete=True, reason=""),
)
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")


def promtool(*arguments: str | Path) -> tuple[int, str]:
    """Run promtool; return its exit code and output."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def names_of_metrics(folder: Path) -> set[str]:
    """Return the names of all metrics that the connector can show."""
    status = Status(NOON, NOON, queue_megabytes=1.0)
    for event in EVENTS:
        status = status_after(status, event)
    registry = CollectorRegistry()
    registry.register(StatusMetrics(lambda: status, folder, 1))
    Metrics(registry)
    families = registry.collect()
    return {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }


@needs_promtool
def test_the_rules_are_valid() -> None:
    """promtool accepts the rules."""
    code, said = promtool("check", "rules", RULES)
    assert code == 0, said


@needs_promtool
def test_the_rules_tell_the_cases_apart() -> None:
    """Each case, such as a revoked key or a full disk, fires its alerts; a
    healthy one fires none.
    """
    code, said = promtool("test", "rules", CASES)
    assert code == 0, said


@needs_promtool
@pytest.mark.parametrize(
    ("part", "instead"),
    [('cause="credentials"} > 0', 'cause="credentials"} > 9'), (">= 3", ">= 2"), ("== 0", "== 7")],
)
def test_the_cases_notice_another_rule(tmp_path: Path, part: str, instead: str) -> None:
    """The cases fail for an alert that never fires, and for one that always does."""
    text = RULES.read_text()
    assert part in text
    (tmp_path / "rules.yml").write_text(text.replace(part, instead))
    cases = CASES.read_text().replace("../../deploy/prometheus/rules.yml", "rules.yml")
    (tmp_path / "cases.yml").write_text(cases)
    assert promtool("test", "rules", tmp_path / "cases.yml")[0] == 1


def test_the_dashboard_asks_for_metrics_that_exist(tmp_path: Path) -> None:
    """Each metric of the dashboard exists; test_operations_metrics.py runs its queries."""
    panels = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    names = {name.removesuffix("_bucket") for name in re.findall(r"shadowserver_\w+", str(queries))}
    assert names <= names_of_metrics(tmp_path)
    assert len(queries) == len(set(queries))
    assert len({panel["id"] for panel in panels}) == len(panels)


@needs_promtool
def test_prometheus_takes_the_configuration_of_the_example() -> None:
    """promtool accepts the example's configuration with the rules beside it."""
    code, said = promtool("check", "config", RULES.with_name("prometheus.yml"))
    assert code == 0, said


def test_each_alert_has_a_case_and_asks_for_metrics_that_exist(tmp_path: Path) -> None:
    """Each alert has a case, and uses existing metrics only."""
    rules, known = RULES.read_text(), names_of_metrics(tmp_path)
    assert set(re.findall(r"\bshadowserver_\w+", rules)) <= known
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert len(alerts) == 10
    assert alerts == set(re.findall(r"alertname: (\w+)", CASES.read_text()))
