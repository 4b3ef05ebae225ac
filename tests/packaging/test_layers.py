"""In which direction the packages use each other."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import shadowserver_connector

ROOT = Path(shadowserver_connector.__path__[0])


def _imported(path: Path) -> set[str]:
    """Return the packages and modules directly below the root that a module imports."""
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
    """No package imports one that imports it, over whatever way; an error names the circle."""
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
