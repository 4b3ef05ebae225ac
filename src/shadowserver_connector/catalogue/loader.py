"""Reads the catalogue's data files, and refuses them when they contradict themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from shadowserver_connector.catalogue.build import build
from shadowserver_connector.catalogue.model import Catalogue
from shadowserver_connector.errors import CatalogueError

FILES = (
    "meanings.toml",
    "families.toml",
    "findings.toml",
    "activities.toml",
    "columns.toml",
    "overrides.toml",
    "patterns.toml",
    "layouts.toml",
    "report_types.toml",
)
"""The catalogue's data files, in the order in which they build on each other."""


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of this package; read and checked once per process.

    Raises:
        CatalogueError: a data file cannot be read or contradicts itself or another.
    """
    folder = files("shadowserver_connector.catalogue") / "data"
    return build({name: parse(name, (folder / name).read_text("utf-8")) for name in FILES})


def parse(name: str, text: str) -> Mapping[str, Any]:
    """Return a data file's content as TOML reads it.

    Raises:
        CatalogueError: it is no TOML; a name given twice is one of the reasons.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}: {error}; correct the file") from error
