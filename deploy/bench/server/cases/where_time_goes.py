"""Where does a save's time go? The closed loop again, looked at from outside."""

from __future__ import annotations

from deploy.bench.server.bench import Bench
from deploy.bench.server.cases.closed_loop import KIOSKS, ours_closed_loop, prepare_frames, rate_of
from deploy.bench.server.figures import Figure, number, ratio
from deploy.bench.server.making import Until
from deploy.bench.server.processes import generating
from deploy.bench.server.sampling import read_samples, shares

_SHOWN = 8


def measure_shares(bench: Bench) -> list[Figure]:
    """The loop's thread by parts; the others by how busy they were."""
    room = bench.room(bench.size(KIOSKS), Until.BEGUN)
    into = bench.folder / "closed-loop.folded"
    with generating(room.plan_file) as generator:
        prepare_frames(bench, generator, room.kiosks)
        facts = ours_closed_loop(bench, generator, room, samples_into=into)
    bench.done_with(room)
    threads = facts["threads"]
    busy = ", ".join(
        f"{name.split()[0]} {100 * used / facts['seconds']:.0f} %"
        for name, used in sorted(threads.items(), key=lambda one: -one[1])[:4]
    )
    figures = [
        Figure(
            name="saves a second while looked at",
            value=rate_of(facts),
            unit="/s",
            beside=f"threads, of a core: {busy}; "
            f"{number(ratio(facts['saves'], facts['commits']))} saves a commit",
        )
    ]
    figures += [
        Figure(name=f"the loop's thread: {part}", value=100 * share, unit="%")
        for part, share in shares(read_samples(into), thread="MainThread")[:_SHOWN]
    ]
    return figures
