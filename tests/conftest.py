"""What all tests share.

Assertions of the modules that tests share say what they compared, as those of tests do. Examples
that are made up are the same in every run and may take their time: no test fails by luck, or for
a busy machine.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.bundle.checks", "tests.mapping.gfm", "tests.shared.checks")

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")
