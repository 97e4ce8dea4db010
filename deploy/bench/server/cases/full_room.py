"""Five thousand kiosks: memory, latency, a restart after kill -9, and the way there (growth)."""

from __future__ import annotations

from deploy.bench.server.bench import Bench
from deploy.bench.server.cases.closed_loop import PAYLOAD_BYTES, p_ms, rate_of
from deploy.bench.server.cases.paced import INTERVAL_S, pace, prepare_pace
from deploy.bench.server.cases.stampedes import bare_connects
from deploy.bench.server.figures import Figure, number, percentile, ratio
from deploy.bench.server.making import BenchRoom, Until
from deploy.bench.server.processes import (
    GeneratorProcess,
    RunningServer,
    generating,
    serving,
    start_server,
)

KIOSKS = 5_000
SAVES_BEFORE = 20
"""So many saves of each kiosk are on the disk when the server is killed."""

GROWTH = (50, 100, 200, 500, 1_000, 2_000, 5_000)
_GROWTH_SECONDS = 3.0
_GROWTH_SAVES = 40_000  # shared by the kiosks of a step


def measure_full_room(bench: Bench) -> list[Figure]:
    """5,000 kiosks at the pace of people; then the server is killed, and all come back."""
    room = bench.room(bench.size(KIOSKS), Until.BEGUN)
    saves = 2 if bench.is_quick else SAVES_BEFORE
    bare = bare_connects(room, generator_room=room)
    with generating(room.plan_file) as generator:
        generator.ask("prepare", kiosks=room.kiosks, saves=saves, payload_bytes=PAYLOAD_BYTES)
        prepare_pace(bench, generator, room.kiosks)
        with serving(room) as server:
            server.open_paper()
            figures = _connected(bench, generator, room, server)
            generator.ask("send_all", kiosks=room.kiosks)
            generator.ask("check")
            server.kill()
        figures += _restarted(generator, room, bare_s=bare["seconds"])
    bench.done_with(room)
    return figures


def measure_growth(bench: Bench) -> list[Figure]:
    """The closed loop with 50 … 5,000 kiosks of one room."""
    room = bench.room(bench.size(KIOSKS), Until.BEGUN)
    steps = sorted({min(room.kiosks, bench.size(one)) for one in GROWTH})
    figures = []
    with generating(room.plan_file) as generator, serving(room) as server:
        server.open_paper()
        for kiosks in steps:
            saves = max(4, _GROWTH_SAVES // kiosks)
            generator.ask("prepare", kiosks=kiosks, saves=saves, payload_bytes=PAYLOAD_BYTES)
            generator.ask("connect", kiosks=kiosks, url=server.kiosk_url)
            cpu_s = server.cpu_s()
            facts = generator.ask(
                "closed_loop",
                kiosks=kiosks,
                seconds=bench.seconds(_GROWTH_SECONDS),
                warm_up_s=bench.seconds(0.5),
            )
            used_us = 1e6 * ratio(server.cpu_s() - cpu_s, facts["saves"])
            figures.append(
                Figure(
                    name=f"{kiosks} kiosks, closed loop",
                    value=rate_of(facts),
                    unit="saves/s",
                    beside=f"p50 {p_ms(facts, 0.5)}, p99 {p_ms(facts, 0.99)} ms; "
                    f"{number(used_us)} µs of the server a save; "
                    f"{number(server.rss_bytes() / 1e6)} MB",
                )
            )
    bench.done_with(room)
    return figures


def _connected(
    bench: Bench, generator: GeneratorProcess, room: BenchRoom, server: RunningServer
) -> list[Figure]:
    before = server.rss_bytes()
    connected = generator.ask("connect", kiosks=room.kiosks, url=server.kiosk_url)
    after = server.rss_bytes()
    facts = pace(bench, generator, room.kiosks)
    return [
        Figure(
            name=f"p99 of a save, {room.kiosks} kiosks each {INTERVAL_S:g} s",
            value=percentile(facts["latencies_ms"], 0.99),
            unit="ms",
            at_most=100,
            beside=f"p50 {p_ms(facts, 0.5)}, largest {p_ms(facts, 1.0)} ms; {facts['saves']} saves",
        ),
        Figure(
            name="server's memory a connection, with TLS",
            value=(after - before) / 1e3 / connected["connected"],
            unit="kB",
            at_most=60,
            beside=f"{number(before / 1e6)} MB before, {number(after / 1e6)} MB with "
            f"{connected['connected']} connected",
        ),
    ]


def _restarted(generator: GeneratorProcess, room: BenchRoom, *, bare_s: float) -> list[Figure]:
    server = start_server(room)
    try:
        back = generator.ask("connect", kiosks=room.kiosks, url=server.kiosk_url)
        checked = generator.ask("check")
    finally:
        server.kill()
    rate, bare_rate = ratio(back["connected"], back["seconds"]), ratio(room.kiosks, bare_s)
    return [
        Figure(
            name="kill -9, then serving again after",
            value=server.started_s,
            unit="s",
            at_most=3,
            beside=f"{room.kiosks} kiosks, {checked['acknowledgements']} acknowledged saves on "
            "the disk, none lost",
        ),
        Figure(
            name=f"all {room.kiosks} connected and attached again after",
            value=back["seconds"],
            unit="s",
            at_most=30,
            beside=f"{back['connected']} back in {back['tries']} tries; kiosks of this bench do "
            "not spread themselves, real ones do",
        ),
        Figure(
            name="… of the bare server's rate of connecting",
            value=100 * ratio(rate, bare_rate),
            unit="%",
            at_least=60,
            beside=f"{number(rate)}/s, bare: {number(bare_rate)}/s",
        ),
    ]
