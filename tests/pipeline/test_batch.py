"""Many reports converted: in order, independently, on any executor."""

from __future__ import annotations

import zipfile
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import convert_all, job_of
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.report.report_files import find_reports
from tests.mapping.conversion import csv_bytes, info_of, is_balanced
from tests.mapping.rows import rows_of

TYPES = ("scan_ssl", "device_id", "event4_sinkhole_http", "malware_url", "blocklist")


def jobs(folder: Path) -> list[Job]:
    """Write a report of several types and return what to do."""
    made = []
    for report_type in TYPES:
        info = info_of(report_type)
        path = folder / info.file
        path.write_bytes(csv_bytes(*rows_of(report_type, 10)))
        made.append((path, info))
    return made


def written(out: Path) -> dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


def test_results_come_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    """Results come in the order of the jobs, however long each takes."""
    todo = jobs(tmp_path)
    with ThreadPoolExecutor(3) as pool:
        results = list(convert_all(todo, tmp_path / "out", Options(), pool, ahead=4))
    assert [result.info for result in results] == [info for _, info in todo]
    assert all(isinstance(result, Outcome) and is_balanced(result) for result in results)


def test_one_bad_report_does_not_stop_the_others(tmp_path: Path) -> None:
    """A file that is no table, empty or gone fails alone, with its reason."""
    todo = jobs(tmp_path)
    todo[0][0].write_bytes(b"<html>502 Bad Gateway</html>")
    todo[2][0].write_bytes(b"")
    todo[3][0].unlink()
    with ThreadPoolExecutor(2) as pool:
        results = list(convert_all(todo, tmp_path / "out", Options(), pool, ahead=2))
    kinds = [type(result) for result in results]
    assert kinds == [Failure, Outcome, Failure, Failure, Outcome]
    for result in results:
        if isinstance(result, Failure):
            assert result.info.file in result.reason
            assert "\n" not in result.reason
    folders = {path.name for path in (tmp_path / "out").glob("*/*")}
    assert folders == {info.file for _, info in (todo[1], todo[4])}


def test_disk_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A disk that cannot be written is raised, as it would fail every report."""
    (tmp_path / "out").write_bytes(b"a file, no folder")
    with ThreadPoolExecutor(1) as pool, pytest.raises(OSError, match="out"):
        list(convert_all(jobs(tmp_path), tmp_path / "out", Options(), pool, ahead=1))


def processes() -> Executor:
    """Return an executor of two processes that share nothing with this one."""
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@pytest.mark.integration
def test_threads_and_processes_write_the_same(tmp_path: Path) -> None:
    """Jobs, options and outcomes can be sent to another process and back."""
    todo = jobs(tmp_path)
    options = Options(create_incident=True, case_min_severity="info", labels=("perimeter",))
    results = {}
    for name, make in (("threads", lambda: ThreadPoolExecutor(2)), ("processes", processes)):
        with make() as pool:
            results[name] = list(convert_all(todo, tmp_path / name, options, pool, ahead=2))
    assert results["threads"] == results["processes"]
    assert written(tmp_path / "threads") == written(tmp_path / "processes") != {}


def test_done_is_called_once_a_report_in_order(tmp_path: Path) -> None:
    """It is called for failed reports too, as their files are no longer needed."""
    todo = jobs(tmp_path)
    todo[1][0].write_bytes(b"")
    done: list[Job] = []
    with ThreadPoolExecutor(2) as pool:
        for n, _ in enumerate(
            convert_all(todo, tmp_path / "out", Options(), pool, ahead=3, done=done.append)
        ):
            assert done == todo[: n + 1]
    assert done == todo


@pytest.mark.parametrize(
    ("archive", "member", "report_type", "file"),
    [
        ("2024-01-31-scan_snmp-x.csv.zip", "report.csv", "scan_snmp", "2024-01-31-scan_snmp-x.csv"),
        (
            "[EXT] 2024-01-31-blacklist-x (1).zip",
            "r.csv",
            "blocklist",
            "[EXT]_2024-01-31-blacklist",
        ),
        ("scan_snmp.zip", "2024-01-31.csv", "scan_snmp", "scan_snmp.csv"),
        ("reports.zip", "2024-01-31-scan_ssl-x.csv", "scan_ssl", "2024-01-31-scan_ssl-x.csv"),
        ("scan_snmp.zip", "2024-01-31-scan_ssl-x.csv", "scan_ssl", "2024-01-31-scan_ssl-x.csv"),
    ],
)
def test_name_of_an_archive_counts_where_that_of_its_file_says_nothing(
    tmp_path: Path, archive: str, member: str, report_type: str, file: str
) -> None:
    """An archive's name gives type, day and name of a file that has none."""
    path = tmp_path / archive
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(member, "timestamp,ip\n2024-01-31 00:00:01,192.0.2.1\n")
    (found,) = find_reports([path], tmp_path / "work", [].append)
    _, info = job_of(found)
    assert (info.type, str(info.day)) == (report_type, "2024-01-31")
    assert info.file.startswith(file.removesuffix(".csv"))


def test_files_of_one_archive_that_say_nothing_have_names_of_their_own(tmp_path: Path) -> None:
    """Files of one archive without type or day get distinct names, or they would be one report."""
    path = tmp_path / "2024-01-31-scan_snmp-x.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name in ("a.csv", "b.csv"):
            opened.writestr(name, "timestamp,ip\n2024-01-31 00:00:01,192.0.2.1\n")
    infos = [job_of(found)[1] for found in find_reports([path], tmp_path / "work", [].append)]
    assert {info.type for info in infos} == {"scan_snmp"}
    assert len({info.file for info in infos}) == 2


def test_rows_without_content_are_in_the_sum_of_rows(tmp_path: Path) -> None:
    """Rows without content count as rows, and as no findings."""
    info = info_of("scan_snmp")
    path = tmp_path / info.file
    path.write_text('timestamp,ip,tag\n2024-01-31 00:00:01,192.0.2.1,snmp\n,,\n"","",""\n')
    with ThreadPoolExecutor(1) as pool:
        (result,) = convert_all([(path, info)], tmp_path / "out", Options(), pool, ahead=1)
    assert isinstance(result, Outcome)
    assert (result.rows, result.empty, result.findings) == (3, 2, 1)
    assert is_balanced(result)
