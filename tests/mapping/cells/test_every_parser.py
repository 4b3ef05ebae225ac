"""The contract that all parsers share."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowserver_connector.mapping.cells.addresses import (
    parse_asn,
    parse_ip,
    parse_mac,
    parse_network,
    parse_port,
    parse_public,
)
from shadowserver_connector.mapping.cells.countries_and_products import parse_country, parse_cpe
from shadowserver_connector.mapping.cells.dates import parse_time
from shadowserver_connector.mapping.cells.hashes_and_keys import (
    LENGTHS,
    parse_hash,
    parse_pem_hashes,
    parse_serial_number,
    parse_ssh_key,
    parse_ssh_key_type,
    parse_ssh_md5,
    parse_ssh_sha256,
)
from shadowserver_connector.mapping.cells.host_names_and_urls import (
    parse_application,
    parse_email,
    parse_name,
    parse_protocol,
    parse_url,
)
from shadowserver_connector.mapping.cells.text_and_tags import (
    find_attack_ids,
    find_cves,
    is_null,
    is_null_number,
    parse_boolean,
    parse_count,
    parse_label,
    parse_severity,
    parse_term,
    parse_user_agent,
    parse_version,
    split_tags,
)

PARSERS: dict[str, Callable[[str], Any]] = {
    parser.__name__: parser
    for parser in (
        *(parse_ip, parse_network, parse_public, parse_asn, parse_port, parse_count, parse_mac),
        *(parse_name, parse_email, parse_url, parse_time, parse_country),
        *(parse_boolean, parse_severity, parse_protocol, parse_application),
        *(parse_ssh_key, parse_ssh_key_type, parse_ssh_md5, parse_ssh_sha256),
        *(parse_label, parse_term, parse_user_agent, parse_version, parse_cpe, parse_pem_hashes),
        parse_serial_number,
    )
} | {f"parse_hash {name}": partial(parse_hash, name) for name in LENGTHS}

# Text that comes close to what the parsers look for, and text that does not.
PIECES = st.sampled_from(
    [
        *("192.0.2.1", "2001:db8::1", "::ffff:", "/24", "255", "%", "AS", "64496", "-", ":", "."),
        *("www", "example", "com", "xn--", "_", "*", "@", "ü", "ß", "İ", "。", "http://", "?", "#"),
        *("2024-01-31", " ", "12:34:56", "T", "Z", "+02:00", ".123456", "Jan", "GMT", "W05"),
        *("CVE-2024-1234", "T1110.001", ";", ",", "\x00", "\ud800", "\u2028", "ab", "00", "0x"),
        *("NL", "UK", "-----BEGIN CERTIFICATE-----", "MIIB", "-----END CERTIFICATE-----"),
        *("SHA256:", "ssh-rsa ", "AAAAB3NzaC1yc2E", "=", "[", "]", "\\", "'", "٣", "²"),
    ]
)
CELLS = st.one_of(
    st.text(),
    st.lists(PIECES, max_size=8).map("".join),
    st.from_regex(r"\A[0-9a-fA-F:.\-]{1,40}\Z"),
    st.from_regex(r"\A[a-z0-9._\-]{1,80}\.[a-z]{2,5}\.?\Z"),
).map(str.strip)


def _refusal(parse: Callable[[str], Any], cell: str) -> ValueError | None:
    try:
        value = parse(cell)
    except ValueError as refusal:
        return refusal
    assert value is not None
    return None


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=40)
@given(cell=CELLS)
def test_a_parser_returns_or_says_why_not(name: str, cell: str) -> None:
    """Any cell gives a value, or a `ValueError` with a short reason of one line."""
    refusal = _refusal(PARSERS[name], cell)
    if refusal is not None:
        assert 0 < len(str(refusal)) < 80
        assert "\n" not in str(refusal)
        assert not isinstance(refusal, UnicodeError)


@pytest.mark.parametrize(
    "name",
    sorted(
        PARSERS.keys()
        # What these return is no text that could be parsed once more.
        - {"parse_ssh_key", "parse_pem_hashes", "parse_boolean", "parse_ssh_key_type"}
    ),
)
@settings(max_examples=40)
@given(cell=CELLS)
def test_a_normalised_value_stays_as_it_is(name: str, cell: str) -> None:
    """Parsing a parsed value again does not change it."""
    parse = PARSERS[name]
    try:
        value = parse(cell)
    except ValueError:
        return
    text = str(value[0]) if isinstance(value, tuple) else str(value)
    assert parse(text) == value


@pytest.mark.parametrize("name", PARSERS)
def test_a_reason_does_not_repeat_the_cell(name: str) -> None:
    """A reason does not quote the cell, since reasons are logged."""
    assert "s3cret" not in str(_refusal(PARSERS[name], "s3cret\n<b>"))


@given(cell=CELLS)
def test_looking_for_values_never_fails(cell: str) -> None:
    """A cell without values gives none, and no error."""
    assert all(re.fullmatch(r"CVE-\d{4}-\d{4,}", cve, re.ASCII) for cve in find_cves(cell))
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", t, re.ASCII) for t in find_attack_ids(cell))
    labels = split_tags(cell)
    assert split_tags(";".join(labels)) == labels
    assert isinstance(is_null(cell), bool)
    assert is_null_number(cell) or not is_null(cell)
