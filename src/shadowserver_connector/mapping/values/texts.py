"""Free text that names something: products, malware, accounts, user agents."""

from __future__ import annotations

from typing import Final

from shadowserver_connector.mapping.values.characters import one_line

MAX_NAME: Final = 256
MAX_USER_AGENT: Final = 2048
MAX_DIRECTORY_TEXT: Final = 1024


def parse_term(text: str) -> str:
    """Return the name of a product, vendor, malware or algorithm on one line."""
    return _single_line(text, MAX_NAME)


def parse_user_agent(text: str) -> str:
    """Return a user agent on one line."""
    return _single_line(text, MAX_USER_AGENT)


def parse_version(text: str) -> str:
    """Return the version of a product or certificate on one line; one character is enough."""
    return _single_line(text, MAX_NAME, shortest=1)


def parse_directory_text(text: str) -> str:
    """Return a distinguished name, or a part of one, on one line."""
    return _single_line(text, MAX_DIRECTORY_TEXT, shortest=1)


def _single_line(text: str, longest: int, shortest: int = 2) -> str:
    # OpenCTI refuses names of one character.
    line = one_line(text)
    # A name of invisible characters only would be an object without a name.
    if len(line) < shortest or not any(map(str.isprintable, line)):
        raise ValueError(f"less than {shortest} characters")
    if len(line) > longest:
        raise ValueError(f"more than {longest} characters")
    return line
