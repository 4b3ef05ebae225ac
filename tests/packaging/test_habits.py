"""What people expect of a command: optional colours, and completion."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.packaging.conftest import execute

pytestmark = pytest.mark.integration

COMMAND: Final = Path(sys.executable).with_name("shadowserver-connector")
COMPLETE: Final = "_SHADOWSERVER_CONNECTOR_COMPLETE"
COLOUR: Final = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|9\d)m")


def _on_a_terminal(folder: Path, *arguments: str, **environ: str) -> str:
    """Run a command with a terminal as output, and return what it writes there."""
    ours, theirs = pty.openpty()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env={**kept, "TERM": "xterm-256color", **environ},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    with open(ours, "rb", buffering=0) as terminal:
        try:
            while piece := terminal.read(4096):
                written += piece
        except OSError:  # the other side has closed it
            pass
    assert process.wait(30) == 0
    return written.decode()


def test_a_terminal_gets_colours_unless_they_are_not_wanted(tmp_path: Path) -> None:
    """A terminal gets colours; ``NO_COLOR`` (no-color.org) with any value turns them off."""
    assert COLOUR.search(_on_a_terminal(tmp_path, "--help"))
    assert not COLOUR.search(_on_a_terminal(tmp_path, "--help", NO_COLOR="1"))


def test_a_pipe_gets_plain_text(tmp_path: Path) -> None:
    """No escape sequence is written to a pipe."""
    assert "\x1b" not in execute(COMMAND, "--help", cwd=tmp_path).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_comes_as_a_script(shell: str, tmp_path: Path) -> None:
    """Each shell gets a script that calls the command back."""
    script = execute(COMMAND, cwd=tmp_path, **{COMPLETE: f"source_{shell}"}).stdout
    assert f"{COMPLETE}=complete_{shell}" in script


def test_the_shell_is_recognised(tmp_path: Path) -> None:
    """``--show-completion`` prints the script of the calling shell."""
    script = execute("bash", "-c", f"{COMMAND} --show-completion; exit $?", cwd=tmp_path).stdout
    assert f"{COMPLETE}=complete_bash" in script
    execute("bash", "-n", "-c", script, cwd=tmp_path)


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """In bash, a tab completes commands and options."""

    def offered(*words: str) -> list[str]:
        environ = {
            COMPLETE: "complete_bash",
            "COMP_WORDS": " ".join(["shadowserver-connector", *words]),
            "COMP_CWORD": str(len(words)),
        }
        return execute(COMMAND, cwd=tmp_path, **environ).stdout.split()

    assert offered("conv") == ["convert"]
    assert "--output" in offered("convert", "--")
