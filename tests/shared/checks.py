"""Properties that the conversion of any file must have."""

from __future__ import annotations

from pathlib import Path

import orjson
import stix2

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.report.info import ReportInfo
from tests.bundle.checks import assert_closed_and_ordered, assert_splitter_keeps_references
from tests.mapping.conversion import Converted, Stix, is_balanced
from tests.mapping.platform_ids import expected_id
from tests.mapping.relationships import is_allowed
from tests.stix.exceptions import complaints


class Checker:
    """Checks conversions; objects of a shape that was valid once are not checked again.

    The validator takes milliseconds an object, so it sees each shape of an object once: its type,
    its properties, and which of them hold anything but plain text.
    """

    def __init__(self) -> None:
        self._shapes: set[tuple[object, ...]] = set()
        self._parsed: set[str] = set()

    def convert(self, path: Path, info: ReportInfo, options: Options) -> Converted:
        """Convert a file and check the outcome and every chunk."""
        chunks: list[Chunk] = []
        outcome = convert_report(path, info, options, chunks.append)
        converted = Converted(path, outcome, tuple(chunks))
        assert is_balanced(outcome)
        assert sum(chunk.rows for chunk in chunks) == outcome.noted + outcome.merged
        for chunk in chunks:
            objects = orjson.loads(chunk.bundle())["objects"]
            assert_closed_and_ordered(objects)
            assert_splitter_keeps_references(chunk, objects)
            for stix in objects:
                self._check(stix)
        return converted

    def _check(self, stix: Stix) -> None:
        if stix["id"] in self._parsed:
            return
        self._parsed.add(stix["id"])
        if stix["type"] != "note":
            assert stix["id"] == expected_id(stix)
        if stix["type"] == "relationship":
            assert is_allowed(*_pair(stix))
        shape = _shape(stix)
        if shape not in self._shapes:
            self._shapes.add(shape)
            assert complaints(stix) == []
            stix2.parse(stix, allow_custom=True)


def _shape(stix: Stix) -> tuple[object, ...]:
    unusual = tuple(name for name, value in stix.items() if not _plain(value))
    pair = _pair(stix) if stix["type"] == "relationship" else ()
    return (stix["type"], tuple(stix), unusual, pair)


def _pair(stix: Stix) -> tuple[str, str, str]:
    source, target = (stix[name].partition("--")[0] for name in ("source_ref", "target_ref"))
    return (source, stix["relationship_type"], target)


def _plain(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return value.isascii() and value.isprintable() and "\\" not in value and len(value) < 1_000
