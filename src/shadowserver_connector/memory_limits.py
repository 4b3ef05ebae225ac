"""What bounds the memory of a conversion: what is in memory at most, by what it is for.

Those in bytes are estimates of what Python's objects take. None of them grows with the file. Here
are the limits of what rows take; a structure with a limit of its own, such as a cache or a message,
has it beside it.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024**2

SORT_BYTES: Final = 12 * MIB
"""Rows that are sorted by host; beyond it, they are written to disk (`pipeline/external_sort.py`).

A report of 50,000 rows fills them: one with more needs no more memory.
"""

MERGE_BYTES: Final = 12 * MIB
"""Rows in memory while sorted files are merged (`pipeline/external_sort.py`).

Those of ``SORT_BYTES`` are written by then. Files that would take more are not merged all at once,
but two at least.
"""

COUNT_BYTES: Final = 24 * MIB
"""Values that are counted for a Report's text (`mapping/planning/row_statistics.py`).

Beyond it, further values are not counted.
"""

CACHE_BYTES: Final = 32 * MIB
"""What is cached about cells, over all columns of a report (`mapping/cells/cache.py`).

Beyond it, all caches start again.
"""

HELD_BACK_BYTES: Final = 32 * MIB
"""Chunks that wait until it is known if the Report has parts (`bundle/chunk_builder.py`).

Beyond it, all but the last are sent, and the Case contains only the Report.
"""

COMPARED_ROWS: Final = 50_000
"""Number of rows that are sorted by finding; with their texts they take about 20 MB
(`history/identified_rows.py`). Beyond it, they are written to disk.
"""
