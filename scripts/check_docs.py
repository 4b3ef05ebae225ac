"""Keep the documentation true: the output that it shows, and everything that it names.

``python scripts/check_docs.py`` runs each command whose output a document shows, and writes what
the command prints now into the document. With ``--check`` nothing is written, and the exit code
is 1 if an output is stale, or if a document names a setting, command, option, ``make`` target,
file, test, log message or link that does not exist.

Shown output is a fenced block behind a marker line, the command in it; it may begin with
``NAME=value``. Lines can be chosen: ``1-6`` from the first to the sixth, ``5-`` from the fifth,
``-2`` the last two, ``~word`` those with that word in them:

    <!-- output: shadowserver-connector subscriptions -->
    <!-- output 1-6,~scan_ssh,-2: shadowserver-connector types -->

The commands find reports of fixed content in ``reports/``, and a simulated Shadowserver.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import IO, cast

from docs_names import OUTPUT, PROGRAM, ROOT, wrong_names

from shadowserver_connector.simulator.profiles import PROFILES, GeneratedReports, days_until
from shadowserver_connector.simulator.server import Simulator

COMMAND = "python scripts/check_docs.py"
DOCUMENTS = ("*.md", "docs/**/*.md", "__metadata__/*.md")

LAST_DAY = date(2024, 1, 31)
SHOWN_TYPES = ("event4_sinkhole_http", "scan_snmp", "scan_ssh")
LEFT_OUT = "[...]"
KEY, SECRET = "simulated-key", "simulated-secret"

# Runs commands as the installed script does, under its name, whether it is installed or not. Each
# runs in a fork of one process that has imported the program: to start Python anew for each would
# take longer than all of them.
_COMMANDS = f"""
import json, os, sys
from shadowserver_connector.cli import main
for line in sys.stdin:
    task = json.loads(line)
    child = os.fork()
    if child == 0:
        for stream in (1, 2):
            os.dup2(os.open(task["output"], os.O_WRONLY | os.O_APPEND), stream)
        os.environ.update(task["environment"])
        sys.argv = [{PROGRAM!r}, *task["words"]]
        main()
        sys.exit()
    os.waitpid(child, 0)
    print(flush=True)
"""

Run = Callable[[str], str]
"""From a command line to what it prints."""


def main() -> int:
    """Rewrite or check all documents; the exit code is 1 if something in them is wrong."""
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.stderr.write(f"usage: {COMMAND} [--check]\n")
        return 2
    complaints = []
    with commands() as run:
        for path in documents():
            text = path.read_text(encoding="utf-8")
            fresh = with_output(text, run)
            if fresh != text:
                if check:
                    complaints.append(f"{path.relative_to(ROOT)}: stale output; run {COMMAND}")
                else:
                    path.write_text(fresh, encoding="utf-8")
    for path in documents():
        complaints += [f"{path.relative_to(ROOT)}: {wrong}" for wrong in wrong_names(path)]
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


def documents() -> list[Path]:
    """Return all documents of the repository."""
    return sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern))


def with_output(text: str, run: Run) -> str:
    """Return a document with each shown output as its command prints it now."""
    lines = text.split("\n")
    fresh: list[str] = []
    at = 0
    while at < len(lines):
        fresh.append(lines[at])
        marker = OUTPUT.fullmatch(lines[at].strip())
        at += 1
        if marker is None:
            continue
        block = next((n for n in range(at, len(lines)) if lines[n].strip()), len(lines))
        if block < len(lines) and lines[block].startswith("```"):
            at = lines.index("```", block + 1) + 1
        output = chosen(run(marker["command"]), marker["lines"])
        fresh += ["", "```console", f"$ {marker['command']}", *output.split("\n"), "```"]
    return "\n".join(fresh)


def chosen(output: str, wanted: str | None) -> str:
    """Return the wanted lines of an output; a mark stands where others are left out."""
    lines = [line.rstrip() for line in output.strip("\n").split("\n")]
    if wanted is None:
        return "\n".join(lines)
    kept: set[int] = set()
    for each in wanted.split(","):
        first, dash, last = each.partition("-")
        if each.startswith("~"):
            kept |= {at for at, line in enumerate(lines) if each[1:] in line}
        elif not first:
            kept |= set(range(max(0, len(lines) - int(last)), len(lines)))
        else:
            kept |= set(range(int(first) - 1, int(last or len(lines) if dash else first)))
    shown = []
    for at, line in enumerate(lines):
        if at in kept:
            shown.append(line)
        elif not shown or shown[-1] != LEFT_OUT:
            shown.append(LEFT_OUT)
    return "\n".join(shown)


@contextmanager
def commands() -> Iterator[Run]:
    """Yield a function that runs a command, once, beside reports and a simulated Shadowserver."""
    store = GeneratedReports(PROFILES["demo"](), days_until(LAST_DAY, 3))
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(store, key=KEY, secret=SECRET) as simulator,
    ):
        home = Path(folder)
        (home / "reports").mkdir()
        for report in store.reports(LAST_DAY):
            if report.type in SHOWN_TYPES:
                content = b"".join(store.open(report.id).chunks)
                (home / "reports" / report.file).write_bytes(content)
        environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PYTHONUTF8": "1",
            "SHADOWSERVER_API_URL": simulator.api_url,
            "SHADOWSERVER_DOWNLOAD_URL": simulator.download_url,
            "SHADOWSERVER_API_KEY": KEY,
            "SHADOWSERVER_API_SECRET": SECRET,
            "CONNECTOR_ID": "8a2b7f6e-5c1d-4f0a-9e3b-2d6c4b8a1f70",
        }
        with subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", _COMMANDS],
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            yield cache(lambda command: _run(command, program, home / ".output"))


def _run(command: str, program: subprocess.Popen[str], output: Path) -> str:
    words = shlex.split(command)
    own = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        own[name] = value
    if not words or words[0] != PROGRAM:
        raise ValueError(f"output of {command!r}: only {PROGRAM} is run")
    output.write_bytes(b"")
    tasks, done = cast(IO[str], program.stdin), cast(IO[str], program.stdout)
    task = {"words": words[1:], "environment": own, "output": str(output)}
    tasks.write(json.dumps(task) + "\n")
    tasks.flush()
    done.readline()
    return output.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
