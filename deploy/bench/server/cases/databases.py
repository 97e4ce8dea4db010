"""PostgreSQL instead of SQLite: one process, and two where the server offers them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.bench.server.bench import Bench
from deploy.bench.server.cases.closed_loop import (
    KIOSKS,
    ours_closed_loop,
    p_ms,
    prepare_frames,
    rate_of,
)
from deploy.bench.server.figures import Figure, number, ratio
from deploy.bench.server.making import Until, make_room
from deploy.bench.server.postgres import own_postgres
from deploy.bench.server.processes import generating


def measure_postgres(bench: Bench) -> list[Figure]:
    """The closed loop on SQLite, on PostgreSQL, and with two processes on PostgreSQL."""
    kiosks = bench.size(KIOSKS)
    room = bench.room(kiosks, Until.BEGUN)
    with generating(room.plan_file) as generator:
        prepare_frames(bench, generator, kiosks)
        sqlite = ours_closed_loop(bench, generator, room)
    bench.done_with(room)
    with own_postgres() as postgres:
        one = _on(bench, postgres.database("one"), "one")
        two = _on(bench, postgres.database("two"), "two", workers=2) if _has_workers() else None
    figures = [
        Figure(
            name=f"saves a second on PostgreSQL, one process, {kiosks} kiosks, of SQLite's",
            value=100 * ratio(rate_of(one), rate_of(sqlite)),
            unit="%",
            at_least=100,
            beside=f"{number(rate_of(one))}/s (p99 {p_ms(one, 0.99)} ms), SQLite "
            f"{number(rate_of(sqlite))}/s; PostgreSQL's own processes share the cores",
        )
    ]
    if two is not None:
        figures.append(
            Figure(
                name="two processes on PostgreSQL, of one",
                value=ratio(rate_of(two), rate_of(one)),
                unit="×",
                at_least=1.5,
                beside=f"{number(rate_of(two))}/s, p99 {p_ms(two, 0.99)} ms",
            )
        )
    return figures


def _on(bench: Bench, url: str, name: str, *, workers: int = 1) -> dict[str, Any]:
    room = make_room(
        bench.folder / f"postgres-{name}",
        kiosks=bench.size(KIOSKS),
        until=Until.BEGUN,
        database_url=url,
    )
    words = ("--workers", str(workers)) if workers > 1 else ()
    with generating(room.plan_file) as generator:
        prepare_frames(bench, generator, room.kiosks)
        return ours_closed_loop(bench, generator, room, words=words)


def _has_workers() -> bool:
    program = Path(sys.executable).parent / "exam-server"
    told = subprocess.run([program, "serve", "--help"], capture_output=True, text=True, check=True)
    return "--workers" in told.stdout
