"""How long the fuzz tests look.

Some seconds by default; with ``HYPOTHESIS_PROFILE=fuzz`` for ``FUZZ_EXAMPLES`` examples of each,
5,000 if that is not given.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

_PATIENT: Final = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
    phases=[phase for phase in Phase if phase is not Phase.explain],
)

# A run before each change must not fail by luck; a long one must look somewhere else each time.
settings.register_profile("short", _PATIENT, max_examples=60, derandomize=True, database=None)
_MANY: Final = int(os.environ.get("FUZZ_EXAMPLES", "5000"))
settings.register_profile("fuzz", _PATIENT, max_examples=_MANY)

EFFORT: Final = settings(settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "short")))
"""Decorates each test of this package, and only these: the profile is not loaded for others."""
