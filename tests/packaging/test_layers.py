"""The direction in which the packages import each other."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import shadowserver_connector

ROOT = Path(shadowserver_connector.__path__[0])


def _imported(path: Path) -> set[str]:
    """Return the packages and modules directly under the root that a module imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    found = {name.split(".")[1] for name in names if name.startswith(f"{ROOT.name}.")}
    # The rest are names that the root itself defines, such as its version.
    return {name for name in found if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()}


def test_packages_use_each_other_in_one_direction() -> None:
    """No packages import each other in a circle; the error names it."""
    uses: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        package = path.relative_to(ROOT).parts[0].removesuffix(".py")
        uses.setdefault(package, set()).update(_imported(path) - {package})
    order = list(TopologicalSorter(uses).static_order())
    for lower, upper in (
        ("errors", "api"),
        ("sink", "pipeline"),
        ("pipeline", "connector"),
        ("connector", "operations"),
        ("operations", "service"),
        ("service", "cli"),
    ):
        assert order.index(lower) < order.index(upper)


@pytest.mark.parametrize("package", [path.parent for path in sorted(ROOT.rglob("__init__.py"))])
def test_each_package_says_what_its_modules_hold(package: Path) -> None:
    """A package's docstring has a line for each of its modules and packages, and no others."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    named = re.findall(r"(?m)^(\w+/ |\w+  )", text)
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert sorted(each.strip() for each in named) == sorted(modules | packages)


def test_no_two_modules_share_a_file_name() -> None:
    """Module file names are unique, so a name in a traceback finds one file."""
    names = Counter(path.name for path in ROOT.rglob("*.py") if not path.stem.startswith("__"))
    assert {name for name, count in names.items() if count > 1} == set()
