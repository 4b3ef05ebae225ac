"""Who and where the hosts of generated reports are: systems, places, industries. Data only."""

from __future__ import annotations

OWN_ASNS = tuple(str(number) for number in range(64496, 64504))

REMOTE_ASNS = tuple(str(number) for number in range(64504, 64512))

OWN_PLACES = (
    ("AT", "WIEN", "VIENNA"),
    ("AT", "STEIERMARK", "GRAZ"),
    ("AT", "OBEROSTERREICH", "LINZ"),
    ("AT", "TIROL", "INNSBRUCK"),
    ("AT", "SALZBURG", "SALZBURG"),
    ("AT", "", ""),
)

REMOTE_PLACES = (
    ("DE", "HESSEN", "FRANKFURT AM MAIN"),
    ("US", "CALIFORNIA", "FREMONT"),
    ("UK", "LONDON", "LONDON"),
    ("NL", "NOORD-HOLLAND", "AMSTERDAM"),
    ("ZZ", "", ""),
)
"""Shadowserver writes UK for GB, and ZZ where it does not know."""

SECTORS = (
    ("518210", "Communications, Service Provider, and Hosting Service"),
    ("517311", "Communications, Service Provider, and Hosting Service"),
    ("541690", "Professional, Scientific, and Technical Services"),
    ("611310", "Education"),
    ("921190", "Government"),
    ("622110", "Healthcare and Social Assistance"),
    ("0", ""),
    ("", ""),
)
