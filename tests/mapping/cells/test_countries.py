"""Names of countries: OpenCTI identifies a country by its name, so another name is another country.

The names below were read from the geography that OpenCTI's own ``opencti`` connector imports
(``data/geography.json`` of OpenCTI's ``datasets`` repository, of November 2023), not from the table
that is tested. All that have more than one name in use are among them.
"""

from __future__ import annotations

import pytest

from shadowserver_connector.mapping.cells.countries_and_products import parse_country

NAMES = {
    # Long forms, where others use the short one.
    "BO": "Bolivia (Plurinational State of)",
    "BN": "Brunei Darussalam",
    "FK": "Falkland Islands (Malvinas)",
    "FM": "Micronesia (Federated States of)",
    "GB": "United Kingdom of Great Britain and Northern Ireland",
    "IR": "Iran (Islamic Republic of)",
    "KP": "Democratic People's Republic of Korea",
    "KR": "Republic of Korea",
    "LA": "Lao People's Democratic Republic",
    "MD": "Republic of Moldova",
    "PS": "State of Palestine",
    "RU": "Russian Federation",
    "SY": "Syrian Arab Republic",
    "TZ": "United Republic of Tanzania",
    "US": "United States of America",
    "VE": "Venezuela (Bolivarian Republic of)",
    "HK": "Hong Kong Special Administrative Region",
    "MO": "Macao Special Administrative Region",
    "CD": "Democratic Republic of the Congo",
    # Short forms, where others use a long one.
    "CG": "Congo",
    "TW": "Taiwan",
    "VA": "Holy See",
    "BQ": "Bonaire",
    "SH": "Saint Helena",
    "PN": "Pitcairn",
    "DO": "Dominican Republic",
    "CF": "Central African Republic",
    "NL": "Netherlands",
    "BS": "Bahamas",
    "GM": "Gambia",
    "KM": "Comoros",
    "PH": "Philippines",
    "SD": "Sudan",
    "SS": "South Sudan",
    "LY": "Libya",
    "CN": "China",
    "IE": "Ireland",
    "MH": "Marshall Islands",
    # Renamed, or written in several ways.
    "CV": "Cabo Verde",
    "CZ": "Czechia",
    "MK": "North Macedonia",
    "MM": "Myanmar",
    "SZ": "Eswatini",
    "TL": "Timor-Leste",
    "TR": "Turkey",
    "VN": "Viet Nam",
    "BY": "Belarus",
    "KG": "Kyrgyzstan",
    "KZ": "Kazakhstan",
    "AE": "United Arab Emirates",
    "BA": "Bosnia and Herzegovina",
    "TT": "Trinidad and Tobago",
    "AG": "Antigua and Barbuda",
    "KN": "Saint Kitts and Nevis",
    "VC": "Saint Vincent and the Grenadines",
    "LC": "Saint Lucia",
    "PM": "Saint Pierre and Miquelon",
    "MF": "Saint Martin (French Part)",
    "SX": "Sint Maarten (Dutch part)",
    "ST": "Sao Tome and Principe",
    "GW": "Guinea-Bissau",
    "FO": "Faroe Islands",
    "WF": "Wallis and Futuna Islands",
    "SJ": "Svalbard and Jan Mayen Islands",
    "VG": "British Virgin Islands",
    "VI": "United States Virgin Islands",
    "UM": "United States Minor Outlying Islands",
    "GS": "South Georgia and the South Sandwich Islands",
    "HM": "Heard Island and McDonald Islands",
    "CC": "Cocos (Keeling) Islands",
    "TF": "French Southern Territories",
    "IO": "British Indian Ocean Territory",
    # With letters that are not English, and with a typographic apostrophe.
    "AX": "Åland Islands",
    "BL": "Saint Barthélemy",
    "CI": "Côte d\N{RIGHT SINGLE QUOTATION MARK}Ivoire",
    "CW": "Curaçao",
    "RE": "Réunion",
    # With one name everywhere.
    "AT": "Austria",
    "AU": "Australia",
    "BR": "Brazil",
    "CA": "Canada",
    "CH": "Switzerland",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "IN": "India",
    "IT": "Italy",
    "JP": "Japan",
    "MX": "Mexico",
    "PL": "Poland",
    "SE": "Sweden",
    "UA": "Ukraine",
    "ZA": "South Africa",
}


@pytest.mark.parametrize("code", NAMES)
def test_country_has_the_name_of_the_platforms_own(code: str) -> None:
    """Names are OpenCTI's to the letter, since its ids of countries are made of them."""
    assert parse_country(code) == (code, NAMES[code])
