"""The growth as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.growth import MAX_MB, MODES, Line
from benchmarks.results import Result


def draw(growth: Result, target: Path) -> None:
    """Write rows a second and peak memory over rows as an SVG file."""
    # The same numbers make the same file.
    mpl.rcParams["svg.hashsalt"] = "shadowserver"
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    speed, memory = figure.subplots(1, 2)
    for notes in MODES:
        lines = [line for line in map(Line._make, growth.rows) if line.notes == notes]
        sizes = [line.rows for line in lines]
        speed.plot(sizes, [line.speed for line in lines], marker="o", label=f"notes: {notes}")
        memory.plot(sizes, [line.peak_mb for line in lines], marker="o", label=f"notes: {notes}")
    memory.axhline(MAX_MB, color="grey", linestyle="--", linewidth=1)
    for axes, title in ((speed, "rows a second of CPU"), (memory, "peak memory, MB")):
        axes.set(title=title, xscale="log", xlabel="rows of the report", ylim=(0, None))
        axes.legend()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
