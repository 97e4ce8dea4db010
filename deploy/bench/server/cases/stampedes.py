"""Everybody at once: log-ins, the start, the hand-ins."""

from __future__ import annotations

import time
from typing import Any

from deploy.bench.server.bench import Bench
from deploy.bench.server.figures import Figure, number, percentile, ratio
from deploy.bench.server.making import BenchRoom, Until
from deploy.bench.server.peers.running import bare_server
from deploy.bench.server.processes import generating, serving

LOG_INS = 2_000
STARTERS = 2_000
SUBMITTERS = 5_000
SUBMITTED_BYTES = 8_000


def measure_log_ins(bench: Bench) -> list[Figure]:
    """2,000 log-ins in one burst: TLS handshake, check, session, audit line."""
    room = bench.room(bench.size(LOG_INS), Until.ENROLLED)
    with generating(room.plan_file) as generator:
        with serving(room) as server:
            with bench.looked_at(server, "log-in"):
                facts = generator.ask("log_in", kiosks=room.kiosks, url=server.kiosk_url)
            server_cpu = server.cpu_s()
        bare = bare_connects(room, generator_room=room)
    bench.done_with(room)
    _all(facts["logged_in"], room, "logged in")
    return [
        Figure(
            name=f"{room.kiosks} log-ins in one burst, all in",
            value=facts["seconds"],
            unit="s",
            at_most=10,
            beside=f"{number(ratio(room.kiosks, facts['seconds']))}/s, "
            f"{number(1000 * ratio(server_cpu, room.kiosks))} ms of the server each; median "
            f"{number(percentile(facts['taken_s'], 0.5))} s; the bare server's connections "
            f"alone: {number(bare['seconds'])} s; Moodle: 10.8 log-ins a second (quoted)",
        )
    ]


def measure_start(bench: Bench) -> list[Figure]:
    """From the proctor's click to the first item at the last of 2,000 kiosks."""
    room = bench.room(bench.size(STARTERS), Until.PRESENT)
    with generating(room.plan_file) as generator, serving(room) as server:
        server.open_paper()
        with bench.looked_at(server, "attach"):
            connected = generator.ask("connect", kiosks=room.kiosks, url=server.kiosk_url)
        generator.ask("expect_begin", kiosks=room.kiosks)
        with server.person("proctor") as proctor, bench.looked_at(server, "start"):
            clicked_at = time.perf_counter()
            proctor.post("/proctor/start", page="/pairs")
            facts = generator.ask("wait_begin", kiosks=room.kiosks, clicked_at=clicked_at)
    bench.done_with(room)
    _all(facts["begun"], room, "began")
    opening_s = facts["opening_s"][-1]
    return [
        Figure(
            name=f"start: the proctor's click to the first item at the last of {room.kiosks}",
            value=facts["begun_s"][-1] + opening_s,
            unit="s",
            at_most=5,
            beside=f"median {number(percentile(facts['begun_s'], 0.5))} s; {number(opening_s)} s "
            f"of it is the slowest of {len(facts['opening_s'])} forms really opened, which each "
            "kiosk does on its own processor; attaching before took "
            f"{number(connected['seconds'])} s; Moodle: 8-16 starts a second (quoted)",
        )
    ]


def measure_submissions(bench: Bench) -> list[Figure]:
    """5,000 candidates hand in an essay of 8 kB within one second."""
    room = bench.room(bench.size(SUBMITTERS), Until.BEGUN)
    with generating(room.plan_file) as generator, serving(room) as server:
        server.open_paper()
        generator.ask("prepare_submit", kiosks=room.kiosks, payload_bytes=SUBMITTED_BYTES)
        generator.ask("connect", kiosks=room.kiosks, url=server.kiosk_url)
        with bench.looked_at(server, "submit"):
            facts = generator.ask("submit", kiosks=room.kiosks, within_s=1.0)
        generator.ask("check")
    bench.done_with(room)
    _all(facts["receipts"], room, "receipts")
    return [
        Figure(
            name=f"{room.kiosks} submissions of 8 kB in one second, all durable after",
            value=facts["durable_s"],
            unit="s",
            at_most=2.5,
            beside=f"sent within {number(facts['sent_s'])} s; every session closed and every "
            f"receipt back after {number(facts['receipts_s'])} s; Moodle: 21 a second (quoted)",
        )
    ]


def bare_connects(room: BenchRoom, *, generator_room: BenchRoom) -> dict[str, Any]:
    """How long the bare server takes for so many connections: TLS, upgrade, attach."""
    with generating(generator_room.plan_file) as generator, bare_server(room) as (url, _):
        generator.ask("prepare", kiosks=room.kiosks, saves=0, payload_bytes=200)
        return generator.ask("connect", kiosks=room.kiosks, url=url)


def _all(done: int, room: BenchRoom, what: str) -> None:
    if done != room.kiosks:
        message = f"only {done} of {room.kiosks}: {what}"
        raise RuntimeError(message)
