"""Settings as the text that a person would write in the environment."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import ByteSize, SecretStr

MASK = "********"

_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
_SIZES = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def as_text(value: object) -> str:
    """Write a setting's value; secrets in clear, an unset one as an empty text."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return _iso_duration(value)
        case ByteSize():
            return _size(value)
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def masked(value: object) -> str:
    """Write a setting's value for people to see: secrets and passwords in URLs masked."""
    if isinstance(value, SecretStr):
        return MASK
    return without_password(as_text(value))


def without_password(text: str) -> str:
    """Mask what stands before the ``@`` of a URL's host."""
    return _PASSWORD_IN_URL.sub(f"{MASK}@", text)


def _iso_duration(value: timedelta) -> str:
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    days = f"{value.days}D" if value.days else ""
    time = "".join(f"{number}{unit}" for number, unit in parts if number)
    return f"P{days}" + (f"T{time}" if time else "")


def _size(value: int) -> str:
    for factor, unit in _SIZES:
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(int(value))
