"""Fail if a package in the lock file has a licence that is not allowed.

The names come from ``requirements/runtime.txt``, the licences from the installed packages.
``scripts/licences.toml`` says what is allowed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import NamedTuple, cast

ROOT = Path(__file__).resolve().parents[1]


class Rules(NamedTuple):
    """The content of ``licences.toml``."""

    allowed: Sequence[str]
    written: Mapping[str, str]
    accepted: Mapping[str, str]


def locked(requirements: str) -> list[str]:
    """Return the names of the packages in a lock file."""
    return re.findall(r"^([A-Za-z0-9][\w.-]*)==", requirements, re.MULTILINE)


def declared(package: Message) -> list[str]:
    """Return the licences that a package's metadata names, as they are written there.

    All licences of an expression count, whether joined by AND or OR. The full text of a licence,
    which some packages put where its name belongs, is ignored.
    """
    if expression := package.get("License-Expression"):
        return re.findall(r"(?<![\w.-])(?!(?:AND|OR|WITH)\b)[\w.-]+", expression)
    classifiers = package.get_all("Classifier", [])
    if named := [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License")]:
        return named
    licence = package.get("License", "").strip()
    return re.split(r" (?:AND|OR) ", licence) if licence and "\n" not in licence else []


def complaint(name: str, licences: Sequence[str], rules: Rules) -> str | None:
    """Return what is wrong with a package's licences, or None."""
    if name in rules.accepted:
        return None
    if not licences:
        return f"{name}: its metadata names no licence; look it up, then add it to [accepted]"
    wrong = [each for each in licences if rules.written.get(each, each) not in rules.allowed]
    return f"{name}: {', '.join(wrong)} is not allowed" if wrong else None


def main() -> int:
    """Check all packages; name the wrong ones, and those that this machine does not have."""
    rules = Rules(**tomllib.loads((ROOT / "scripts" / "licences.toml").read_text()))
    names = locked((ROOT / "requirements" / "runtime.txt").read_text())
    complaints = []
    elsewhere = []
    for name in names:
        try:
            package = cast(Message, metadata(name))
        except PackageNotFoundError:
            elsewhere.append(name)
            continue
        complaints.append(complaint(name, declared(package), rules))
    for wrong in filter(None, complaints):
        sys.stderr.write(f"{wrong}\n")
    sys.stdout.write(f"licences of {len(complaints)} packages checked\n")
    if elsewhere:
        sys.stdout.write(f"not installed here, not checked: {', '.join(elsewhere)}\n")
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main())
