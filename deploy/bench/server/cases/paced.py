"""How long does a save take when the room writes as people do: one each five seconds?"""

from __future__ import annotations

from typing import Any

from deploy.bench.server.bench import Bench
from deploy.bench.server.cases.closed_loop import PAYLOAD_BYTES, p_ms
from deploy.bench.server.figures import Figure, number, percentile, ratio
from deploy.bench.server.making import Until
from deploy.bench.server.pages import pages_at_work
from deploy.bench.server.processes import GeneratorProcess, generating, serving

KIOSKS = 500
INTERVAL_S = 5.0
WATCHERS, READERS = 4, 4
_SECONDS = 20.0
_WARM_UP_S = 5.0


def measure_paced(bench: Bench) -> list[Figure]:
    """500 kiosks, without and with people at their pages."""
    room = bench.room(bench.size(KIOSKS), Until.BEGUN)
    with generating(room.plan_file) as generator, serving(room) as server:
        server.open_paper()
        prepare_pace(bench, generator, room.kiosks, runs=2)
        generator.ask("connect", kiosks=room.kiosks, url=server.kiosk_url)
        quiet = pace(bench, generator, room.kiosks)
        with (
            pages_at_work(server, watchers=WATCHERS, readers=READERS) as work,
            bench.looked_at(server, "pages"),
        ):
            busy = pace(bench, generator, room.kiosks)
        checked = generator.ask("check")
    bench.done_with(room)
    pages_ms = sorted(1000 * one for one in work.pages_s)
    return [
        Figure(
            name=f"p99 of a save, {room.kiosks} kiosks each {INTERVAL_S:g} s, pages at work",
            value=percentile(busy["latencies_ms"], 0.99),
            unit="ms",
            at_most=50,
            beside=f"p50 {p_ms(busy, 0.5)}, largest {p_ms(busy, 1.0)} ms; without pages p99 "
            f"{p_ms(quiet, 0.99)} ms; {WATCHERS} proctors watch the seat map "
            f"({number(ratio(work.event_bytes, busy['seconds']))} bytes/s), {READERS} turn pages "
            f"(p99 {number(percentile(pages_ms, 0.99))} ms); {busy['skipped']} saves were due "
            f"before the one before was kept; {checked['acknowledgements']} proofs checked. "
            "Markers' pages are another program (`exam-server grade`), never in this process",
        )
    ]


def prepare_pace(bench: Bench, generator: GeneratorProcess, kiosks: int, *, runs: int = 1) -> None:
    """Make the saves of so many paced runs."""
    seconds = bench.seconds(_SECONDS) + bench.seconds(_WARM_UP_S)
    saves = runs * (int(seconds / INTERVAL_S) + 2)
    generator.ask("prepare", kiosks=kiosks, saves=saves, payload_bytes=PAYLOAD_BYTES)


def pace(bench: Bench, generator: GeneratorProcess, kiosks: int) -> dict[str, Any]:
    """One paced run."""
    return generator.ask(
        "paced",
        kiosks=kiosks,
        seconds=bench.seconds(_SECONDS),
        interval_s=INTERVAL_S,
        warm_up_s=bench.seconds(_WARM_UP_S),
    )
