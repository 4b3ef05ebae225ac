"""Which cells of a malware column name no malware."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

_BETWEEN_WORDS: Final = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True)
class Activities:
    """Names of deeds, services, sensors, lists and whole classes of malware."""

    words: frozenset[str]
    """Names as a whole, in lower case, their parts joined by hyphens."""
    forms: tuple[str, ...]
    """What other names begin or end with: one ``*``, at the end or the beginning."""
    families: frozenset[str] = frozenset()
    """Names of such a form that are families of malware all the same."""

    def __contains__(self, cell: str) -> bool:
        """Tell whether a cell names an activity; spaces and underscores count as hyphens."""
        name = _BETWEEN_WORDS.sub("-", cell.strip().lower())
        if name in self.words:
            return True
        return name not in self.families and any(fnmatchcase(name, form) for form in self.forms)
