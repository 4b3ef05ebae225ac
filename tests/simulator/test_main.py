"""The simulator as a program."""

import re
import signal
import subprocess
import sys

import pytest

from shadowserver_connector.api.client import ApiOptions, ReportsApi

pytestmark = pytest.mark.integration


@pytest.mark.integration
def test_program_prints_its_urls_serves_and_stops_on_sigterm() -> None:
    """It prints what a client needs, and SIGTERM ends it with status 0."""
    command = [sys.executable, "-m", "shadowserver_connector.simulator", "--type", "scan_ssl=5"]
    process = subprocess.Popen([*command, "--days", "2"], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            printed = [process.stdout.readline().strip() for _ in range(3)]
            urls = dict(line.split("=", 1) for line in printed[:2])
            assert re.fullmatch(r"2 reports of 2 days until \d{4}-\d\d-\d\d; .*", printed[2])
            with ReportsApi("simulated-key", "simulated-secret", ApiOptions(**urls)) as api:
                assert api.subscriptions() != []
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("wrong", ["--days=0", "--type=scan_ssl", "--last=yesterday"])
def test_wrong_option_is_refused_in_words(wrong: str) -> None:
    """A wrong value ends it with status 2 and a line that names the option."""
    result = subprocess.run(
        [sys.executable, "-m", "shadowserver_connector.simulator", wrong],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert wrong.split("=")[0] in result.stderr
    assert "Traceback" not in result.stderr
