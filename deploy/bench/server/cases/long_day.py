"""Three hours of 500 kiosks, compressed: does memory stay, what does a save cost on the disk?"""

from __future__ import annotations

from deploy.bench.server.bench import Bench
from deploy.bench.server.figures import Figure, number, ratio
from deploy.bench.server.making import BenchRoom, Until
from deploy.bench.server.processes import generating, serving

KIOSKS = 500
HOURS = 3
INTERVAL_S = 5
SAVES_A_KIOSK = HOURS * 3600 // INTERVAL_S
PAYLOAD_BYTES = 200
_CHUNKS = 12
_QUICK_SAVES = 48


def measure_long_day(bench: Bench) -> list[Figure]:
    """All saves of three hours in closed loops, a quarter of an hour's each; the first is to warm.

    What lies between saves is left out: so many saves, as fast as they go.
    """
    room = bench.room(bench.size(KIOSKS), Until.BEGUN)
    saves = _QUICK_SAVES if bench.is_quick else SAVES_A_KIOSK
    empty_bytes, seconds, kept = _size(room, "room.db"), 0.0, 0
    memory: list[int] = []
    with generating(room.plan_file) as generator, serving(room) as server:
        server.open_paper()
        for _ in range(_CHUNKS):
            generator.ask(
                "prepare",
                kiosks=room.kiosks,
                saves=saves // _CHUNKS,
                payload_bytes=PAYLOAD_BYTES,
            )
            generator.ask("connect", kiosks=room.kiosks, url=server.kiosk_url)
            facts = generator.ask("send_all", kiosks=room.kiosks)
            kept += generator.ask("check_measured")["acknowledgements"]
            generator.ask("forget_sent")
            seconds += facts["seconds"]
            memory.append(server.rss_bytes())
    grown_mb = (max(memory) - memory[0]) / 1e6
    database_bytes = _size(room, "room.db") - empty_bytes
    log_bytes = _size(room, "room.db-wal")
    bench.done_with(room)
    factor = ratio(HOURS * 3600, seconds)
    return [
        Figure(
            name=f"memory grown over {kept} saves of {room.kiosks} kiosks",
            value=grown_mb,
            unit="MB",
            at_most=20,
            beside=f"{HOURS} hours at one save each {INTERVAL_S} s, compressed {factor:.0f} × to "
            f"{seconds:.0f} s; {number(memory[0] / 1e6)} MB after the first twelfth, "
            f"{number(memory[-1] / 1e6)} MB at the end",
        ),
        Figure(
            name="database for a save whose entry has 200 bytes",
            value=ratio(database_bytes, kept),
            unit="bytes",
            at_most=500,
            beside="its frame has 328: the entry, the chain's head, the kiosk's signature, the "
            f"seal; {number(database_bytes / 1e6)} MB in the database after the stop, "
            f"{number(log_bytes / 1e6)} MB in its write-ahead log, whatever the number of saves",
        ),
    ]


def _size(room: BenchRoom, name: str) -> int:
    file = room.folder.path / name
    return file.stat().st_size if file.exists() else 0
