"""``convert`` and ``explain``."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result

from tests.mapping.conversion import csv_bytes, info_of
from tests.mapping.rows import rows_of

Run = Callable[..., Result]
RunJson = Callable[..., tuple[Any, int]]

ROOT = Path(__file__).resolve().parents[2]
SSL = info_of("scan_ssl").file
SINKHOLE = info_of("event4_sinkhole_http").file


def write(folder: Path, report_type: str, rows: int = 5) -> Path:
    """Write a report and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / info_of(report_type).file
    path.write_bytes(csv_bytes(*rows_of(report_type, rows)))
    return path


def bundles(folder: Path) -> list[str]:
    """Return the names of the files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json"))


def test_convert_files(run_json: RunJson, tmp_path: Path) -> None:
    """Each file becomes a folder of bundles; the JSON has the counts."""
    write(tmp_path / "in", "scan_ssl")
    write(tmp_path / "in", "event4_sinkhole_http")
    told, code = run_json("convert", "in", "-o", "out", "--workers", 1)
    assert code == 0
    assert told["failed"] == []
    by_type = {report["type"]: report for report in told["reports"]}
    assert set(by_type) == {"scan_ssl", "event4_sinkhole_http"}
    report = by_type["scan_ssl"]
    assert report["day"] == "2024-01-31"
    assert report["file"] == SSL
    assert report["rows"] == report["noted"] == 5
    assert report["filtered"] == report["cut"] == report["merged"] == 0
    assert sum(report["objects"].values()) == sum(
        len(orjson.loads(path.read_bytes())["objects"])
        for path in Path(report["folder"]).glob("*.json")
    )
    assert bundles(tmp_path / "out") == [f"2024-01-31/{name}/0001.json" for name in (SINKHOLE, SSL)]


def test_documentation_names_every_key_of_the_json(run_json: RunJson, tmp_path: Path) -> None:
    """The table in the documentation has each key of a report once, and no other."""
    write(tmp_path / "in", "scan_ssl")
    told, _ = run_json("convert", "in", "-o", "out", "--workers", 1, "--history", "past")
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    table = text.partition("`--json` prints, for each report:")[2].partition(
        "\n\nFiles that failed"
    )[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = [name for cell in cells for name in re.findall("`([a-z0-9_]+)`", cell)]
    assert sorted(named) == sorted(told["reports"][0])


def test_convert_refuses_what_is_no_report(run_json: RunJson, tmp_path: Path) -> None:
    """An error page saved as a report is refused; the other files are converted."""
    write(tmp_path / "in", "scan_ssl")
    wrong = tmp_path / "in" / info_of("scan_http").file
    wrong.write_bytes(b"Error: rate limit exceeded, please try again")
    told, code = run_json("convert", "in", "-o", "out", "--workers", 1)
    assert code == 1
    assert [report["type"] for report in told["reports"]] == ["scan_ssl"]
    [problem] = told["failed"]
    assert f"{wrong.name}: not a report" in str(problem)
    assert "rate limit" not in str(problem)
    assert {name.split("/")[1] for name in bundles(tmp_path / "out")} == {SSL}


def test_convert_shows_a_table(run: Run, tmp_path: Path) -> None:
    """The table has date, type, severity and counts; the totals are on stderr."""
    write(tmp_path, "scan_ssl")
    result = run("convert", SSL, "-o", "out", "--workers", 1)
    assert result.exit_code == 0
    for word in ("Date", "2024-01-31", "scan_ssl", "critical"):
        assert word in result.stdout
    assert "1 report, 5 findings" in result.stderr


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_convert_archives(run_json: RunJson, tmp_path: Path, kind: str) -> None:
    """A report in a .csv.gz or .zip gives the same bundles as the plain file."""
    plain = write(tmp_path / "in", "scan_ssl")
    if kind == "gz":
        archive = tmp_path / f"{SSL}.gz"
        archive.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        archive = tmp_path / "reports.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.write(plain, f"some/folder/{SSL}")
    told, code = run_json("convert", archive, "-o", "packed", "--workers", 1)
    assert (code, len(told["reports"])) == (0, 1)
    run_json("convert", plain, "-o", "plain", "--workers", 1)
    name = f"2024-01-31/{SSL}/0001.json"
    assert (tmp_path / "packed" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


@pytest.mark.integration
def test_convert_by_processes_gives_the_same(run_json: RunJson, tmp_path: Path) -> None:
    """Several workers write the same bytes as one."""
    write(tmp_path / "in", "scan_ssl")
    write(tmp_path / "in", "blocklist")
    told = {}
    for workers in (1, 2):
        told[workers], code = run_json("convert", "in", "-o", f"out{workers}", "--workers", workers)
        assert code == 0
    assert bundles(tmp_path / "out1") == bundles(tmp_path / "out2")
    for name in bundles(tmp_path / "out1"):
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


def test_bad_files_do_not_stop_the_others(run_json: RunJson, tmp_path: Path) -> None:
    """Each bad file is named with its reason, the others are converted, the exit code is 1."""
    folder = tmp_path / "in"
    write(folder, "scan_ssl")
    (folder / "2024-01-30-scan_ssl-example.csv").write_bytes(b"<html></html>")
    (folder / "2024-01-29-scan_ssl-example.csv").write_bytes(b"")
    (folder / "scan_vnc.csv").write_bytes(b"ip,port\n192.0.2.1,1\n")
    (folder / "broken.zip").write_bytes(b"PK\x03\x04")
    told, code = run_json("convert", folder, "-o", "out", "--workers", 1)
    assert code == 1
    assert [report["file"] for report in told["reports"]] == [SSL]
    reasons = [failed["reason"] for failed in told["failed"]]
    assert len(reasons) == 4
    for name in ("2024-01-30-", "2024-01-29-", "scan_vnc.csv", "broken.zip"):
        assert sum(name in reason for reason in reasons) == 1
    assert all("\n" not in reason for reason in reasons)


def test_same_report_twice_is_refused(run_json: RunJson, tmp_path: Path) -> None:
    """Two files of one report need the same folder, so the second is refused
    and names the first.
    """
    one, two = write(tmp_path / "a", "scan_ssl"), write(tmp_path / "b", "scan_ssl", 3)
    told, code = run_json("convert", one, two, "-o", "out", "--workers", 1)
    assert code == 1
    assert [report["rows"] for report in told["reports"]] == [5]
    assert str(one) in told["failed"][0]["reason"]
    assert str(two) in told["failed"][0]["reason"]


def test_nothing_to_convert_is_a_failure(run_json: RunJson, tmp_path: Path) -> None:
    """A folder without reports is an error, as it is most likely the wrong one."""
    (tmp_path / "empty").mkdir()
    told, code = run_json("convert", "empty", "-o", "out")
    assert code == 1
    assert told["reports"] == []
    assert told["failed"][0]["reason"]


def test_file_without_a_day_in_its_name_is_dated_by_its_rows(
    run_json: RunJson, tmp_path: Path
) -> None:
    """The first row with a timestamp gives the day."""
    write(tmp_path, "scan_ssl").rename(tmp_path / "scan_ssl.csv")
    told, code = run_json("convert", "scan_ssl.csv", "-o", "out", "--workers", 1)
    assert (code, told["reports"][0]["day"]) == (0, "2024-01-31")


def test_times_of_broken_clocks_tell_no_day(run_json: RunJson, tmp_path: Path) -> None:
    """Timestamps from before Shadowserver or of the next century are skipped."""
    times = ("1970-01-01 00:00:00", "2106-02-07 06:28:15", "2024-03-04 01:02:03")
    rows = [(time, f"192.0.2.{n}") for n, time in enumerate(times, start=1)]
    (tmp_path / "scan_ssl.csv").write_bytes(csv_bytes(("timestamp", "ip"), rows))
    told, code = run_json("convert", "scan_ssl.csv", "-o", "out", "--workers", 1)
    assert (code, told["reports"][0]["day"]) == (0, "2024-03-04")


def test_settings_shape_the_conversion(run_json: RunJson, tmp_path: Path) -> None:
    """Settings of the environment and of a given file apply to the conversion."""
    write(tmp_path, "scan_ssl")
    wanted = {"SHADOWSERVER_CREATE_INCIDENT": "true", "SHADOWSERVER_CASE_MIN_SEVERITY": "low"}
    told, _ = run_json("convert", SSL, "-o", "out", "--workers", 1, **wanted)
    assert "case-incident" in told["reports"][0]["objects"]
    (tmp_path / "other.yml").write_text("shadowserver:\n  max_findings: 2\n  notes: none\n")
    told, _ = run_json("convert", SSL, "-o", "out", "--workers", 1, "--config", "other.yml")
    report = told["reports"][0]
    assert (report["noted"], report["cut"]) == (2, 3)
    assert "note" not in report["objects"]


def test_table_counts_the_findings_that_are_converted(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """Rows that the settings leave out are no findings of the bundles, as in OpenCTI's works."""
    write(tmp_path, "scan_ssl")
    shown = run("convert", SSL, "-o", "out", "--csv", SHADOWSERVER_MAX_FINDINGS="2")
    heading, row = (line.split(",") for line in shown.stdout.splitlines())
    assert dict(zip(heading, row, strict=True))["Findings"] == "2"
    assert "2 findings" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "said"),
    [
        (["convert"], {}, 2, "missing"),
        (["convert", "missing.csv", "-o", "out"], {}, 2, "missing.csv"),
        (["convert", "in"], {}, 2, "output"),
        (["unheard-of"], {}, 2, "unheard-of"),
        (["convert", "in", "-o", "out", "--config", "missing.yml"], {}, 2, "missing.yml"),
        (["convert", "in", "-o", "out"], {"SHADOWSERVER_NOTES": "few"}, 3, "SHADOWSERVER_NOTES"),
        (["convert", "in", "-o", "taken/out"], {}, 5, "taken"),
        (["explain", "empty"], {}, 1, ""),
    ],
)
def test_mistakes_have_a_code_and_are_said_without_a_traceback(
    run: Run, tmp_path: Path, arguments: list[str], environ: dict[str, str], code: int, said: str
) -> None:
    """The exit code is 2 for usage, 3 for settings, 5 for the disk, 1 if no report was found."""
    write(tmp_path / "in", "scan_ssl")
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").write_bytes(b"no folder")
    result = run(*arguments, **environ)
    assert result.exit_code == code
    assert said in result.output
    assert "Traceback" not in result.output


def test_explain(run_json: RunJson, tmp_path: Path) -> None:
    """``explain`` shows how each column is read, what it becomes, and its bad cells."""
    header = ("timestamp", "ip", "port", "brand_new", "other_ip", ":key:")
    rows = [
        ("2024-01-31 00:00:00", "192.0.2.1", "443", "x", "192.0.2.9", "[b]"),
        ("2024-01-31 00:00:00", "192.0.2.300", "", "", "", ""),
    ]
    (tmp_path / SSL).write_bytes(csv_bytes(header, rows))
    (told,), code = run_json("explain", SSL)
    assert code == 0
    assert (told["file"], told["type"], told["known"], told["rows"]) == (SSL, "scan_ssl", True, 2)
    columns = {column["name"]: column for column in told["columns"]}
    assert list(columns)[: len(header)] == list(header)
    assert columns["ip"]["role"] == "ip"
    assert (columns["ip"]["filled"], columns["ip"]["bad"]) == (2, 1)
    assert columns["ip"]["reason"]
    assert columns["other_ip"]["role"] == "public_address"
    assert columns["brand_new"] | {"reason": ""} == {
        "name": "brand_new",
        "role": "text",
        "party": "",
        "becomes": "Note only",
        "filled": 1,
        "bad": 0,
        "reason": "",
    }
    assert told["objects"]["note"] == 2
    assert told["objects"]["ipv4-addr"] == 2


def test_explain_shows_tables(run: Run, tmp_path: Path) -> None:
    """``explain`` prints a table for each file; a bad file sets the exit code."""
    write(tmp_path / "in", "scan_ssl")
    (tmp_path / "in" / "2024-01-30-scan_ssl-example.csv").write_bytes(b"<html></html>")
    result = run("explain", "in")
    assert result.exit_code == 1
    assert SSL in result.stdout
    assert "Becomes" in result.stdout
    assert "2024-01-30-scan_ssl-example.csv" in result.stderr


@pytest.mark.integration
def test_real_process(tmp_path: Path) -> None:
    """``python -m shadowserver_connector`` converts, and its stdout is JSON only."""
    write(tmp_path, "scan_ssl")
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "shadowserver_connector", "convert", SSL),
            *("-o", "out", "--workers", "2", "--json"),
        ],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert orjson.loads(done.stdout)["reports"][0]["file"] == SSL
    assert b"Traceback" not in done.stderr
    assert b"Warning" not in done.stderr


@pytest.mark.integration
def test_real_process_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    """Wrong settings give one line on stderr and their exit code."""
    write(tmp_path, "scan_ssl")
    done = subprocess.run(
        [sys.executable, "-m", "shadowserver_connector", "convert", SSL, "-o", "out"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "SHADOWSERVER_MAX_FINDINGS": "many"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "SHADOWSERVER_MAX_FINDINGS" in line


@pytest.mark.parametrize("place", ["taken", "taken/below"])
def test_a_file_in_the_place_of_the_output_folder(run: Run, tmp_path: Path, place: str) -> None:
    """A file in the output folder's place is an error, as the user wrote it, before converting."""
    write(tmp_path, "scan_ssl")
    (tmp_path / "taken").touch()
    result = run("convert", SSL, "-o", place, "--workers", 1)
    assert result.exit_code == 5
    assert (
        result.stderr
        == f"error: {place} cannot be a folder: a file is in the way; name another folder\n"
    )


def test_an_output_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    """The error of an output folder that cannot be made says what to do."""
    write(tmp_path, "scan_ssl")
    result = run("convert", SSL, "-o", "/proc/nowhere", "--workers", 1)
    assert result.exit_code == 5
    assert result.stderr.startswith("error: /proc/nowhere cannot be made: ")
    assert result.stderr.endswith("; name a folder that can be written\n")


@pytest.mark.parametrize("command", [("convert", "-o", "out"), ("explain",)])
def test_a_folder_without_reports_is_told(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """For a folder without reports one line is printed, and no empty table."""
    (tmp_path / "empty").mkdir()
    result = run(command[0], "empty", *command[1:])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("failed: no reports in these files and folders\n")
    assert "Date" not in result.stderr


def test_explain_names_archives_that_cannot_be_unpacked(run: Run, tmp_path: Path) -> None:
    """A broken archive is a failure by name, and the other files are explained."""
    write(tmp_path, "scan_ssl")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    result = run("explain", "broken.zip", SSL)
    assert result.exit_code == 1
    assert "5 rows" in result.stdout
    assert "failed: broken.zip" in result.stderr


def test_no_progress_in_a_file(run: Run, tmp_path: Path) -> None:
    """If stderr is no terminal, no progress bar is printed."""
    write(tmp_path, "scan_ssl")
    result = run("convert", SSL, "-o", "out", "--workers", 1)
    assert result.stderr.startswith("The folders are below out/<date>/.\n1 report, ")


@pytest.mark.parametrize(
    "command", [("convert", "-o", "out", "--workers", 1), ("explain",), ("preview", "--html", "p")]
)
def test_an_archive_or_folder_that_may_not_be_read_stops_no_other(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Each unreadable one is named, the others are read, and the exit code is 1."""
    write(tmp_path / "in", "scan_ssl")
    (tmp_path / "in" / "a.zip").write_bytes(b"PK")
    (tmp_path / "in" / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path) in ("in/a.zip", "in/locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("shadowserver_connector.report.report_files.os.scandir", refuse)
    monkeypatch.setattr("shadowserver_connector.report.report_files.io.FileIO", refuse)
    result = run(command[0], "in", *command[1:])
    assert result.exit_code == 1
    for name in ("a.zip", "locked"):
        assert f"failed: in/{name}: cannot be read: Permission denied\n" in result.stderr
    assert result.stdout


def test_nothing_converted_is_not_counted(run: Run, tmp_path: Path) -> None:
    """If all files failed, their reasons are printed without totals."""
    (tmp_path / "a.zip").write_bytes(b"PK")
    result = run("convert", "a.zip", "-o", "out", "--workers", 1)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "failed: a.zip: cannot be unpacked: damaged, or not a zip archive; get it again, or "
        "correct its extension\n"
    )


@pytest.mark.parametrize(
    "command", [("convert", "-o", "out", "--workers", 1), ("explain",), ("preview", "--html", "p")]
)
def test_a_file_that_may_not_be_read_stops_no_other(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """An unreadable file without a day in its name fails; the other files are read."""
    write(tmp_path / "in", "scan_ssl")
    (tmp_path / "in" / "a.csv").write_bytes(b"timestamp,ip\n")

    def refuse(path: Path, anomalies: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shadowserver_connector.pipeline.batch.open_table", refuse)
    result = run(command[0], "in", *command[1:])
    assert result.exit_code == 1
    assert result.stderr.endswith("failed: in/a.csv: cannot be read: Permission denied\n")
    assert result.stdout


def test_explain_shows_cells_beyond_the_header_where_there_are_some(
    run_json: RunJson, tmp_path: Path
) -> None:
    """The column for cells beyond the header is shown only for files that have such cells."""
    write(tmp_path, "scan_ssl")
    longer = tmp_path / "2024-01-31-scan_vnc-example.csv"
    longer.write_bytes(b"timestamp,ip\n2024-01-31 00:00:00,192.0.2.1,more\n")
    told, _ = run_json("explain", SSL, longer)
    names = [[column["name"] for column in file["columns"]] for file in told]
    assert "_surplus" not in names[0]
    assert names[1] == ["timestamp", "ip", "_surplus"]


UNUSUAL = (
    b"2024-01-31-scan_ssl-\xff.csv",
    b"2024-01-31-scan_vnc-\xc3.csv",
    b"no\xffday.csv",
    b"line\nend.csv",
    b"no\xffzip.zip",
)


@pytest.mark.integration
@pytest.mark.parametrize("command", ["convert", "explain"])
def test_names_of_any_bytes(tmp_path: Path, command: str) -> None:
    """File names of any bytes are shown escaped, in JSON, in tables and by the real process."""
    folder = os.fsencode(write(tmp_path / "in\udcff", "scan_ssl").parent)
    content = csv_bytes(*rows_of("scan_ssl", 2))
    for name in UNUSUAL:
        with open(folder + b"/" + name, "wb") as file:
            file.write(content if name.startswith(b"2024") else b"a,b\n1,2\n")
    more = [b"-o", b"out\xff"] if command == "convert" else []
    for extra in ([], [b"--json"]):
        ended = subprocess.run(
            [sys.executable, "-m", "shadowserver_connector", command, folder, *more, *extra],
            cwd=tmp_path,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        told = (ended.stdout + ended.stderr).decode("utf-8")
        assert ended.returncode == 1
        assert "Traceback" not in told
        assert "scan_vnc" in told
        if extra:
            assert orjson.loads(ended.stdout)
        assert "zip" in told
        assert "line_end.csv" in told


def test_a_first_line_that_is_no_header_is_not_quoted(run_json: RunJson, tmp_path: Path) -> None:
    """An invalid header is not quoted, as the file may hold secrets."""
    (tmp_path / "in").mkdir()
    for number, line in enumerate((b"s3cr3t", b"s3cr3t,192.0.2.77", b"{s3cr3t", b"<s3cr3t")):
        (tmp_path / "in" / f"2024-01-31-scan_ssl-{number}.csv").write_bytes(line + b"\n")
    told, code = run_json("convert", "in", "-o", "out", "--workers", 1)
    assert code == 1
    assert len(told["failed"]) == 4
    assert "s3cr3t" not in str(told)
    assert "192.0.2.77" not in str(told)
