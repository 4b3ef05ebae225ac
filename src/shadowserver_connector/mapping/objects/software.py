"""Software and files: what answers, what runs on a device, what was attacked with."""

from __future__ import annotations

from typing import Final

from shadowserver_connector.mapping.cells.hashes_and_keys import ALGORITHMS
from shadowserver_connector.mapping.cells.products import Product, cpe_of, split_products
from shadowserver_connector.mapping.objects.collector import PartMaker
from shadowserver_connector.mapping.objects.section_layout import in_sandbox
from shadowserver_connector.stix import knowledge, observables

SERVICE: Final = "service"
"""Group of the cells about the software that answers on the scanned port."""

TARGET: Final = "target"
"""Group of the cells about the software that an attacker was after, and does not run itself."""


def build_software(make: PartMaker) -> None:
    """Make one Software of a product cell, its vendor and its version.

    A version of the service itself, without a product beside it, is one of the product that the
    whole report type is about. A product cell without a version may name several of each.
    """
    report_type = make.context.report_type
    version = make.value("software.version")
    name = make.value("software.product", "software.short_name")
    vendor = make.value("software.vendor")
    cpe = make.value("software.cpe")
    if name is None and version is not None and make.shape.group == SERVICE:
        name = report_type.product_of(version)
    if not name:
        return
    alone = version is None and vendor is None
    for product in split_products(name) if alone else (Product(name, version),):
        software = knowledge.software(
            make.context.origin,
            product.name,
            vendor=vendor or (report_type.vendor if make.shape.group == SERVICE else "") or None,
            version=product.version,
            cpe=cpe or cpe_of(*product),
        )
        made = make.observable(software, noted=False, tagged=False)
        make.offer("attacked" if make.shape.group == TARGET else "thing", made)


def build_file(make: PartMaker) -> None:
    """Make a file of the hashes of one group, with its name where one is given."""
    hashes = {name: value for part, name in ALGORITHMS if (value := make.value(f"file.{part}"))}
    name = make.value("file.name")
    if not hashes:
        return
    file = observables.file(make.context.origin, hashes=hashes, name=name)
    # A sample that ran in a sandbox is what contacted the hosts of its rows.
    make.offer("sample" if in_sandbox(make.context) else "thing", make.observable(file))
