"""The table of alerts in docs/operations.md lists those of Prometheus."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_table_lists_every_alert_with_its_severity() -> None:
    """Every alert is in the table, with its severity."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = text.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"(?m)^\| `(Shadowserver\w+)` \| (\w+) \|", section))
    content = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text("utf-8"))
    rules = [rule for group in content["groups"] for rule in group["rules"]]
    assert documented == {rule["alert"]: rule["labels"]["severity"] for rule in rules}
