"""One line for each setting that the models refuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from shadowserver_connector.settings.allowed import allowed
from shadowserver_connector.settings.names import secret_names
from shadowserver_connector.settings.pycti_names import HANDED_ON
from shadowserver_connector.settings.sources import Text
from shadowserver_connector.settings.text import flaw_of, flaw_of_foreign, without_password

LONGEST_VALUE = 60


def refused(
    error: ValidationError, values: Mapping[str, object], sources: Mapping[str, str]
) -> list[str]:
    """Return lines that name the setting, its source, its value unless secret, and what is allowed.

    `values` and `sources` are by environment variable.
    """
    # A list, or a choice between kinds, has an error for each of its parts: one line is enough.
    names = dict.fromkeys("_".join(map(str, one["loc"][:2])).upper() for one in error.errors())
    return [
        f"{name} ({sources[name]}): {_shown(name, values[name])} is not allowed; "
        f"give {allowed(name)}"
        for name in names
    ]


def unreachable(error: OSError, values: Mapping[str, Text], sources: Mapping[str, str]) -> str:
    """Return a line for a path that the system does not even look at: too long, or closed."""
    path = Path(str(error.filename))
    name = next(
        name for name, value in values.items() if isinstance(value, str) and Path(value) == path
    )
    return (
        f"{name} ({sources[name]}): {_shown(name, values[name])} cannot be reached: "
        f"{error.strerror}; give {allowed(name)}"
    )


def ill_written(name: str, text: Text) -> str:
    """Say what is wrong with how a value is written and what is allowed; empty for nothing."""
    foreign = name in HANDED_ON
    for each in [text] if isinstance(text, str) else text:
        flaw = flaw_of_foreign(each, secret=name in secret_names()) if foreign else flaw_of(each)
        if flaw:
            return flaw if foreign else f"{flaw}; give {allowed(name)}"
    return ""


def _shown(name: str, value: object) -> str:
    if name in secret_names():
        return "its value"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    text = without_password(text)
    return repr(text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "...")
