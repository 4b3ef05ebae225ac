"""Makes the mutants of a package with mutmut, and runs the tests on each.

mutmut puts all mutants of a function beside it, behind a switch. Its own runner starts a pytest
session for each mutant, which takes longer than the tests. Here the tests are collected once, and
each mutant costs a fork and the tests that call its function, the quickest example of each first,
until one fails.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import ndiff
from functools import partial
from pathlib import Path
from typing import IO, NoReturn

import pytest
from mutants import ROOT, Mutant
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import (
    get_mutant_name,
    mangled_name_from_mutant_name,
    orig_function_and_class_names_from_key,
)

# Limits of a mutant that hangs where no signal reaches it: at least so many seconds, or as long as
# all tests took without a mutant. And of one that allocates memory without end.
_SECONDS = 120
_WITHOUT_MUTANT = 1800
_MEMORY = 8 * 1024**3

_NOBODY = "-"


def described(file: str, name: str, mutated: MutatedFile) -> Mutant:
    """Return what mutmut's mutant changes."""
    function, owner = orig_function_and_class_names_from_key(name)
    mangled = name.rpartition(".")[2]
    lines = mutated.code.splitlines()

    def source(generated: str) -> list[str]:
        span = mutated.line_span_by_function_name[generated]
        text = "\n".join(lines[span.start - 1 : span.end])
        return text.replace(generated, function).splitlines()

    before = source(mangled_name_from_mutant_name(mangled) + "__mutmut_orig")
    changes = list(ndiff(before, source(mangled)))
    gone, come = ([c[2:].strip() for c in changes if c[:2] == sign] for sign in ("- ", "+ "))
    where = f"{owner}.{function}" if owner else function
    return Mutant(file, where, "\n".join(gone), "\n".join(come))


def make_mutants(tree: Path, package: str) -> dict[str, Mutant]:
    """Copy sources and tests to ``tree``, with all mutants of the package; return these by name.

    mutmut reads its settings in the current directory.
    """
    for name in ("src", "tests", "scripts", "docs", "__metadata__"):
        unneeded = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=unneeded)
    found = {}
    for path in sorted((tree / "src" / "shadowserver_connector" / package).glob("*.py")):
        file = path.relative_to(tree)
        mutated = mutate_file_contents(str(file), path.read_text(encoding="utf-8"))
        path.write_text(mutated.code, encoding="utf-8")
        for mangled in mutated.mutant_names:
            name = get_mutant_name(file, mangled)
            found[name] = described(file.as_posix(), name, mutated)
    return found


@dataclass
class Testing:
    """A pytest plugin that runs the collected tests on each mutant instead of the code."""

    mutants: Mapping[str, Mutant]
    jobs: int
    most_tests: int
    """How many of the tests that call a function are run."""
    save: Callable[[Mapping[str, str]], None]
    """Called now and then, and at the end, with what noticed each mutant so far."""
    noticed_by: dict[str, str] = field(default_factory=dict)
    """Mutant -> the test that noticed it; "" if none did."""
    problem: str = "the tests cannot be collected"
    _failed: bool = False
    _seconds: float = 0.0
    _most_seconds: float = _SECONDS

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Test all mutants, as many at once as there are jobs."""
        if session.testsfailed:
            return True
        gc.freeze()  # what forks share is not written to by their garbage collectors
        begun = time.monotonic()
        calls = Fork(lambda: self._calls(session.items), _WITHOUT_MUTANT)
        while not calls.is_over():
            time.sleep(0.1)
        self._most_seconds = max(_SECONDS, time.monotonic() - begun)
        answer = json.loads(calls.said() or '{"problem": "the tests end the process"}')
        self.problem = answer.get("problem", "")
        if not self.problem:
            by_id = {item.nodeid: item for item in session.items}
            callers = answer["callers"]
            self._test_all({name: [by_id[i] for i in ids] for name, ids in callers.items()})
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See whether a test fails, and how long it takes."""
        self._failed |= report.failed
        self._seconds += report.duration

    def _calls(self, items: Sequence[pytest.Item]) -> str:
        """Return which tests call each function, best first; all must pass on the code."""
        set_mutant_under_test("stats")
        callers = defaultdict(list)
        seconds = {}
        for item in self._run(items):
            seconds[item.nodeid], self._seconds = self._seconds, 0.0
            for function in state()._stats:
                callers[function].append(item.nodeid)
            state()._stats.clear()
            if self._failed:
                return json.dumps({"problem": f"without a mutant, {item.nodeid} fails"})
        ranked = {name: _ranked(ids, seconds) for name, ids in callers.items()}
        return json.dumps({"callers": ranked})

    def _test_all(self, callers: Mapping[str, Sequence[pytest.Item]]) -> None:
        running: dict[str, Fork] = {}
        waiting = list(self.mutants)
        # A run that is stopped early has then tried some mutants of every function.
        random.Random(0).shuffle(waiting)  # noqa: S311 - not for cryptography
        while waiting or running:
            while waiting and len(running) < self.jobs:
                name = waiting.pop()
                items = callers.get(mangled_name_from_mutant_name(name), ())
                running[name] = Fork(partial(self._noticing, name, items), self._most_seconds)
            time.sleep(0.005)
            for name in [name for name, fork in running.items() if fork.is_over()]:
                said = running.pop(name).said() or "(its process had to be ended)"
                self.noticed_by[name] = "" if said == _NOBODY else said
                self._tell(name)
        self.save(self.noticed_by)

    def _tell(self, name: str) -> None:
        tested = len(self.noticed_by)
        if not self.noticed_by[name]:
            sys.stderr.write(f"{tested}/{len(self.mutants)} {self.mutants[name]}\n")
        if tested % 20 == 0:
            self.save(self.noticed_by)

    def _noticing(self, name: str, items: Sequence[pytest.Item]) -> str:
        set_mutant_under_test(name)
        return next(
            (item.nodeid for item in self._run(items[: self.most_tests]) if self._failed), _NOBODY
        )

    def _run(self, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        for item, following in zip(items, [*items[1:], None], strict=False):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item


def _ranked(ids: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """Put the quickest example of each test first, then the second of each, and so on."""
    met: Counter[str] = Counter()
    ranks = {}
    for each in sorted(ids, key=seconds.__getitem__):
        test = each.partition("[")[0]
        ranks[each] = met[test]
        met[test] += 1
    return sorted(ranks, key=lambda each: (ranks[each], seconds[each]))


class Fork:
    """Calls ``work`` in a fork of this process, with limits on time and memory."""

    def __init__(self, work: Callable[[], str], seconds: float) -> None:
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115
        self._deadline = time.monotonic() + seconds
        self._pid = os.fork()
        if not self._pid:
            _work(work, self._answer)

    def is_over(self) -> bool:
        """Tell whether it has ended; end it if its time is up."""
        if time.monotonic() > self._deadline:
            self._end_all()
        return os.waitpid(self._pid, os.WNOHANG)[0] != 0

    def said(self) -> str:
        """Return its answer, "" if it gave none; call it only after the end."""
        self._end_all()
        with self._answer:
            self._answer.seek(0)
            return self._answer.read().decode()

    def _end_all(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)


def _work(work: Callable[[], str], answer: IO[bytes]) -> NoReturn:
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        answer.write(work().encode())
        answer.flush()
    finally:
        os._exit(0)


def main(package: str, jobs: str, known: str) -> int:
    """Test a package's mutants in the current directory, and write what noticed them beside it.

    ``known`` is the file of an earlier run's results: what was noticed then is not tested again.
    """
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]
    mutants = make_mutants(Path.cwd(), package)
    importlib.invalidate_caches()  # the sources were not there when this process began
    numbered = dict(zip(mutants, _numbered(mutants.values()), strict=True))
    earlier = json.loads(Path(known).read_bytes())
    tests = [by for *_, by in earlier]
    before = dict(zip(_numbered(Mutant(*each) for *each, _ in earlier), tests, strict=True))

    def save(noticed_by: Mapping[str, str]) -> None:
        by = {name: noticed_by.get(name) or before.get(numbered[name], "") for name in mutants}
        results = [[*mutant, by[name]] for name, mutant in mutants.items()]
        Path("../results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")

    new = {name: mutant for name, mutant in mutants.items() if not before.get(numbered[name])}
    testing = Testing(new, int(jobs), settings["most_tests"], save)
    pytest.main(
        ["-x", "-q", "-p", "no:cacheprovider", *settings["pytest"], *settings["packages"][package]],
        plugins=[testing],
    )
    if testing.problem:
        sys.stderr.write(f"{package}: {testing.problem}\n")
    return 1 if testing.problem else 0


def _numbered(mutants: Iterable[Mutant]) -> Iterator[tuple[Mutant, int]]:
    """Tell apart the mutants of a line that occurs more than once in a function."""
    met: Counter[Mutant] = Counter()
    for mutant in mutants:
        met[mutant] += 1
        yield mutant, met[mutant]


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
