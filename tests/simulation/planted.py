"""Faults put into the product on purpose: the simulation has to find each of them.

Each takes one line of thought out of the code, as a plausible mistake would.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from exam_client.session import order_gate
from exam_core.formats import journal_merge
from exam_core.formats.journal_merge import PlacedEntry
from exam_server.room.core import RoomCore
from exam_server.room.intake import Intake
from exam_server.room.kiosks import Kiosks
from exam_server.room.live import LiveSession
from exam_server.room.saving.writer import FrameWriter
from tests.support.memory_files import MemoryFile

Plant = Callable[[], AbstractContextManager[Any]]


def _acknowledges_before_the_commit() -> AbstractContextManager[Any]:
    commit = FrameWriter._commit

    def later(writer: FrameWriter, batches: Any) -> None:
        assert writer._loop is not None
        writer._loop.call_later(0.05, commit, writer, batches)

    return mock.patch.object(FrameWriter, "_commit", later)


def _keeps_what_a_failed_commit_took() -> AbstractContextManager[Any]:
    return mock.patch.object(Intake, "forget_uncommitted", return_value=None)


def _sends_nothing_back() -> AbstractContextManager[Any]:
    async def nothing(*_: object) -> None:
        return

    return mock.patch.object(Kiosks, "_restore", nothing)


def _ignores_epochs() -> AbstractContextManager[Any]:
    def by_number(entries: Iterable[PlacedEntry]) -> list[PlacedEntry]:
        return sorted(entries, key=lambda placed: (placed.seq, placed.epoch))

    return mock.patch.object(journal_merge, "_in_order", by_number)


def _obeys_what_it_obeyed() -> AbstractContextManager[Any]:
    return mock.patch.object(order_gate, "check_order", return_value=None)


def _confirms_what_is_not_on_disk() -> AbstractContextManager[Any]:
    def awaits(session: LiveSession) -> bool:
        return session.submit_entry is not None and not session.receipt

    return mock.patch.object(LiveSession, "awaits_receipt", property(awaits))


def _keeps_without_a_sync() -> AbstractContextManager[Any]:
    return mock.patch.object(MemoryFile, "sync", return_value=None)


def _asks_the_wall_clock() -> AbstractContextManager[Any]:
    return mock.patch.object(RoomCore, "now_ms", lambda core: core.clock.utc_ms())


PLANTED: dict[str, Plant] = {
    "acknowledges before the commit": _acknowledges_before_the_commit,
    "keeps what a failed commit took": _keeps_what_a_failed_commit_took,
    "sends nothing back to a machine that lacks it": _sends_nothing_back,
    "ignores the order of epochs": _ignores_epochs,
    "obeys an order that it had obeyed": _obeys_what_it_obeyed,
    "confirms a hand-in that is not on disk": _confirms_what_is_not_on_disk,
    "calls kept what was never synced": _keeps_without_a_sync,
    "counts working time by the wall clock": _asks_the_wall_clock,
}
