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

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

from docs_names import OUTPUT, PROGRAM, ROOT, wrong_names

from shadowserver_connector.simulator.profiles import PROFILES, GeneratedReports, days_until
from shadowserver_connector.simulator.server import Simulator

COMMAND = "python scripts/check_docs.py"
DOCUMENTS = ("*.md", "docs/**/*.md", "__metadata__/*.md")

LAST_DAY = date(2024, 1, 31)
SHOWN_TYPES = ("event4_sinkhole_http", "scan_snmp", "scan_ssh")
LEFT_OUT = "[...]"
KEY, SECRET = "simulated-key", "simulated-secret"

# As the installed script does, under its name, whether it is installed or not.
_START = (
    f"import sys; sys.argv[0] = {PROGRAM!r}; from shadowserver_connector.cli import main; main()"
)

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
    """Yield what runs commands, each once, where there are reports and a Shadowserver."""
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
        yield cache(lambda command: _run(command, home, environment))


def _run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    words = shlex.split(command)
    own = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        own[name] = value
    if not words or words[0] != PROGRAM:
        raise ValueError(f"output of {command!r}: only {PROGRAM} is run")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _START, *words[1:]],
        cwd=folder,
        env={**environment, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
