"""Anomalies: all are counted, some are remembered, and each kind has one line."""

from shadowserver_connector.report.anomalies import MAX_KEYS, Anomalies


def test_only_the_first_of_a_kind_and_column_is_new() -> None:
    """Only the first anomaly of a kind and column is reported as new, for one line of log."""
    anomalies = Anomalies("x.csv")
    assert anomalies.add("not an IP address", 3, "ip", "abc")
    assert not anomalies.add("not an IP address", 4, "ip", "abd")
    assert anomalies.add("not an IP address", 4, "dst_ip", "abd")


def test_counts_are_by_kind_over_all_columns() -> None:
    """Counts are by kind, summed over all columns."""
    anomalies = Anomalies("x.csv")
    for row, column in ((1, "ip"), (2, "ip"), (3, "dst_ip")):
        anomalies.add("not an IP address", row, column)
    anomalies.add("row shorter than the header, padded", 9)
    assert anomalies.counts() == {
        "not an IP address": 3,
        "row shorter than the header, padded": 1,
    }


def test_line_names_file_column_and_rows() -> None:
    """The line names file, column and rows, so that a person finds the cell."""
    anomalies = Anomalies("x.csv")
    for row in range(7, 12):
        anomalies.add("not an IP address", row, "ip", f"bad{row}")
    assert anomalies.lines() == [
        "x.csv, column ip, rows 7, 8, 9, ...: not an IP address, 5 times: 'bad7'"
    ]


def test_cells_in_messages_are_short_and_printable() -> None:
    """A quoted cell is cut and escaped."""
    anomalies = Anomalies("x\n.csv")
    anomalies.add("not an IP address", 1, "i\x1bp", "\x1b[31m\n\u202e\ud800" + "A" * 1_000_000)
    (line,) = anomalies.lines()
    assert line.isprintable()
    assert len(line) < 250


def test_memory_is_bounded_and_no_count_is_lost() -> None:
    """With thousands of faulty columns, further ones share one entry, and all are counted."""
    anomalies = Anomalies("x.csv")
    for number in range(MAX_KEYS * 3):
        anomalies.add("not an IP address", number, f"column_{number}")
    assert len(anomalies.lines()) <= MAX_KEYS + 1
    assert anomalies.counts() == {"not an IP address": MAX_KEYS * 3}


def test_no_anomaly_is_false() -> None:
    """An empty collection of anomalies is falsy."""
    assert not Anomalies("x.csv")
    assert Anomalies("x.csv").lines() == []
