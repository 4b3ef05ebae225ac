"""The tests as run by the test runner of OpenCTI's connectors repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def collected(tests: Path, *options: str, cwd: Path) -> str:
    """Return pytest's output about the tests that it would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *options, str(tests)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.stdout


def test_from_outside_only_what_needs_python_packages_alone(tmp_path: Path) -> None:
    """Only tests that need no RabbitMQ or browser are collected, without a `-m`."""
    tests = ROOT / "tests" / "deploy"
    assert "test_rules.py" in collected(tests, cwd=ROOT)
    assert "test_rules.py" not in collected(tests, cwd=tmp_path)
    assert "test_rules.py" in collected(tests, "-m", "integration", cwd=tmp_path)
