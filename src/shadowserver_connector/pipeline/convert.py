"""One report: from a file to chunks of STIX objects."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.bundle.chunk_builder import ChunkBuilder, ChunkLimits
from shadowserver_connector.bundle.finding_objects import (
    FindingObjects,
    SerialisedObject,
    serialise,
)
from shadowserver_connector.catalogue.catalogue import SEVERITIES
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.errors import ReportUnreadableError
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.verdicts import RECURRING
from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.objects.context import ConversionContext, RelationshipRules
from shadowserver_connector.mapping.objects.encoders import Encoders
from shadowserver_connector.mapping.objects.report_and_case import (
    ReportContainers,
    case_name,
    publication_time,
    report_name,
)
from shadowserver_connector.mapping.objects.traffic import joins_parties
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.finding_identity import compile_finding_identifier
from shadowserver_connector.mapping.planning.highlights import HistoryHighlights
from shadowserver_connector.mapping.planning.plan import Plan, compile_plan
from shadowserver_connector.mapping.planning.row_statistics import (
    NumberedRow,
    RowStatistics,
    select_and_count,
)
from shadowserver_connector.mapping.rows import RowMapper
from shadowserver_connector.mapping.texts.notes import (
    HOST_ROWS,
    NOTE_BYTES,
    NoteMaker,
    NoteWriter,
    Since,
    no_notes,
)
from shadowserver_connector.mapping.texts.report_text import ReportFacts, case_text, report_text
from shadowserver_connector.memory_limits import MIB
from shadowserver_connector.pipeline.external_sort import RowSort, open_row_sort
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.info import FileFacts, ReportInfo, fingerprint
from shadowserver_connector.report.table import Table, open_table
from shadowserver_connector.report.table_copy import TableCopyReader, open_copy
from shadowserver_connector.stix import observables, shared_objects
from shadowserver_connector.stix.shared_objects import TLP, Origin, tlp_marking

Convert = Callable[[Path, ReportInfo, Options, Callable[[Chunk], None]], Outcome]
"""A function with the arguments and the result of ``convert_report``."""

GC_THRESHOLD: Final = 200_000
"""New containers between two garbage collections; Python's default is 700."""


@contextmanager
def relaxed_garbage_collection() -> Iterator[None]:
    """Let the garbage collector run rarely inside the block.

    A conversion creates tuples, dicts and strings by the million and no cycles: frequent collection
    frees nothing, and costs time when rows are wide. Reference counts free finished objects.
    """
    before = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


MAX_NOTES_SHOWN: Final = 5
"""How many Notes, the worst, are on the page of a Report.

OpenCTI lists both the Notes that refer to a Report and those that it contains, and loads an edit
form with each: with ten, a page takes about a third longer than with five; with more than about
60, it does not open. The other Notes are on the pages of what they are about.
"""

ROWS_AT_ONCE: Final = 16
"""Rows that are converted together if each has its own Note, or none."""
_ROOMY: Final = 500

TOO_LARGE: Final = "objects or references that fit in no message, left out"

UNKNOWN_TYPE: Final = "an unknown report type, read by the rules of its family"

# Twice in base64 that is 14 MiB; RabbitMQ 4 refuses messages of more than 16.
ARTIFACT_INLINE: Final = 8 * MIB
"""Maximum bytes of a file inside its Artifact; a sink uploads larger ones itself."""


def convert_report(
    path: Path,
    info: ReportInfo,
    options: Options,
    emit: Callable[[Chunk], None],
    comparison: Comparison | None = None,
) -> Outcome:
    """Convert a report file and hand its chunks to ``emit``, in order.

    The Artifact is in the first chunk, alone where it is large; every reference is inside its
    chunk. The same file, info, options and comparison give the same bytes. An Artifact of more than
    ``ARTIFACT_INLINE`` bytes has its hashes but no payload.

    ``comparison`` is what the history says of the file's rows; without one, all are sent.

    Raises ``ReportUnreadableError`` for a file that is no table or no report, ``NotReadyError`` for
    an empty one, ``OSError`` where disk or file fail.
    """
    # A pass of its own: the text of the Report, which is in the first chunk, quotes the hashes.
    facts = fingerprint(path)
    anomalies = Anomalies(info.file)
    counter = _ChunkCounter(emit)
    with (
        relaxed_garbage_collection(),
        _table(path, anomalies, comparison) as table,
        open_row_sort() as rows,
    ):
        plan = compile_for(table.header, info, options)
        if not plan.context.report_type.known:
            anomalies.add(UNKNOWN_TYPE, 0, detail=plan.context.report_type.name)
        statistics = RowStatistics()
        history = None if comparison is None else HistoryHighlights(comparison)
        wanted = select_and_count(_rows(table, plan), plan, statistics, anomalies, history)
        if comparison is not None and options.repeats == "skip":
            wanted = _without_recurring(wanted, comparison, statistics)
        # The only pass over the file's rows: each chunk carries what needs the counts of them all.
        rows.fill(wanted, _key_reader(plan), table.text_of)
        statistics.duplicates = statistics.wanted - statistics.skipped - rows.distinct()
        containers = _containers(info, plan, statistics, facts, anomalies, history)
        artifact = _artifact(path, info, facts, plan)
        builder = _builder(
            artifact, containers, _marking_already_sent(comparison, containers, counter.emit)
        )
        for finding in _findings(rows, plan, statistics, anomalies, comparison, info):
            if left_out := builder.add(finding):
                anomalies.add(TOO_LARGE, 0, times=left_out)
        builder.close()
    merged = statistics.duplicates + builder.repeated_rows
    return Outcome(
        info=info,
        severity=statistics.highest,
        rows=statistics.rows + table.empty_rows,
        noted=statistics.wanted - statistics.skipped - merged,
        merged=merged,
        skipped=statistics.skipped,
        filtered=statistics.filtered,
        cut=statistics.cut,
        chunks=counter.chunks,
        objects=dict(sorted(counter.objects.items())),
        referred=counter.referred,
        empty=table.empty_rows,
        size=facts.size,
        sha256=facts.sha256,
        oddities=anomalies.counts(),
        remarks=tuple(anomalies.lines()),
        verdict_counts=None if comparison is None else comparison.summary(),
    )


def _table(
    path: Path, anomalies: Anomalies, comparison: Comparison | None
) -> AbstractContextManager[Table | TableCopyReader]:
    """Open the table, or its copy, which gives the same rows and anomalies."""
    copy = None if comparison is None else comparison.table
    return open_table(path, anomalies) if copy is None else open_copy(copy, anomalies)


def _rows(table: Table | TableCopyReader, plan: Plan) -> Iterator[NumberedRow]:
    """Return the rows for the first pass; a copy's are split only up to the last cell it reads."""
    if isinstance(table, Table):
        return table.rows()
    by_finding = plan.context.options.notes == "finding"
    return table.rows(len(table.header) if by_finding else plan.statistics.last + 1)


def _without_recurring(
    rows: Iterable[NumberedRow], comparison: Comparison, statistics: RowStatistics
) -> Iterator[NumberedRow]:
    for numbered in rows:
        at = numbered[0] - 1
        # Those that are due are sent all the same: their Observed-Data's time has to be extended.
        if comparison.verdicts[at] == RECURRING and not comparison.update_due[at]:
            statistics.skipped += 1
        else:
            yield numbered


class _ChunkCounter:
    def __init__(self, emit: Callable[[Chunk], None]) -> None:
        self._emit = emit
        self.chunks = 0
        self.referred = 0
        self.objects: Counter[str] = Counter()

    def emit(self, chunk: Chunk) -> None:
        self.chunks += 1
        self.objects.update(chunk.types(chunk.already_sent))
        self.referred += len(chunk.already_sent)
        self._emit(chunk)


def compile_for(header: Sequence[str], info: ReportInfo, options: Options) -> Plan:
    """Compile the plan for a report with this header.

    Raises ``ReportUnreadableError`` if no column is known: an error page with commas in its first
    line, for example, is not a report without findings.
    """
    catalogue = load_catalogue()
    columns = [catalogue.column(info.type, name) for name in header]
    if not catalogue.is_report(columns):
        raise ReportUnreadableError(
            f"{info.file}: not a report: no column in its first line is known; check what the "
            "file is, or get it again"
        )
    origin = Origin(shared_objects.author()["id"], (TLP[options.marking],))
    day = f"{info.day.isoformat()}T00:00:00.000Z"
    report_type = catalogue.report_type(info.type, header)
    context = ConversionContext(
        origin=origin,
        day=day,
        report_type=report_type,
        catalogue=catalogue,
        options=options,
        rules=RelationshipRules(
            catalogue.links, options, joined=joins_parties(columns, report_type)
        ),
        encode=Encoders(origin, day),
        cache_budget=CacheBudget(),
    )
    identify = compile_finding_identifier(catalogue, report_type, columns)
    parts = [catalogue.finding_part(report_type, column) for column in columns]
    # Where the catalogue has no page, as for an unknown type, the API may name one.
    return compile_plan(columns, context, identify, parts, report_type.page or info.url)


def _containers(
    info: ReportInfo,
    plan: Plan,
    statistics: RowStatistics,
    facts: FileFacts,
    anomalies: Anomalies,
    history: HistoryHighlights | None,
) -> ReportContainers:
    context = plan.context
    report_type, options = context.report_type, context.options
    about = ReportFacts(info, report_type, statistics, facts, options, history)
    return ReportContainers(
        origin=context.origin,
        preamble=(serialise(tlp_marking(options.marking)), serialise(shared_objects.author())),
        name=report_name(info, report_type),
        case_name=case_name(info, report_type),
        published=publication_time(info),
        description=report_text(about, anomalies.lines()),
        case_description=case_text(about),
        file_name=info.file,
        labels=plan.labels.base,
        tags=statistics.frequent_tags(),
        severity=statistics.highest,
        options=options,
        encode=context.encode,
        # Joined as text: an id may look like a URL. Whoever has the link needs no credentials.
        link=f"{options.download_url}{info.id}" if options.link_download and info.id else None,
    )


def _artifact(
    path: Path, info: ReportInfo, facts: FileFacts, plan: Plan
) -> SerialisedObject | None:
    if facts.size > plan.context.options.artifact_max_size:
        return None
    stix = observables.artifact(
        plan.context.origin,
        hashes={
            "MD5": facts.md5,
            "SHA-1": facts.sha1,
            "SHA-256": facts.sha256,
            "SHA-512": facts.sha512,
        },
        file_name=info.file,
        payload=path.read_bytes() if facts.size <= ARTIFACT_INLINE else None,
        description=(
            f"The file of Shadowserver's report {plan.context.report_type.title} of {info.day}, "
            f"unchanged: {info.file}"
        ),
    )
    return serialise(stix)


def _marking_already_sent(
    comparison: Comparison | None, containers: ReportContainers, emit: Callable[[Chunk], None]
) -> Callable[[Chunk], None]:
    """Return what passes on chunks, marked with what an earlier report has brought to OpenCTI."""
    if comparison is None or containers.options.repeats == "all":
        return emit
    # An earlier report of the feed has brought marking and author.
    sent = [each.id for each in containers.preamble] if comparison.previous_day else []

    def mark(chunk: Chunk) -> None:
        emit(replace(chunk, has_comparison=True, already_sent=chunk.already_sent.union(sent)))

    return mark


def _builder(
    artifact: SerialisedObject | None, containers: ReportContainers, send: Callable[[Chunk], None]
) -> ChunkBuilder:
    """Return what creates chunks of findings; a large file is sent at once."""
    options = containers.options
    # A small one is sent with the first findings, which saves a copy of the Report. An Artifact
    # without its content is sent alone, because it waits for the upload.
    is_alone = artifact is not None and (
        len(artifact.body) > options.chunk_bytes // 4 or b'"payload_bin"' not in artifact.body
    )
    if artifact is not None and is_alone:
        objects = [
            ChunkObject(each.id, each.body + b"}") for each in (*containers.preamble, artifact)
        ]
        send(Chunk((*objects, containers.report(1, [artifact.id])), 0))
    return ChunkBuilder(
        containers,
        send,
        ChunkLimits(options.chunk_objects, options.chunk_bytes, options.report_max_refs),
        first=None if is_alone else artifact,
        sent_refs=[artifact.id] if artifact is not None and is_alone else [],
    )


def _findings(
    rows: RowSort,
    plan: Plan,
    statistics: RowStatistics,
    anomalies: Anomalies,
    comparison: Comparison | None,
    info: ReportInfo,
) -> Iterator[FindingObjects]:
    by_subject = plan.context.options.notes in ("auto", "host")
    counted = _severities_of_notes(rows, plan, statistics, comparison)
    mapper = RowMapper(plan, anomalies, comparison, _worst(counted, MAX_NOTES_SHOWN))
    # In each mode the rows of a host are next to each other. So the objects that they share are in
    # one chunk, and need not be sent again with another.
    groups = rows.by_key(HOST_ROWS) if by_subject else rows.in_groups(_rows_at_once(plan))
    texts = _note_texts(plan, comparison, info)
    return (mapper.finding(group, texts) for group in groups)


def _severities_of_notes(
    rows: RowSort, plan: Plan, statistics: RowStatistics, comparison: Comparison | None
) -> Counter[str]:
    """Return how many of the Notes that Report and Case may show there are of each severity."""
    options = plan.context.options
    if comparison is not None and options.repeats == "skip" and options.notes != "none":
        # Those of what recurs, which the statistics count too, are not shown.
        return Counter(
            plan.note_titles.severity([row for _, row, _ in group])
            for group in rows.by_key(HOST_ROWS)
            if any(comparison.verdicts[number - 1] != RECURRING for number, _, _ in group)
        )
    # Hosts without an address are not counted, so fewer Notes than possible may be shown.
    counted = Counter(statistics.hosts.values()) if options.notes in ("auto", "host") else None
    return counted or statistics.severities


def _worst(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Return how many of each severity are among the worst ones."""
    worst = {}
    for severity in reversed(SEVERITIES):
        worst[severity] = min(counts.get(severity, 0), most)
        most -= worst[severity]
    return worst


def _note_texts(plan: Plan, comparison: Comparison | None, info: ReportInfo) -> NoteWriter:
    options = plan.context.options
    if options.notes == "none":
        return no_notes
    maker = NoteMaker(
        plan,
        Since(comparison, skips=options.repeats == "skip"),
        (info.type, info.list),
        info.file,
        # A Note must fit into a chunk together with the objects that it is about.
        min(NOTE_BYTES, options.chunk_bytes // 4),
    )
    return maker.of_findings if options.notes == "finding" else maker.of_subject


def _key_reader(plan: Plan) -> Callable[[int, list[str]], str]:
    """Return what decides which rows belong together: those of a subject, or of a finding."""
    key = plan.subjects.key
    if plan.context.options.notes != "finding":
        return key
    read_subject, identify = plan.subjects.normalised, plan.identify

    def of_finding(_: int, row: list[str]) -> str:
        # The subject comes first, so that the rows of a host stay next to each other. What ends it
        # sorts before all printable characters, so that no longer subject comes between them.
        return f"{read_subject(row)}\x01{identify.key(row).hex()}"

    return of_finding


def _rows_at_once(plan: Plan) -> int:
    options = plan.context.options
    # With small limits, a finding is made of one row only, so that it rarely has to be divided.
    roomy = (
        options.chunk_objects >= _ROOMY
        and options.report_max_refs >= _ROOMY
        and options.chunk_bytes >= MIB
    )
    return ROWS_AT_ONCE if roomy else 1
