"""Which relationships a report creates: those configured, and those that nothing else expresses."""

from __future__ import annotations

from collections.abc import Sequence

from shadowserver_connector.catalogue.catalogue import LinkKind
from shadowserver_connector.mapping.options import NEEDED, Options

_Link = tuple[str, str, str, str]
"""Type of a relationship, of its source, of its target, and what the end is."""

# The length of a UUID and of the two dashes before it.
_UUID = len("--00000000-0000-0000-0000-000000000000")


def type_of(stix_id: str) -> str:
    """Return the STIX type of the object with this id."""
    return stix_id[:-_UUID]


class Links:
    """Tells whether a relationship is created, by its type and the STIX types of its ends."""

    def __init__(self, kinds: Sequence[LinkKind], options: Options, *, joined: bool) -> None:
        """Take the catalogue's kinds; ``joined``: whether the report's traffic has both ends."""
        self._kinds = kinds
        self._options = options
        made = {
            "observed-data": options.observed_data,
            "network-traffic": options.network_traffic and joined,
        }
        self._said = frozenset(name for name, is_made in made.items() if is_made)
        self._needed = NEEDED in (options.relationships or ())
        self._made: dict[_Link, bool] = {}
        self._left: dict[_Link, bool] = {}

    def makes(self, relationship: str, source: str, target: str, end: str = "") -> bool:
        """Tell whether such a relationship is made; ``end`` is one of ``LINK_ENDS``."""
        link = (relationship, source, target, end)
        made = self._made.get(link)
        if made is None:
            made = self._made[link] = self._makes(relationship, self._kind(link))
        return made

    def leaves(self, relationship: str, source: str, target: str, end: str = "") -> bool:
        """Tell whether the object at the other end is created, related or not."""
        link = (relationship, source, target, end)
        left = self._left.get(link)
        if left is None:
            kind = self._kind(link)
            left = kind is None or kind.alone or self.makes(relationship, source, target, end)
            self._left[link] = left
        return left

    def _kind(self, link: _Link) -> LinkKind | None:
        return next((kind for kind in self._kinds if kind.fits(*link)), None)

    def _makes(self, relationship: str, kind: LinkKind | None) -> bool:
        if self._options.relates(relationship):
            return True
        if not self._needed:
            return False
        if kind is None or kind.needed:
            return True
        return bool(kind.said_by) and not self._said.issuperset(kind.said_by)
