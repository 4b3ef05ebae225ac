"""What bounds the memory of a conversion: what is in memory at most, by what it is for.

All are estimates of what Python's objects take. Beyond a limit, rows go to disk, caches start
again, and values are no longer counted. None of them grows with the file. Here are the limits of
what rows take; a structure with a limit of its own, such as a cache or a message, has it beside it.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024**2

SORT_BYTES: Final = 12 * MIB
"""Rows that are sorted by host before they are written to disk (`pipeline/external_sort.py`).

A report of 50,000 rows fills them: one with more needs no more memory.
"""

MERGE_BYTES: Final = 12 * MIB
"""Rows in memory while sorted files are merged (`pipeline/external_sort.py`).

Those of ``SORT_BYTES`` are written by then.
"""

COUNT_BYTES: Final = 24 * MIB
"""Values that are counted for a Report's text (`mapping/planning/row_statistics.py`)."""

CACHE_BYTES: Final = 32 * MIB
"""What is cached about cells, over all columns of a report (`mapping/cells/cache.py`)."""

HELD_BACK_BYTES: Final = 32 * MIB
"""Chunks that wait until it is known if the Report has parts (`bundle/chunk_builder.py`)."""

COMPARED_ROWS: Final = 50_000
"""Rows that are sorted by finding, about 20 MB with their texts (`history/identified_rows.py`)."""
