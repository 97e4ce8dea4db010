"""How many durable saves a second, when each kiosk waits for its acknowledgement?"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.bench.server.bench import Bench
from deploy.bench.server.figures import Figure, number, percentile, ratio
from deploy.bench.server.making import BenchRoom, Until
from deploy.bench.server.peers.running import bare_server, naive_closed_loop
from deploy.bench.server.processes import (
    GeneratorProcess,
    generating,
    serving,
    threads_cpu_s,
)
from deploy.bench.server.sampling import sampled
from deploy.bench.server.slow_sync import slow_sync_environment

KIOSKS = 500
PAYLOAD_BYTES = 200
MOODLE_SAVES_A_SECOND = 72  # quoted from the project's notes; Moodle is not part of this run
_SECONDS = 6.0
_WARM_UP_S = 1.0
_QUICK_SAVES = 200
_SAVES_A_SECOND_MAX = 15_000  # frames are made for so many


def measure_closed_loop(bench: Bench) -> list[Figure]:
    """Our server, the bare one and the naive one, one after another, with the same frames."""
    room = bench.room(bench.size(KIOSKS), Until.BEGUN)
    with generating(room.plan_file) as generator:
        prepare_frames(bench, generator, room.kiosks)
        ours = ours_closed_loop(bench, generator, room)
        bare = _bare_closed_loop(bench, generator, room, verifies=False)
        verifying = _bare_closed_loop(bench, generator, room, verifies=True)
    naive = naive_closed_loop(room, clients=room.kiosks, seconds=bench.seconds(_SECONDS))
    bench.done_with(room)
    rate = rate_of(ours)
    return [
        Figure(
            name=f"durable saves a second, {room.kiosks} kiosks, closed loop",
            value=rate,
            unit="/s",
            at_least=100 * MOODLE_SAVES_A_SECOND,
            beside=f"{number(ratio(rate, MOODLE_SAVES_A_SECOND))} × Moodle's 72/s (quoted); "
            f"p50 {p_ms(ours, 0.5)}, p99 {p_ms(ours, 0.99)} ms; "
            f"{number(ratio(ours['saves'], ours['commits']))} saves a commit",
        ),
        Figure(
            name="… of the bare server's",
            value=100 * ratio(rate, rate_of(bare)),
            unit="%",
            at_least=50,
            beside=f"bare: {number(rate_of(bare))}/s, p99 {p_ms(bare, 0.99)} ms; when it checks "
            f"every signature, too: {number(rate_of(verifying))}/s",
        ),
        Figure(
            name="… of the naive server's",
            value=ratio(rate, rate_of(naive)),
            unit="×",
            at_least=40,
            beside=f"FastAPI, ORM session, commit a save: {number(rate_of(naive))}/s, "
            f"p99 {p_ms(naive, 0.99)} ms",
        ),
        Figure(
            name="server's processor time for a save",
            value=cpu_us(ours),
            unit="µs",
            beside=f"busiest threads: {_shares(ours)} of a core; bare: {number(cpu_us(bare))} µs",
        ),
        Figure(
            name="generator's share of a core",
            value=100 * ours["generator_cpu"],
            unit="%",
            beside="it shares the two cores with the server; against the bare server: "
            f"{100 * bare['generator_cpu']:.0f} %",
        ),
    ]


def measure_slow_sync(bench: Bench) -> list[Figure]:
    """With and without 10 ms added to every sync of the server, by a preloaded library."""
    kiosks = bench.size(KIOSKS)
    rooms = [bench.room(kiosks, Until.BEGUN) for _ in range(2)]
    slow_sync = slow_sync_environment(bench.folder, delay_ms=10)
    with generating(rooms[0].plan_file) as generator:
        prepare_frames(bench, generator, kiosks)
        fast = ours_closed_loop(bench, generator, rooms[0])
        slow = ours_closed_loop(bench, generator, rooms[1], env=slow_sync)
    for room in rooms:
        bench.done_with(room)
    return [
        Figure(
            name="with 10 ms added to every sync, of the rate without",
            value=100 * ratio(rate_of(slow), rate_of(fast)),
            unit="%",
            at_least=60,
            beside=f"{number(rate_of(slow))}/s of {number(rate_of(fast))}/s; "
            f"p99 {p_ms(slow, 0.99)} ms; {number(ratio(slow['saves'], slow['commits']))} saves "
            "a commit",
        )
    ]


def prepare_frames(bench: Bench, generator: GeneratorProcess, kiosks: int) -> None:
    """Make as many saves as the fastest server could take."""
    saves = int(_SAVES_A_SECOND_MAX * (_SECONDS + _WARM_UP_S) / kiosks)
    generator.ask(
        "prepare",
        kiosks=kiosks,
        saves=_QUICK_SAVES if bench.is_quick else saves,
        payload_bytes=PAYLOAD_BYTES,
    )


def ours_closed_loop(
    bench: Bench,
    generator: GeneratorProcess,
    room: BenchRoom,
    *,
    env: Mapping[str, str] | None = None,
    words: Sequence[str] = (),
    samples_into: Path | None = None,
) -> dict[str, Any]:
    """Our server with its paper open, every kiosk of the room in the loop.

    Args:
        bench: The run.
        generator: With frames prepared; rewound at the end.
        room: Fresh.
        env: Added to the server's environment.
        words: Added to `exam-server serve`.
        samples_into: Where to put what the server was seen doing.
    """
    with serving(room, env=env, words=words) as server:
        server.open_paper()
        pid = server.process.pid
        looking = sampled(pid, samples_into) if samples_into else contextlib.nullcontext()
        with looking:
            facts = _loop(bench, generator, room, server.kiosk_url, pid)
        facts["commits"] = generator.ask("check_measured")["commits"]
        generator.ask("rewind")
    return facts


def rate_of(facts: Mapping[str, Any]) -> float:
    """Saves a second."""
    return ratio(facts["saves"], facts["seconds"])


def cpu_us(facts: Mapping[str, Any]) -> float:
    """The server's processor time for one save."""
    return 1e6 * ratio(sum(facts["threads"].values()), facts["saves"])


def p_ms(facts: Mapping[str, Any], share: float) -> str:
    """A percentile of the latencies, for a sentence."""
    return number(percentile(facts["latencies_ms"], share))


def _bare_closed_loop(
    bench: Bench, generator: GeneratorProcess, room: BenchRoom, *, verifies: bool
) -> dict[str, Any]:
    with bare_server(room, verifies=verifies) as (url, pid):
        facts = _loop(bench, generator, room, url, pid)
        generator.ask("rewind")
    return facts


def _loop(
    bench: Bench, generator: GeneratorProcess, room: BenchRoom, url: str, pid: int
) -> dict[str, Any]:
    generator.ask("connect", kiosks=room.kiosks, url=url)
    before = threads_cpu_s(pid)
    facts = generator.ask(
        "closed_loop",
        kiosks=room.kiosks,
        seconds=bench.seconds(_SECONDS),
        warm_up_s=bench.seconds(_WARM_UP_S),
    )
    after = threads_cpu_s(pid)
    facts["threads"] = {name: used - before.get(name, 0.0) for name, used in after.items()}
    return facts


def _shares(facts: Mapping[str, Any]) -> str:
    largest = sorted(facts["threads"].values(), reverse=True)[:3]
    return ", ".join(f"{100 * used / facts['seconds']:.0f} %" for used in largest)
