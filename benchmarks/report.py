"""Tables of figures: as Markdown into `docs/performance.md`, and against what was recorded last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.comparison import ALL, Comparison
from benchmarks.figures import Figure, shown
from benchmarks.record import Record
from playhead.errors import InvalidInput

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN: Final = "<!-- What stands from here to the end mark is written by `make bench`. -->"
END: Final = "<!-- end -->"
HEAD: Final = ("what", "median (lowest to highest)", "beside it", "ratio", "aim")
MADE: Final = ("measurement", "date", "commit", "load before", "lasted, s")
COMPARED: Final = ("what", "recorded", "now", "now / recorded")


def report(record: Record, plots: Mapping[str, str]) -> str:
    """All tables in Markdown, each with its plot: `plots` has the file of a heading."""
    parts = [_machines(record)]
    for heading, comparisons in ALL.items():
        rows = [row for each in comparisons if (row := _row(each, record.figures)) is not None]
        if not rows:
            continue
        parts.append(f"### {heading}")
        if heading in plots:
            parts.append(f"![{heading}]({plots[heading]})")
        parts.append(table(HEAD, rows))
    return "\n\n".join(parts)


def compared(before: Mapping[str, Figure], now: Mapping[str, Figure]) -> str:
    """A table of the figures that were measured now, as multiples of those that were recorded."""
    rows = []
    for key, figure in now.items():
        known = before.get(key)
        recorded, ratio = ("", "") if known is None else (spread(known), f"{figure.ratio(known):.2f}")
        rows.append((f"{key}: {figure.what}", recorded, spread(figure), ratio))
    return table(COMPARED, rows)


def aims(figures: Mapping[str, Figure]) -> Iterator[str]:
    """A line for each aim that is not reached."""
    for comparisons in ALL.values():
        for each in comparisons:
            if each.reached(figures) is False:
                value = each.value(figures)
                beside = f" of {each.beside}" if each.against else f" {figures[each.of].unit}"
                yield f"{figures[each.of].what}: {shown(value or 0.0)}{beside}, aim: {aim(each)}"


def write(record: Record, plots: Mapping[str, str], document: Path = DOCUMENT) -> None:
    """Puts the tables between the marks of a document. Raises `InvalidInput` where it has no such marks."""
    text = document.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InvalidInput(f"{document} has no place for the tables, between {BEGIN!r} and {END!r}")
    document.write_text(f"{before}{BEGIN}\n\n{report(record, plots)}\n\n{END}{after}", "utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(figure: Figure) -> str:
    """A figure's median, with its lowest and highest value where there are several, and its unit."""
    low, high = figure.spread
    around = f" ({shown(low)} to {shown(high)})" if len(figure.values) > 1 else ""
    return f"{shown(figure.median)}{around} {figure.unit}"


def aim(comparison: Comparison) -> str:
    """What is aimed at, in words; empty where nothing is."""
    if comparison.at_least is not None:
        return f"at least {comparison.at_least:g}"
    return "" if comparison.at_most is None else f"at most {comparison.at_most:g}"


def _row(comparison: Comparison, figures: Mapping[str, Figure]) -> Sequence[str] | None:
    value = comparison.value(figures)
    if value is None:
        return None
    figure = figures[comparison.of]
    aimed = aim(comparison)
    if aimed:
        aimed += ": reached" if comparison.reached(figures) else ": **not reached**"
    if comparison.against is None:
        return figure.what, spread(figure), "", "", aimed
    other = figures[comparison.against]
    return figure.what, spread(figure), f"{comparison.beside}: {spread(other)}", f"{value:.2f}", aimed


def _machines(record: Record) -> str:
    """On what the measurements were made, and at which commit."""
    machines: dict[str, list[str]] = {}
    for name, measured in record.measured.items():
        machine = "; ".join(f"{part}: {text}" for part, text in measured.machine.items())
        machines.setdefault(machine, []).append(name)
    lines = [
        f"Measured on: {machine}." if len(machines) == 1 else f"Measured on ({', '.join(names)}): {machine}."
        for machine, names in machines.items()
    ]
    rows = [
        (name, each.date, each.commit, f"{each.load:.1f}", f"{each.lasted_s:.0f}")
        for name, each in record.measured.items()
    ]
    return "\n\n".join([*lines, table(MADE, rows)])
