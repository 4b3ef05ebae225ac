"""The rows of `check`: every setting with its value and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from shadowserver_connector.settings import Loaded
from shadowserver_connector.settings.names import known_settings, secret_names
from shadowserver_connector.settings.text import MASK, masked


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting, fit to be shown: a secret's value is masked, an unset one's is empty."""

    name: str
    value: str
    source: str
    description: str


def setting_rows(loaded: Loaded) -> tuple[SettingRow, ...]:
    """Return a row for each setting in the order of the models, then those handed on to pycti.

    A deprecated setting has a row only where it is set.
    """
    rows = [
        SettingRow(
            name=name,
            value=masked(getattr(getattr(loaded.settings, setting.section), setting.key)),
            source=loaded.sources[name],
            description=setting.description,
        )
        for name, setting in known_settings().items()
        if not setting.deprecated or loaded.sources[name] != "default"
    ]
    rows += [
        SettingRow(
            name=name,
            value=MASK if name in secret_names() else masked(value.get_secret_value()),
            source=loaded.sources[name],
            description="Handed on to pycti.",
        )
        for name, value in sorted(loaded.handed_on.items())
    ]
    return tuple(rows)
