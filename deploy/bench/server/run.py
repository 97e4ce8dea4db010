"""`make bench-server`: every case, one after another; the tables, and docs/performance.md.

Usage: python -m deploy.bench.server.run [--only CASE,CASE] [--quick] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.bench.server.bench import Bench
from deploy.bench.server.cases import (
    closed_loop,
    databases,
    full_room,
    limits,
    long_day,
    paced,
    stampedes,
    where_time_goes,
)
from deploy.bench.server.figures import Figure, number
from deploy.bench.server.machine import describe_machine
from deploy.bench.server.open_files import allow_open_files
from deploy.bench.server.page import with_tables


@dataclass(frozen=True, slots=True)
class Case:
    """One table."""

    name: str
    title: str
    measure: Callable[[Bench], list[Figure]]


CASES: tuple[Case, ...] = (
    Case("limits", "What the machine allows", limits.measure_limits),
    Case("closed", "Durable saves a second, closed loop", closed_loop.measure_closed_loop),
    Case("slow-sync", "The same on a slow disk", closed_loop.measure_slow_sync),
    Case("pages", "Latency with pages at work", paced.measure_paced),
    Case("full", "Five thousand kiosks, and a restart", full_room.measure_full_room),
    Case("log-in", "Log-ins in one burst", stampedes.measure_log_ins),
    Case("start", "The start", stampedes.measure_start),
    Case("submit", "Hand-ins", stampedes.measure_submissions),
    Case("postgres", "PostgreSQL", databases.measure_postgres),
    Case("day", "Three hours", long_day.measure_long_day),
    Case("growth", "How it grows with kiosks", full_room.measure_growth),
    Case("profile", "Where a save's time goes", where_time_goes.measure_shares),
)


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a goal was missed or a case broke (with --quick: broke)."""
    options = _options(words)
    wanted = options.only.split(",") if options.only else [one.name for one in CASES]
    allow_open_files()
    tables: list[tuple[Case, list[Figure]]] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        machine = describe_machine(Path(folder))
        print("\n".join(machine), flush=True)
        bench = Bench(Path(folder), is_quick=options.quick, profiles=options.profiles)
        for case in (one for one in CASES if one.name in wanted):
            began = time.monotonic()
            try:
                tables.append((case, case.measure(bench)))
            except Exception as error:  # noqa: BLE001  the other cases are measured all the same
                broken.append(f"{case.name}: {error!r}")
                print(f"case {broken[-1]}", file=sys.stderr, flush=True)
            else:
                _print(*tables[-1], time.monotonic() - began)
    if options.markdown:
        rows = [(case.name, case.title, figures) for case, figures in tables]
        text = with_tables(options.markdown.read_text(), machine, rows)
        options.markdown.write_text(text)
    missed = [one.name for _, figures in tables for one in figures if not one.holds]
    return 1 if broken or (missed and not options.quick) else 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    names = [one.name for one in CASES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="cases with commas between: " + ", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small and short: does it work?")
    parser.add_argument("--folder", help="where to put rooms and databases: the disk measured")
    parser.add_argument("--profiles", type=Path, help="a folder for what the server was seen doing")
    parser.add_argument("--markdown", type=Path, help="put the tables into this page")
    options = parser.parse_args(words)
    unknown = set((options.only or names[0]).split(",")) - set(names)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return options


def _print(case: Case, figures: Sequence[Figure], seconds: float) -> None:
    table = Table(title=f"{case.title} ({seconds:.0f} s)")
    for name in ("measured", "value", "goal", "verdict", "beside it, in the same run"):
        table.add_column(name, justify="right" if name in {"value", "goal"} else "left")
    for one in figures:
        table.add_row(
            one.name, f"{number(one.value)} {one.unit}", one.goal, one.verdict, one.beside
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
