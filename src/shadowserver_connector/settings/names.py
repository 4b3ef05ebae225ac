"""Names of settings: as environment variables, and as section and key in ``config.yml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shadowserver_connector.settings.connector import ConnectorSettings
from shadowserver_connector.settings.opencti import OpenCTISettings
from shadowserver_connector.settings.pycti_names import HANDED_ON, SECRET
from shadowserver_connector.settings.section import Section
from shadowserver_connector.settings.shadowserver import ShadowserverSettings

SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "opencti": OpenCTISettings,
        "connector": ConnectorSettings,
        "shadowserver": ShadowserverSettings,
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the models: its names, and what the models say of it."""

    name: str
    """The environment variable, such as ``SHADOWSERVER_NOTES``."""
    section: str
    key: str
    description: str
    secret: bool
    needed: bool
    """Whether `run` cannot do without it."""
    deprecated: bool


@cache
def known_settings() -> Mapping[str, Setting]:
    """Return every setting of the models by the name of its environment variable."""
    settings = (
        _setting(section, key, field)
        for section, model in SECTIONS.items()
        for key, field in model.model_fields.items()
    )
    return MappingProxyType({setting.name: setting for setting in settings})


def _setting(section: str, key: str, field: FieldInfo) -> Setting:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return Setting(
        name=f"{section}_{key}".upper(),
        section=section,
        key=key,
        description=field.description or "",
        secret=SecretStr in getattr(field.annotation, "__args__", (field.annotation,)),
        needed=bool(extra.get("needed")),
        deprecated=bool(extra.get("deprecated")),
    )


@cache
def secret_names() -> frozenset[str]:
    """Return the names whose value is never shown, and that may be given as ``<name>_FILE``."""
    return SECRET | {setting.name for setting in known_settings().values() if setting.secret}


@cache
def names_in_yaml() -> Mapping[tuple[str, str], str]:
    """Return (section, key) of ``config.yml`` -> environment variable, for every known name."""
    names = {place: name for name, place in HANDED_ON.items() if place is not None}
    names |= {(setting.section, setting.key): name for name, setting in known_settings().items()}
    return MappingProxyType(names)


def nearest(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    """Return a hint at the candidate that a mistyped name probably means, or an empty string.

    A `prefix` that all share is left out of the comparison.
    """
    names = sorted(known.removeprefix(prefix) for known in candidates if known.startswith(prefix))
    found = get_close_matches(name.removeprefix(prefix), names, n=1, cutoff=0.75)
    return f"; did you mean {prefix}{found[0]}?" if found else ""
