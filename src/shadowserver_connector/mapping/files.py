"""Files, by their hashes."""

from __future__ import annotations

from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.mapping.shape import in_sandbox
from shadowserver_connector.mapping.values.hashes import ALGORITHMS
from shadowserver_connector.stix import observables


def build_file(make: PartMaker) -> None:
    """Make a file of the hashes of one group, with its name where one is given."""
    hashes = {name: value for part, name in ALGORITHMS if (value := make.value(f"file.{part}"))}
    name = make.value("file.name")
    if not hashes:
        return
    file = observables.file(make.context.origin, hashes=hashes, name=name)
    # A sample that ran in a sandbox is what contacted the hosts of its rows.
    make.offer("sample" if in_sandbox(make.context) else "thing", make.observable(file))
