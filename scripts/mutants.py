"""Change the code a little at a time, and fail if the tests notice too few of the changes.

``[tool.mutants]`` in ``pyproject.toml`` names the packages with the tests that must notice, and the
share that is asked for; ``[tool.mutmut]`` is read by mutmut itself. A mutant that no test can tell
from the code is listed in ``tests/mutation/equivalent.toml`` with the reason. The run fails if an
entry no longer matches a mutant, or if its mutant is noticed after all. Work and results are in
``build/mutants``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copy, rmtree
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "pyproject.toml"
WORK = ROOT / "build" / "mutants"
LISTED = ROOT / "tests" / "mutation" / "equivalent.toml"


class Mutant(NamedTuple):
    """One change: where it is, and the lines that it changes, without their indentation."""

    file: str
    function: str
    line: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.file}, {self.function}:\n- {self.line}\n+ {self.becomes}"


class Verdict(NamedTuple):
    """A package's mutants, counted, and the entries of the list that are wrong."""

    made: int
    killed: int
    equivalent: int
    left: Sequence[Mutant]
    stale: Sequence[Mutant]
    wrong: Sequence[Mutant]

    @property
    def share(self) -> float:
        """Percentage that is killed or equivalent."""
        return 100 * (self.killed + self.equivalent) / self.made if self.made else 0.0

    def complaints(self, package: str, floor: float) -> Iterator[str]:
        """Yield what is wrong, a paragraph each."""
        for each in self.stale:
            yield f"listed as equivalent, but there is no such mutant: {each}"
        for each in self.wrong:
            yield f"listed as equivalent, but a test notices it: {each}"
        if self.share < floor:
            yield f"{package}: {self.share:.1f} % killed or equivalent, {floor:g} % are asked for"


def listed(text: str) -> list[Mutant]:
    """Return the equivalent mutants of the checked-in list; every entry gives a reason."""
    found: list[Mutant] = []
    for entry in tomllib.loads(text).get("equivalent", []):
        if not entry["reason"].strip():
            raise SystemExit(f"{LISTED.name}: {entry['function']}: a reason is missing")
        where = (entry["file"], entry["function"], entry["line"])
        found += [Mutant(*where, becomes) for becomes in entry["becomes"]]
    return found


def judge(
    noticed: Sequence[Mutant], survived: Sequence[Mutant], equivalent: Sequence[Mutant]
) -> Verdict:
    """Judge a package's mutants by those listed as equivalent."""
    left = [each for each in survived if each not in equivalent]
    return Verdict(
        made=len(noticed) + len(survived),
        killed=len(noticed),
        equivalent=len(survived) - len(left),
        left=left,
        stale=[e for e in equivalent if e not in noticed and e not in survived],
        wrong=[e for e in equivalent if e in noticed and e not in survived],
    )


def test(package: str, jobs: int, *, again: bool) -> tuple[list[Mutant], list[Mutant]]:
    """Make and test a package's mutants; return those that a test noticed, and the others.

    ``again``: those that were noticed the last time are not tested.
    """
    results = WORK / package / "results.json"
    known = results.read_text(encoding="utf-8") if again and results.exists() else "[]"
    tree = WORK / package / "tree"
    rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    copy(PROJECT, tree)
    (WORK / package / "known.json").write_text(known, encoding="utf-8")
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(ROOT / "scripts" / "mutants_testing.py"),
        package,
    ]
    path = os.pathsep.join(map(str, (tree / "src", tree)))
    with (WORK / package / "pytest.log").open("wb") as log:
        done = subprocess.run(  # noqa: S603 - this file's neighbour
            [*command, str(jobs), "../known.json"],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": path},
            stdout=log,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"see {log.name}")
    tested = [(Mutant(*mutant), by) for *mutant, by in json.loads(results.read_bytes())]
    return [m for m, by in tested if by], [m for m, by in tested if not by]


def say(line: str) -> None:
    """Write a line at once: a package may take minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Test the packages, and print a line a package, then what is wrong."""
    settings = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["mutants"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--again", action="store_true", help="only those that survived last time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at once")
    parser.add_argument("packages", nargs="*", metavar="package", default=[*settings["packages"]])
    options = parser.parse_args(arguments)
    equivalent = listed(LISTED.read_text(encoding="utf-8"))
    complaints: list[str] = []
    say("package    mutants  killed  equivalent  survived  share  seconds")
    for package in options.packages:
        started = time.monotonic()
        noticed, survived = test(package, options.jobs, again=options.again)
        here = [each for each in equivalent if f"/{package}/" in each.file]
        verdict = judge(noticed, survived, here)
        seconds = time.monotonic() - started
        say(
            f"{package:10} {verdict.made:7}  {verdict.killed:6}  {verdict.equivalent:10}  "
            f"{len(verdict.left):8}  {verdict.share:4.1f}%  {seconds:7.0f}"
        )
        survivors = "\n\n".join(map(str, verdict.left)) + "\n"
        (WORK / package / "survivors.txt").write_text(survivors, encoding="utf-8")
        complaints += verdict.complaints(package, settings["floor"])
    say("\n".join(["What survived stands in build/mutants/<package>/survivors.txt", *complaints]))
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
