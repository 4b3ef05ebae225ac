"""File names, whoever gave them."""

from __future__ import annotations

from datetime import date
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.errors import ReportUnreadableError
from shadowserver_connector.report.info import NAME_BYTES, info_from_filename, safe_name
from tests.fuzz import texts
from tests.fuzz.effort import EFFORT
from tests.fuzz.outcome import is_one_line, outcome

_KNOWN: Final = {name: name for name in ("scan_ssl", "scan_ssl_poodle", "special")}
_NAMES: Final = st.one_of(
    texts.anything,
    st.lists(
        st.sampled_from(
            [
                *(
                    "2024-01-31",
                    "2024-02-30",
                    "0000-00-00",
                    "٢٠٢٤-01-31",
                    "-",
                    "_",
                    "scan_ssl",
                    "1",
                ),
                *(
                    "poodle",
                    "special",
                    "example",
                    "..",
                    "/",
                    "\\",
                    ".csv",
                    ".gz",
                    ".ZIP",
                    " (2)",
                    "é",
                ),
                *("\0", "\n", "\u202e", "\ud800", "x" * 150, "é" * 120),
            ]
        ),
        max_size=8,
    ).map("".join),
)


@EFFORT
@given(name=_NAMES)
def test_a_name_becomes_a_harmless_file_name(name: str) -> None:
    """A safe name has no folder and nothing that a shell or terminal acts on."""
    safe = safe_name(name)
    assert safe == safe_name(safe)
    assert 0 < len(safe.encode()) <= NAME_BYTES
    assert safe.isprintable()
    assert safe[0] not in ".-"
    assert not set(safe) & set("/\\\0$`|;&<>:\"'*?! \n")


@EFFORT
@given(name=_NAMES, fallback=st.sampled_from([None, date(2024, 1, 31)]))
def test_a_name_tells_of_a_report_or_is_refused(name: str, fallback: date | None) -> None:
    """A report type is one word in lower case; a refusal names the file in one line."""
    info = outcome(lambda: info_from_filename(name, _KNOWN, fallback), ReportUnreadableError)
    if isinstance(info, ReportUnreadableError):
        assert is_one_line(info)
        return
    assert info.type
    assert info.type == info.type.lower()
    assert "-" not in info.type
    assert info.file == safe_name(info.file)
    assert str(info.day) in name or info.day == fallback
