"""What a column's cells are for a finding: its identity, its state, or what changes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

IDENTITY: Final = "identity"
STATE: Final = "state"
WORDING: Final = "wording"
VOLATILE: Final = "volatile"

PARTS: Final = (IDENTITY, STATE, WORDING, VOLATILE)
"""Whose and what; how it is; the same but for clocks and tokens in the text; no part at all."""


@dataclass(frozen=True, slots=True)
class FindingRules:
    """What holds where a column does not say it itself; a cell that nothing fits is state."""

    identity_roles: frozenset[str]
    volatile_roles: frozenset[str]
    volatile_meanings: frozenset[str]
    """Meanings of parties which a finding merely happened to meet."""
    volatile_names: tuple[str, ...]
    """Globs of unpublished names, against the name between two underscores."""

    def part(self, role: str, meaning: str) -> str:
        """Return what the cells of a role are, of a party that means this; one of ``PARTS``."""
        if role in self.volatile_roles or meaning in self.volatile_meanings:
            return VOLATILE
        return IDENTITY if role in self.identity_roles else STATE

    def of_name(self, words: str) -> str:
        """Return ``VOLATILE`` where an unpublished name says that its cells are, else nothing."""
        if any(fnmatchcase(words, glob) for glob in self.volatile_names):
            return VOLATILE
        return ""
