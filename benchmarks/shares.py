"""Shares of a conversion's time by module, with what it calls, from py-spy's raw output."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

PACKAGE = "shadowserver_connector/"
MOST = 16


def shares(stacks: str) -> list[tuple[str, float]]:
    """Return modules with their share of what `convert_report` took, the largest first.

    Each line of ``stacks`` is ``frame;frame;... samples``, and a frame is ``name (file:line)``.
    """
    samples: Counter[str] = Counter()
    total = 0
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        if "convert_report" not in stack:
            continue
        total += int(number)
        files = {frame.rpartition("(")[2].partition(":")[0] for frame in stack.split(";")}
        for file in files:
            if PACKAGE in file:
                samples[file.rpartition(PACKAGE)[2]] += int(number)
    return [(module, count / total) for module, count in samples.most_common(MOST)]


def main(path: str) -> None:
    """Print the shares, one line each."""
    for module, share in shares(Path(path).read_text()):
        sys.stdout.write(f"{share:5.0%}  {module}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
