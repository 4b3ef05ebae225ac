"""Settings as the text that a person would write in the environment."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import ByteSize, SecretStr

MASK = "********"

_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNEXPANDED = re.compile(r"\$\{[^}]*\}")
# Invisible, and no blanks for Python: editors and web pages leave them.
_INVISIBLE = "\ufeff\u200b\u2060"

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


def flaw_of(text: str) -> str:
    """Say what is wrong with how a value is written, whatever it should hold; empty for nothing.

    Such a value was not meant: a shell or an ``env_file`` did not take something off, or did not
    put something in. A key with a quote or a line end is refused by the other side without a hint.
    """
    if _SURROGATE.search(text):
        return "it holds bytes that are not UTF-8"
    if text != text.strip().strip(_INVISIBLE):
        return "there are blanks, line ends or invisible characters around its value"
    if _CONTROL.search(text):
        return "there are line ends or control characters in its value"
    if _is_quoted(text):
        return "there are quotes around its value, which count as part of it"
    if _UNEXPANDED.search(text):
        # Not shown: behind the name a default may stand, and that be a secret.
        return "nothing was put in the place of the ${...} in its value"
    return ""


def flaw_of_foreign(text: str, *, secret: bool) -> str:
    """Say the same of a value that pycti alone reads: a certificate, or a password of any kind."""
    if secret or "-----BEGIN" in text:
        if _SURROGATE.search(text):
            return "it holds bytes that are not UTF-8"
        if "\0" in text:
            return "there is a NUL character in its value"
        return flaw_of(text) if _UNEXPANDED.fullmatch(text) else ""
    return flaw_of(text)


def _is_quoted(text: str) -> bool:
    """Tell whether a value begins with a quote, or ends with one that none before it opened."""
    return text[:1] in _QUOTES or (text[-1:] in _QUOTES and text.count(text[-1:]) % 2 == 1)


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
