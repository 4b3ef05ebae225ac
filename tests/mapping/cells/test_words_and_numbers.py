from __future__ import annotations

import re
import sys
from collections.abc import Callable
from unicodedata import category

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.catalogue.catalogue import SEVERITIES
from shadowserver_connector.mapping.cells.addresses import MAX_ASN, parse_asn, parse_mac, parse_port
from shadowserver_connector.mapping.cells.countries_and_products import parse_country, parse_cpe
from shadowserver_connector.mapping.cells.host_names_and_urls import (
    parse_application,
    parse_protocol,
    protocol_stack,
)
from shadowserver_connector.mapping.cells.text_and_tags import (
    INVISIBLE,
    JOINERS,
    MAX_LABEL_LENGTH,
    MAX_LABELS,
    MAX_NAME,
    RANK,
    find_attack_ids,
    find_cves,
    is_null,
    is_null_number,
    parse_boolean,
    parse_count,
    parse_cves_in_tags,
    parse_label,
    parse_severity,
    parse_term,
    parse_user_agent,
    parse_version,
    split_tags,
    tags_left_out,
)
from shadowserver_connector.stix.reported_objects import MAX_NUMBER_OBSERVED
from tests.mapping.cells.platform import MAC


@pytest.mark.parametrize("cell", ["", " ", "-", "null", "NULL", "Unknown", "??", "N/A", "none"])
def test_a_null_says_nothing(cell: str) -> None:
    """Every placeholder that Shadowserver uses for no value is read as none."""
    assert is_null(cell)
    assert is_null_number(cell)


def test_zero_is_a_null_only_where_nothing_has_the_number_0() -> None:
    """0 is no value for AS numbers and NAICS codes; elsewhere it is a value."""
    assert is_null_number("0")
    assert not is_null("0")
    assert not is_null_number("00")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("64496", 64496), ("AS64496", 64496), ("as 64496", 64496), (str(MAX_ASN), MAX_ASN)],
)
def test_an_as_number(cell: str, number: int) -> None:
    """An AS number is read with and without its prefix."""
    assert parse_asn(cell) == number


@pytest.mark.parametrize(
    "cell", ["0", "2147483648", "4294967295", "-1", "1.10", "AS", "64 496", "٣", "1e3"]
)
def test_what_is_no_as_number_is_refused(cell: str) -> None:
    """AS numbers above 2147483647 are refused, as OpenCTI would refuse the object."""
    with pytest.raises(ValueError, match="AS number"):
        parse_asn(cell)


def test_a_port_is_between_1_and_65535() -> None:
    """Port 0 and ports above 65535 are refused."""
    assert parse_port("443") == 443
    assert parse_port("65535") == 65535
    for cell in ("0", "65536", "-1", "443/tcp", "²", "", "1000000"):
        with pytest.raises(ValueError, match="port"):
            parse_port(cell)


def test_a_count_is_positive_and_bounded() -> None:
    """A count is between 1 and STIX's largest number of an Observed-Data."""
    assert parse_count("17") == 17
    assert parse_count(str(MAX_NUMBER_OBSERVED)) == MAX_NUMBER_OBSERVED
    for cell in ("0", str(MAX_NUMBER_OBSERVED + 1), "1.5", "-1", ""):
        with pytest.raises(ValueError, match="count"):
            parse_count(cell)


@pytest.mark.parametrize(
    "cell", ["00:00:5E:00:53:AF", "00-00-5e-00-53-af", "0000.5e00.53af", "00005E0053AF"]
)
def test_a_mac_address_is_normalised(cell: str) -> None:
    """A MAC address is read with any separator."""
    assert parse_mac(cell) == "00:00:5e:00:53:af"
    assert MAC.fullmatch(parse_mac(cell))


@pytest.mark.parametrize(
    "cell",
    ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "00:00-5e:00:53:af", "00005e0053a", "0000.5e0053af"],
)
def test_what_is_no_mac_address_is_refused(cell: str) -> None:
    """Invalid MAC addresses, and those of no device, are refused."""
    with pytest.raises(ValueError, match="MAC"):
        parse_mac(cell)


def test_cves_are_found_in_either_case_each_once() -> None:
    """CVE ids are found in order, in upper case, and not within longer words."""
    cell = (
        "vpn;cve-2024-12345,CVE-2023-0001;CVE-2024-12345;xcve-2020-1111;cve-2020-123;cve-1998-1234"
    )
    assert find_cves(cell) == ("CVE-2024-12345", "CVE-2023-0001")
    assert find_cves("no") == ()


@pytest.mark.parametrize(
    "tag",
    [
        *("CVE_2021_44228", "cve 2021 44228", "Cve-2021_44228", "CVE  2021-44228"),
        *("CVE-2021\u200b-44228", "c\u00adve-2021-44228", "cve\n2021\t44228"),
    ],
)
def test_cve_in_a_tag_is_found_in_each_spelling_that_is_no_label(tag: str) -> None:
    """What is no label because it is a CVE id is found as one."""
    assert split_tags(f"vpn;{tag}") == ("vpn",)
    assert find_cves(f"vpn;{tag}") == parse_cves_in_tags(f"vpn;{tag}") == ("CVE-2021-44228",)


@given(
    st.lists(st.sampled_from([*"cCve12-_ ;,x\t\u200b\u200c\u0130\u212a", "2021", "4422", "cve"]))
)
def test_nothing_in_a_tag_is_neither_label_nor_cve(parts: list[str]) -> None:
    """A tag that is no label without it is a CVE id that is found."""
    text = "".join(parts)
    for tag in re.split("[;,]", text):
        try:
            label = parse_label(tag)
        except ValueError:
            continue
        assert split_tags(tag) == (() if (label.upper(),) == find_cves(tag) else (label,))


@pytest.mark.parametrize(
    ("tags", "left_out"),
    [
        ([], 0),
        (["t50", "t51"], 2),
        ([f"cve-2021-{n}" for n in range(1000, 1010)], 0),
        (["-", "none", "Unknown", "n/a", "", " "], 0),
        (["T1", "t1 ", "t\u200b1", "t 1", "t_1", "T-1"], 1),
        (["x" * (MAX_LABEL_LENGTH + 1)], 0),
    ],
)
def test_only_labels_count_as_left_out(tags: list[str], left_out: int) -> None:
    """A tag beyond the maximum is counted once, and only if it would be another label."""
    first = [f"t{n}" for n in range(MAX_LABELS)]
    assert tags_left_out(";".join([*first, *tags])) == left_out


def test_techniques_are_found_in_either_case_each_once() -> None:
    """Techniques are found with sub-techniques, and not within longer words."""
    assert find_attack_ids("t1110.001;T1059, T1110.001 XT1000 T1234.5 T12345 cve-t1234") == (
        "T1110.001",
        "T1059",
    )


def test_tags_become_labels() -> None:
    """Tags are split at `;` and `,`, cleaned, and each kept once in order."""
    assert split_tags("SSL; self_signed,ssl;;unknown;a\x00\u2028 b;CVE-2024-1234") == (
        "ssl",
        "self-signed",
        "a-b",
    )
    assert split_tags("-") == ()


def test_labels_are_bounded_in_length_and_number() -> None:
    """One cell gives a bounded number of labels of bounded length."""
    assert split_tags("x" * (MAX_LABEL_LENGTH + 1) + ";y") == ("y",)
    assert len(split_tags(";".join(map(str, range(1000))))) == MAX_LABELS
    with pytest.raises(ValueError, match="empty"):
        parse_label("\x00 ")


def test_severities_have_an_order() -> None:
    """Severities are read in any case, and ordered from info to critical."""
    assert parse_severity("HIGH") == "high"
    assert sorted(SEVERITIES, key=RANK.__getitem__) == list(SEVERITIES)
    with pytest.raises(ValueError, match="severity"):
        parse_severity("severe")


def test_truth_values() -> None:
    """Every spelling of true and false that occurs is read."""
    assert all(parse_boolean(cell) for cell in ("Y", "yes", "True", "1"))
    assert not any(parse_boolean(cell) for cell in ("N", "no", "False", "0"))
    with pytest.raises(ValueError, match="neither"):
        parse_boolean("2")


@pytest.mark.parametrize(
    ("cell", "code", "name"),
    [
        ("nl", "NL", "Netherlands"),
        ("UK", "GB", "United Kingdom of Great Britain and Northern Ireland"),
        ("US", "US", "United States of America"),
        ("KR", "KR", "Republic of Korea"),
        ("CI", "CI", "Côte d’Ivoire"),
    ],
)
def test_a_country_has_the_name_that_opencti_gives_it(cell: str, code: str, name: str) -> None:
    """A country has OpenCTI's name, as another name would be another country."""
    assert parse_country(cell) == (code, name)


@pytest.mark.parametrize("cell", ["ZZ", "XX", "AA", "EU", "AP", "A1", "NLD", "Netherlands", ""])
def test_a_code_of_no_country_is_refused(cell: str) -> None:
    """Codes of regions and placeholders are refused."""
    with pytest.raises(ValueError, match="country"):
        parse_country(cell)


def test_every_country_of_iso_3166_has_one_name() -> None:
    """Every code of ISO 3166 has a name, and no two share one."""
    countries = [parse_country(country.alpha_2) for country in pycountry.countries]
    assert len({country.name.lower() for country in countries}) == len(countries) >= 249


def test_protocols_go_from_the_outer_to_the_inner() -> None:
    """Protocols have a fixed order and spelling, as they are part of the traffic's id."""
    assert protocol_stack(version=4, transport=parse_protocol("TCP"), application="https") == (
        "ipv4",
        "tcp",
        "https",
    )
    assert protocol_stack(version=6, transport="udp", application=None) == ("ipv6", "udp")
    assert protocol_stack(version=None, transport="icmp", application="icmp") == ("icmp",)
    with pytest.raises(ValueError, match="no protocol"):
        protocol_stack(version=None, transport=None, application="")
    with pytest.raises(ValueError, match="transport"):
        parse_protocol("gopher")
    assert parse_protocol("http") == "http"


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        *(("MQTT", "mqtt"), ("https", "https"), ("ms-sql-s", "ms-sql-s"), ("x11", "x11")),
        # Services by the names that IANA registered them under.
        *(("vnc", "rfb"), ("mssql", "ms-sql-s"), ("slp", "svrloc"), ("Memcached", "memcache")),
    ],
)
def test_an_application_protocol_goes_by_its_service_name(cell: str, name: str) -> None:
    """An application protocol has one name in every traffic."""
    assert parse_application(cell) == name


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "1",
            "0",
            "0x00",
            "443",
            "4sics",
            "a",
            "a b",
            "-",
            "http-",
            "-http",
            "http--x",
            "http/1.1",
        ),
        *("http:", "x" * 25, "\uff48ttp", "http\n", "a" + "." * 20),
    ],
)
def test_what_is_no_name_of_a_protocol_is_refused(cell: str) -> None:
    """Numbers, paths and single letters are no protocol."""
    with pytest.raises(ValueError, match="application"):
        parse_application(cell)


def test_terms_are_single_lines_of_2_characters_and_more() -> None:
    """Terms shorter than 2 characters, which OpenCTI refuses, are refused."""
    assert parse_term(" Example\n\x00 Server ") == "Example Server"
    assert parse_user_agent("Mozilla/5.0 " + "x" * MAX_NAME).startswith("Mozilla/5.0")
    for cell in ("x", "", "\x00", "\u202e\u200b", "x" * (MAX_NAME + 1)):
        with pytest.raises(ValueError, match="characters"):
            parse_term(cell)


SEEN_SIGNS = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Format characters that are seen: signs around Arabic, Syriac and Kaithi numbers."""


IGNORABLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
"""Default_Ignorable_Code_Point among marks and letters."""


def test_only_what_is_not_seen_is_invisible() -> None:
    """Format characters and ignorable ones are; a sign for a byte that could not be read is not."""
    invisible, ignorable = re.compile(f"[{INVISIBLE}]"), re.compile(f"[{IGNORABLE}]")
    seen = re.compile(f"[{SEEN_SIGNS}{JOINERS}]")
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        is_format = category(character) == "Cf" and not seen.match(character)
        if is_format or ignorable.match(character):
            assert invisible.match(character), hex(code)
        elif category(character) != "Cn":  # may be assigned in a later version of Unicode
            assert not invisible.match(character), hex(code)
    assert parse_term("B\ufffdx") != parse_term("Bx")
    assert not any(map(invisible.match, "\ufffe\uffff"))


@pytest.mark.parametrize("parse", [parse_term, parse_user_agent, parse_version, parse_label])
def test_names_hold_no_character_that_acts_unseen(parse: Callable[[str], str]) -> None:
    """Invisible characters, which can make `invoicexcod.exe` read otherwise, are removed."""
    assert parse("invoice\u202excod.exe") == "invoicexcod.exe"
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            continue
        if re.match(f"[{SEEN_SIGNS}]", character):
            continue
        assert parse(f"ab{character}cd") in ("ab cd", "ab-cd", "abcd"), hex(code)


def test_joiners_stay_where_a_script_needs_them() -> None:
    """Joiners stay in Persian, and are removed between Latin letters."""
    assert parse_term("می\u200cخواهم") == "می\u200cخواهم"
    assert parse_term("exam\u200cple \u200dbot\u200d") == "example bot"
    assert parse_term("می\u200c\u200dخواهم") == "میخواهم"


def test_a_version_may_have_one_character() -> None:
    """A version such as 2 is valid."""
    assert parse_version("2") == "2"
    with pytest.raises(ValueError, match="less than 1"):
        parse_version("\x00")


@pytest.mark.parametrize(
    ("cell", "version"),
    [
        ("2.7.3, rbaa91f7c6bc", "2.7.3"),
        ("1.2-12-gbaa91f7", "1.2"),
        ("12.1 build 3a00000", "12.1"),
        ("1.4 (e2024013)", "1.4"),
        ("2.7 20240131", "2.7 20240131"),
        ("2.7 b20240131", "2.7 b20240131"),
        ("7.4.1 (f20230101)", "7.4.1 (f20230101)"),
        ("1.0 b2024013155", "1.0"),
        ("2.7 release", "2.7 release"),
    ],
)
def test_commit_is_no_part_of_a_version_but_the_day_of_a_build_is(cell: str, version: str) -> None:
    """A commit after a version is left out, but no day, with or without a letter before it."""
    assert parse_version(cell) == version


def test_a_cpe_is_one_of_version_2_3() -> None:
    """Only CPE 2.3 is valid, as the OASIS validator refuses others."""
    cpe = r"cpe:2.3:o:example:os:1.0\(2\):*:*:*:*:*:*:-"
    assert parse_cpe(cpe) == cpe
    for cell in (
        "cpe:/o:example:os",
        "cpe:2.3:o:example",
        "example",
        cpe + ":*",
        "cpe:2.3:x" + ":*" * 10,
    ):
        with pytest.raises(ValueError, match="CPE"):
            parse_cpe(cell)
