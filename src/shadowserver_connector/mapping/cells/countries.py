"""Countries, under the names that they have in OpenCTI.

OpenCTI identifies a country by its name, so the name must be the one of the platform's own
geography data set, which follows UN M49 rather than ISO 3166 ("Republic of Korea", not "Korea,
Republic of"). The table is ours and not a library's: a name that changes with an upgrade would
be another country.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_OTHER_CODES: Final = {"UK": "GB"}
"""Codes that ISO 3166 keeps reserved for a country of another code."""


class Country(NamedTuple):
    """A country as a Location names it."""

    code: str
    """ISO 3166-1 alpha-2."""
    name: str


def parse_country(text: str) -> Country:
    """Return the country of an alpha-2 code; codes of none (`EU`, `AP`, `ZZ`, ...) are refused."""
    code = text.upper()
    code = _OTHER_CODES.get(code, code)
    name = _names().get(code)
    if name is None:
        raise ValueError("not the code of a country")
    return Country(code, name)


@cache
def _names() -> dict[str, str]:
    table = files("shadowserver_connector.mapping.cells").joinpath("countries.tsv")
    lines = table.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)
