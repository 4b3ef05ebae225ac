"""Anomalies: all are counted, some are remembered, and each kind has one line."""

from shadowserver_connector.report.parse_warnings import KEYS_KEPT, ParseWarnings


def test_only_the_first_of_a_kind_and_column_is_new() -> None:
    """Only the first anomaly of a kind and column is reported as new, for one line of log."""
    warnings = ParseWarnings("x.csv")
    assert warnings.add("not an IP address", 3, "ip", "abc")
    assert not warnings.add("not an IP address", 4, "ip", "abd")
    assert warnings.add("not an IP address", 4, "dst_ip", "abd")


def test_counts_are_by_kind_over_all_columns() -> None:
    """Counts are by kind, summed over all columns."""
    warnings = ParseWarnings("x.csv")
    for row, column in ((1, "ip"), (2, "ip"), (3, "dst_ip")):
        warnings.add("not an IP address", row, column)
    warnings.add("row shorter than the header, padded", 9)
    assert warnings.counts() == {
        "not an IP address": 3,
        "row shorter than the header, padded": 1,
    }


def test_line_names_file_column_and_rows() -> None:
    """The line names file, column and rows, so that a person finds the cell."""
    warnings = ParseWarnings("x.csv")
    for row in range(7, 12):
        warnings.add("not an IP address", row, "ip", f"bad{row}")
    assert warnings.lines() == [
        "x.csv, column ip, rows 7, 8, 9, ...: not an IP address, 5 times: 'bad7'"
    ]


def test_cells_in_messages_are_short_and_printable() -> None:
    """A quoted cell is cut and escaped."""
    warnings = ParseWarnings("x\n.csv")
    warnings.add("not an IP address", 1, "i\x1bp", "\x1b[31m\n\u202e\ud800" + "A" * 1_000_000)
    (line,) = warnings.lines()
    assert line.isprintable()
    assert len(line) < 250


def test_memory_is_bounded_and_no_count_is_lost() -> None:
    """With thousands of faulty columns, further ones share one entry, and all are counted."""
    warnings = ParseWarnings("x.csv")
    for number in range(KEYS_KEPT * 3):
        warnings.add("not an IP address", number, f"column_{number}")
    assert len(warnings.lines()) <= KEYS_KEPT + 1
    assert warnings.counts() == {"not an IP address": KEYS_KEPT * 3}


def test_no_oddity_is_false() -> None:
    """An empty collection of anomalies is falsy."""
    assert not ParseWarnings("x.csv")
    assert ParseWarnings("x.csv").lines() == []
