"""What documents name - settings, commands, options, files, tests, messages, links - must exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer
import yaml

from shadowserver_connector.cli.app import app
from shadowserver_connector.settings.sources import (
    NAMES_OUTSIDE_MODELS,
    SECTIONS,
    known_settings,
    names_in_yaml,
    secret_names,
)

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "shadowserver_connector"
PROGRAM = "shadowserver-connector"
OUTPUT = re.compile(r"<!-- output(?: (?P<lines>[^: ]+))?: (?P<command>.+) -->")
"""Marks a block as the output of a command; see ``check_docs``."""

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SETTING = re.compile(r"\b(?:OPENCTI|CONNECTOR|SHADOWSERVER)_[A-Z0-9_]*[A-Z0-9]\b")
_MESSAGE = re.compile(r"[A-Z][a-z]+,? [^<>|=/]+")
_MAKE = re.compile(r"\bmake ((?:[a-z][a-z-]*\s?)+)")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?(::\w+)?")
_PATH_ENDS = (".py", ".toml", ".md", ".tsv", ".sh", ".sample", ".txt", ".yml", "/")
# Files that users create, so that they are not in the repository.
_MADE = {
    "config.yml",
    ".env",
    "docker-compose.override.yml",
    "demo-output/",
    "done/",
    "failed/",
}


class Line(NamedTuple):
    """A line of a document; ``fence`` is the language of the block it is in, None outside."""

    number: int
    text: str
    fence: str | None


def wrong_names(path: Path) -> list[str]:
    """Return a complaint for each thing that a document names and that does not exist."""
    return [
        f"line {line.number}: {complaint}"
        for line in lines_of(path.read_text(encoding="utf-8"))
        for complaint in (*_in_code(line, path), *_in_links(line, path))
    ] + list(_in_yaml(path))


def lines_of(text: str) -> Iterator[Line]:
    """Yield the lines of a document, except those of shown output, which is real."""
    fence: str | None = None
    shown = False
    for number, line in enumerate(text.split("\n"), 1):
        if fence is None and OUTPUT.fullmatch(line.strip()):
            shown = True
            yield Line(number, line.strip().removesuffix(" -->"), "console")
        elif line.startswith("```"):
            shown = shown and fence is None
            fence = line[3:].strip() if fence is None else None
        elif not (shown and fence is not None):
            yield Line(number, line, fence)


def _in_code(line: Line, path: Path) -> Iterator[str]:
    codes = [line.text] if line.fence is not None else _CODE.findall(line.text)
    for code in codes:
        for name in _SETTING.findall(code):
            if name not in _settings():
                yield f"{name} is no setting"
        for words in _MAKE.findall(code):
            for target in words.split():
                if target not in _make_targets():
                    yield f"make {target}: there is no such target"
        if PROGRAM in code:
            yield from _in_command(code.partition(PROGRAM)[2])
        if line.fence is None and _MESSAGE.fullmatch(code) and code not in _sources():
            yield f"{code}: the program does not say so"
        for word in code.split() if line.fence in (None, "sh", "console") else ():
            yield from _in_path(word, path, alone=word == code)


@cache
def _settings() -> frozenset[str]:
    files = (f"{name}_FILE" for name in secret_names())
    return frozenset([*known_settings(), *NAMES_OUTSIDE_MODELS, *files])


@cache
def _make_targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@cache
def _sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))


@cache
def _program() -> Any:
    return typer.main.get_command(app)


def _in_command(rest: str) -> Iterator[str]:
    """Check a command such as ``check --config config.yml``, up to the end of its line."""
    words = re.split(r"\s[|#>&]|[`<]", rest)[0].split()
    group = _program()
    subcommands = getattr(group, "commands", {})
    name = words[0] if words and re.fullmatch(r"[a-z][a-z-]*", words[0]) else None
    if name is not None and name not in subcommands:
        yield f"{PROGRAM} {name}: there is no such command"
        return
    command = subcommands[name] if name else group
    known = {"-h", "--help", *(opt for param in command.params for opt in param.opts)}
    for word in words:
        if word.startswith("-") and word.partition("=")[0] not in known:
            yield f"{PROGRAM} {name or ''}: there is no option {word}"


def _in_path(word: str, document: Path, *, alone: bool) -> Iterator[str]:
    """Check a word that looks like a path in the repository; others are the user's."""
    if not _PATH.fullmatch(word) or word in _MADE or word.startswith(".."):
        return
    name, _, test = word.partition("::")
    folders = (ROOT, document.parent, PACKAGE, PACKAGE / "catalogue" / "data")
    first = name.partition("/")[0]
    ours = "/" in name and any((folder / first).is_dir() for folder in folders[:3])
    if not ours and not (alone and name.endswith(_PATH_ENDS)):
        return
    found = next((folder / name for folder in folders if (folder / name).exists()), None)
    if found is None:
        yield f"{name}: there is no such file or folder"
    elif test and f"def {test}(" not in found.read_text(encoding="utf-8"):
        yield f"{name}: there is no {test}"


def _in_links(line: Line, path: Path) -> Iterator[str]:
    for target in _LINK.findall(line.text) if line.fence is None else ():
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        if not linked.exists():
            yield f"{target}: the link leads nowhere"
        elif anchor and anchor not in _anchors(linked):
            yield f"{target}: there is no such heading"


def _anchors(path: Path) -> set[str]:
    lines = lines_of(path.read_text(encoding="utf-8"))
    headings = (line.text.lstrip("#") for line in lines if not line.fence and line.text[:1] == "#")
    return {re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") for text in headings}


def _in_yaml(path: Path) -> Iterator[str]:
    for block in re.findall(r"^```yaml\n(.*?)^```", path.read_text("utf-8"), re.M | re.S):
        content = yaml.safe_load(block)
        for section in SECTIONS.keys() & (content if isinstance(content, dict) else {}):
            for key in content[section] or {}:
                name = names_in_yaml().get((section, key.removesuffix("_file")))
                if name is None or (key.endswith("_file") and name not in secret_names()):
                    yield f"{section}: {key} is no setting"
