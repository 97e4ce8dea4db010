"""People at their pages while candidates write: real HTTPS, in threads of the orchestrator."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2

from deploy.bench.server.processes import RunningServer
from deploy.demo.browser import Person

_PAGES = ("/proctor", "/proctor/state", "/kiosks", "/pairs")


@dataclass(slots=True)
class Work:
    """What the people got to see, and how long a page took."""

    pages_s: list[float] = field(default_factory=list)
    event_bytes: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def pages_at_work(server: RunningServer, *, watchers: int, readers: int) -> Iterator[Work]:
    """So many proctors watch the seat map's events, and so many turn pages, once a second each."""
    work = Work()
    people = [server.person("proctor") for _ in range(watchers + readers)]
    threads = [
        threading.Thread(target=_watch if place < watchers else _read, args=(person, work))
        for place, person in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    try:
        yield work
    finally:
        work.is_over.set()
        for thread in threads:
            thread.join()
        for person in people:
            person.close()


def _watch(person: Person, work: Work) -> None:
    with person.stream("/proctor/events") as events:
        for chunk in events:
            work.event_bytes += len(chunk)
            if work.is_over.is_set():
                return


def _read(person: Person, work: Work) -> None:
    place = 0
    while not work.is_over.wait(1.0):
        began = time.perf_counter()
        try:
            person.get(_PAGES[place % len(_PAGES)])
        except httpx2.HTTPError:
            continue
        work.pages_s.append(time.perf_counter() - began)
        place += 1
