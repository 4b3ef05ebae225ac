"""``run``: the connector itself, from the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize("arguments", [("run",), ("run", "--once")])
def test_run_names_what_is_not_set(run: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 3 before anything is contacted, with a line for each missing setting."""
    result = run(*arguments)
    assert result.exit_code == 3
    for name in ("OPENCTI_URL", "OPENCTI_TOKEN", "CONNECTOR_ID", "SHADOWSERVER_API_KEY"):
        assert f"error: {name} is not set" in result.stderr
    assert "Traceback" not in result.output
