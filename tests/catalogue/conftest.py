"""A small catalogue that tests can break on purpose."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from shadowserver_connector.catalogue.loader import FILES, parse

SMALL = {
    "meanings.toml": """
        score = 75
        [valid_days]
        address = 30
        name = 30
        url = 30
        file = 30
        [parties]
        [behaviours]
        exposed = { text = "is exposed", scored = false, indicator = "never" }
        [meanings.exposed]
        text = "exposed asset"
        does = "exposed"
        own = true
    """,
    "families.toml": """
        [scan]
        title = "Scan"
        seen = "answered"
        todo = "close it"
        about = "What answers."
        prefixes = ["scan_"]
        severity = "medium"
        primary = "asset"
        parties = { asset = "exposed", src = "exposed" }
        traffic = "service"

        [general]
        title = "Other"
        seen = "is named"
        todo = "look"
        about = "Unknown."
        prefixes = [""]
        severity = "low"
        primary = "asset"
        parties = { asset = "exposed" }
        traffic = "none"
    """,
    "cell_words.toml": """
        [yes_or_no]
        columns = ["is_*"]
        words = { Y = "yes" }

        [malware]
        names = { conficker = ["downadup"] }
    """,
    "findings.toml": """
        [roles]
        identity = ["ip", "port"]
        volatile = ["time"]

        [meanings]
        volatile = []

        [names]
        volatile = ["*_count_*", "*_client_ip_*"]
    """,
    "earlier.toml": """
        [types]
        [columns]
    """,
    "labels.toml": """
        lasting = ["webshell"]
    """,
    "protocols.toml": """
        names = []
    """,
    "links.toml": """
        [things]
        title = "`related-to` a name"
        relationship = "related-to"
        target = ["domain-name"]
        needed = false
        said_by = ["observed-data"]
        use = "What else?"
        why = "the Observed-Data says it"

        [called]
        title = "a malware `communicates-with` a name"
        relationship = "communicates-with"
        source = ["malware"]
        target = ["domain-name"]
        far_end = "called"
        needed = true
        use = "Whose name is it?"
        why = "nothing else says it"
    """,
    "not_malware.toml": 'activities = ["ddos"]\nforms = ["*-scan"]',
    "columns.toml": """
        [where]
        ip = { role = "ip", party = "asset", title = "IP" }
        port = { role = "port", party = "asset", title = "Port" }

        [what]
        version = { role = "text", title = "Version" }
        mapped_address = { role = "text", title = "Mapped address" }
    """,
    "overrides.toml": """
        [version]
        scan_redis = { role = "software.version", group = "service" }
    """,
    "patterns.toml": """
        [settings]
        parties = { http_referer = "referer" }
        never = ["mapped_*"]
        acronyms = ["IP", "NTP"]

        [secrets]
        section = "what"
        names = ["*_token_*"]

        [patterns]
        "*_ip" = { role = "ip", party = "*", title = "* IP", section = "where" }
        "*_cpe" = { role = "software.cpe", group = "*", title = "* CPE", section = "what" }
    """,
    "layouts.toml": """
        [blocks]
        service = "ip port"

        [layouts]
        scan_redis = "@service version"
        scan_ntp = "@service version mapped_address"
    """,
    "report_types.toml": """
        [scan_redis]
        title = "Open Redis Server"
        short = "Open Redis"
        seen = "answered without a password"
        family = "scan"
        severity = "high"
        page = "open-redis-report/"
        ipv6 = "scan6_redis"
        application = "redis"
        product = "Redis"
        variants = { valkey = "Valkey" }

        [scan_ntp]
        title = "NTP Version"
        short = "NTP version"
        family = "scan"
    """,
}


@pytest.fixture(scope="session")
def _small() -> dict[str, Any]:
    assert set(SMALL) == set(FILES)
    return {name: parse(name, text) for name, text in SMALL.items()}


@pytest.fixture
def documents(_small: dict[str, Any]) -> dict[str, Any]:
    """The parsed data files of a valid catalogue."""
    return deepcopy(_small)
