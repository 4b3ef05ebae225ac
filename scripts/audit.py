"""Look for known vulnerabilities of the locked packages.

``python scripts/audit.py requirements/runtime.txt`` runs pip-audit, whose own exit code is 0 even
if the service knows none of the packages. Here it is 1 for a vulnerability, 75 (sysexits'
EX_TEMPFAIL) if not everything could be audited, and 0 only if everything was audited and nothing
was found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

VULNERABLE = 1
NOT_AUDITED = 75


class Verdict(NamedTuple):
    """Exit code for a lock file, and what to print."""

    code: int
    lines: Sequence[str]


def verdict(lock: str, answer: str, complaints: str) -> Verdict:
    """Judge what pip-audit wrote for a lock file: JSON on its output, and complaints."""
    try:
        packages: list[Mapping[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, LookupError, TypeError):
        last = (complaints.strip().splitlines() or ["it says nothing"])[-1]
        return Verdict(NOT_AUDITED, [f"{lock}: NOT AUDITED, no answer of the service: {last}"])
    found = [
        f"{lock}: VULNERABLE: {package['name']} {package['version']}: {each['id']}"
        f" (fixed in {', '.join(each['fix_versions']) or 'no version'})"
        for package in packages
        for each in package.get("vulns", [])
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    audited = len(packages) - len(skipped)
    lines = [*found, f"{lock}: {audited} packages audited, {len(found)} vulnerabilities"]
    if skipped or not packages:
        few = ", ".join(skipped[:3]) + (", ..." if len(skipped) > 3 else "")
        lines.append(
            f"{lock}: NOT AUDITED, unknown to the service: {len(skipped)} packages ({few})"
        )
    code = VULNERABLE if found else NOT_AUDITED if skipped or not packages else 0
    return Verdict(code, lines)


def audit(lock: str) -> Verdict:
    """Run pip-audit on a lock file, without resolving or installing anything."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "20"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)  # noqa: S603
    return verdict(lock, run.stdout, run.stderr)


def main(locks: Sequence[str]) -> int:
    """Audit each lock; the worst verdict counts, and a vulnerability is worse than no answer."""
    verdicts = [audit(lock) for lock in locks]
    for each in verdicts:
        sys.stdout.write("\n".join(each.lines) + "\n")
    codes = {each.code for each in verdicts}
    return next((code for code in (VULNERABLE, NOT_AUDITED) if code in codes), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
