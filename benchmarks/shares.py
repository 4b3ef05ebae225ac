"""Shares of a conversion's time from py-spy's raw output: by module, and by function alone."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "shadowserver_connector/"
MOST = 16

Shares = list[tuple[str, float]]


def by_module(stacks: str) -> Shares:
    """Return modules with their share of a conversion, what they call included.

    Each line of ``stacks`` is ``frame;frame;... samples``, and a frame is ``name (file:line)``.
    """
    samples: Counter[str] = Counter()
    for frames, number in _of_conversion(stacks):
        for file in {frame.rpartition("(")[2].partition(":")[0] for frame in frames}:
            if PACKAGE in file:
                samples[file.rpartition(PACKAGE)[2]] += number
    return _shares(samples, stacks)


def by_function(stacks: str) -> Shares:
    """Return functions with their share of a conversion, without what they call."""
    samples: Counter[str] = Counter()
    for frames, number in _of_conversion(stacks):
        samples[frames[-1].rpartition(":")[0].replace(" (", ", ")] += number
    return _shares(samples, stacks)


def _of_conversion(stacks: str) -> Iterator[tuple[list[str], int]]:
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        if "convert_report" in stack:
            yield stack.split(";"), int(number)


def _shares(samples: Counter[str], stacks: str) -> Shares:
    total = sum(number for _, number in _of_conversion(stacks))
    return [(name, count / total) for name, count in samples.most_common(MOST)]


def main(path: str) -> None:
    """Print the shares, one a line, the largest first."""
    stacks = Path(path).read_text()
    for title, shares in (
        ("modules, with what they call", by_module(stacks)),
        ("functions alone", by_function(stacks)),
    ):
        sys.stdout.write(f"{title}\n")
        for name, share in shares:
            sys.stdout.write(f"{share:5.0%}  {name}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
