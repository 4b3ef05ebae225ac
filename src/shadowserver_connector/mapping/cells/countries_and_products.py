"""Countries under the names that they have in OpenCTI; products, their versions and CPE names.

OpenCTI identifies a country by its name, so the name must be the one of the platform's own
geography data set, which follows UN M49 rather than ISO 3166 ("Republic of Korea", not "Korea,
Republic of"). The table is ours and not a library's: a name that changes with an upgrade would
be another country.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_OTHER_CODES: Final = {"UK": "GB"}
"""Codes that ISO 3166 keeps reserved for a country of another code."""


class Country(NamedTuple):
    """A country as a Location names it."""

    code: str
    """ISO 3166-1 alpha-2."""
    name: str


def parse_country(text: str) -> Country:
    """Return the country of an alpha-2 code; codes of none (`EU`, `AP`, `ZZ`, ...) are refused."""
    code = text.upper()
    code = _OTHER_CODES.get(code, code)
    name = _table("countries.tsv").get(code)
    if name is None:
        raise ValueError("not the code of a country")
    return Country(code, name)


@cache
def _table(file: str) -> dict[str, str]:
    text = files("shadowserver_connector.mapping.cells").joinpath(file).read_text(encoding="utf-8")
    return dict(line.split("\t") for line in text.splitlines())


MAX_PRODUCTS: Final = 5
"""Maximum number of products from one text; servers with more modules name the important ones
first.
"""

# In a `Server` header, what stands in parentheses is a comment (RFC 9110, section 10.2.4).
_COMMENT: Final = re.compile(r"\([^()]*\)")
# `Apache/2.4.1` as in HTTP, or `OpenSSH_8.9p1` as in SSH.
_WITH_VERSION: Final = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9.+_-]+)[/_](?P<version>[vV]?[0-9][A-Za-z0-9.+~:-]*)"
)
_WITHOUT: Final = re.compile(r"[A-Za-z][A-Za-z0-9.+_-]+")
_DATED: Final = re.compile(
    r"(?P<name>[A-Za-z]{2,}) (?P<version>[0-9][A-Za-z0-9.-]*) [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}"
)
_RELEASE: Final = re.compile(r"[vV]?(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9}){1,4})")


class Product(NamedTuple):
    """A product and its version, if given."""

    name: str
    version: str | None


def split_products(text: str) -> tuple[Product, ...]:
    """Return the products in a text; a text of any other form is one product."""
    dated = _DATED.fullmatch(text)
    if dated is not None:  # OpenSSL 1.0.1f 6 Jan 2014
        return (Product(dated["name"], dated["version"]),)
    tokens = _COMMENT.sub(" ", text).split()
    products = [_product(token) for token in tokens]
    known = [product for product in products if product is not None]
    # Words without any version are one name, such as `Microsoft Exchange Server`.
    if len(known) < len(tokens) or not any(product.version for product in known):
        return (Product(text, None),)
    return tuple(dict.fromkeys(known))[:MAX_PRODUCTS]


def cpe_of(name: str, version: str | None) -> str | None:
    """Return the CPE 2.3 name of a product with its own release number; ``None`` if unknown.

    Vendor and product are those of NVD's dictionary. A version with anything but numbers and dots
    is usually that of a distribution's package, not the release of that number.
    """
    release = _RELEASE.fullmatch(version or "")
    known = _table("products.tsv").get(name.lower())
    if release is None or known is None:
        return None
    return f"cpe:2.3:a:{known}:{release['number']}:*:*:*:*:*:*:*"


def _product(token: str) -> Product | None:
    match = _WITH_VERSION.fullmatch(token)
    if match is not None:
        return Product(match["name"], match["version"])
    return Product(token, None) if _WITHOUT.fullmatch(token) else None


# Letters, digits, `-._` and escaped punctuation, with wildcards at either end; or `*` or `-`.
_VALUE = r"(?:(?:\?*|\*?)(?:[A-Za-z0-9._-]|\\[\\*?!\"#$%&'()+,/:;<=>@\[\]^`{|}~])+(?:\?*|\*?)|[*-])"
_LANGUAGE = r"(?:[A-Za-z]{2,3}(?:-(?:[A-Za-z]{2}|[0-9]{3}))?|[*-])"
_CPE: Final = re.compile(rf"cpe:2\.3:[aho*-](?::{_VALUE}){{5}}:{_LANGUAGE}(?::{_VALUE}){{4}}")


def parse_cpe(text: str) -> str:
    """Return a CPE 2.3 formatted string (NISTIR 7695, section 6.2), as it is."""
    if len(text) > 512 or _CPE.fullmatch(text) is None:
        raise ValueError("not a CPE 2.3 name")
    return text
