"""Many changes in one commit: each by itself accepted or refused, all lost with the commit."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from exam_core.errors import ExamError, StateError, StorageError
from exam_core.model.identifiers import SeatId
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.audit_draft import AuditDraft, AuditRecorder
from exam_server.folder import STORAGE_FAILED, STORAGE_FULL
from exam_server.room.grouping import GroupedChanges
from exam_server.room.services import alarms
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store, sqlite_url
from exam_server.store.migrations import migrate
from tests.support.fake_clock import FakeClock

FULL = StorageError(STORAGE_FULL, "磁盘已满")
GOOD, REFUSED, BROKEN_RULE, BUG = "good", "refused", "rule", "bug"


class Trail(AuditTrail):
    """A log that fails when the test says so."""

    failure: StorageError | None = None

    def append(self, draft: AuditDraft) -> None:
        """Append, or fail."""
        if self.failure:
            raise self.failure
        super().append(draft)


class Bench:
    """Grouped changes over a real database and log; each change is an alarm with its number."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = Store(sqlite_url(folder / "room.db"))
        migrate(self.store, "accounts", "room")
        self.trail = Trail(folder / "audit.jsonl", self.clock)
        self.shown: list[str] = []
        self.told: list[str] = []
        self.renew()

    def renew(self) -> None:
        """In the loop that runs now."""
        self.turn = asyncio.Lock()
        self.changes = GroupedChanges(
            self.store,
            self.trail,
            self.turn,
            self.in_thread,
            lambda error: self.told.append(error.code),
        )

    async def in_thread(self, work: Callable[[Any], Any], argument: Any) -> Any:
        """In the same thread: the order of things is the test's."""
        await asyncio.sleep(0)
        return work(argument)

    async def make(self, kind: str, code: str) -> str:
        """One change of a kind; returns how it ended."""

        def work(db: Db, log: AuditRecorder) -> str:
            alarms.raise_alarm(db, log, self.clock, seat_id=SeatId("A01"), code=code, message="")
            if kind == REFUSED:
                raise StateError("session.state", "不行")
            if kind == BROKEN_RULE:
                db.add(tables.SeatRow(seat_id="A01", failed_tries=0, is_locked=False))
            if kind == BUG:
                raise ValueError("a fault of ours")
            return code

        def show(made: str) -> str:
            self.shown.append(made)
            return made

        try:
            return await self.changes.make(work, show)
        except ExamError as error:
            return error.code
        except Exception as error:  # noqa: BLE001  what the caller would get
            return type(error).__name__

    def codes_on_disk(self) -> list[str]:
        """What the database has, in its order."""
        with self.store.connection() as connection:
            return list(connection.scalars(text("SELECT code FROM alarm ORDER BY alarm_id")))

    def codes_in_log(self) -> list[str]:
        """What the log has, in its order."""
        return [line.split(b'"code":"')[1].split(b'"')[0].decode() for line in self.trail.lines()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An empty room with one seat; no group runs out of time on a busy machine."""
    monkeypatch.setattr(limits, "group_work_ms_max", 60_000)
    bench = Bench(tmp_path)
    with bench.store.transaction() as db:
        db.add(tables.SeatRow(seat_id="A01", failed_tries=0, is_locked=False))
    return bench


ENDS = {GOOD: "", REFUSED: "session.state", BROKEN_RULE: "IntegrityError", BUG: "ValueError"}


@given(
    groups=st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from(sorted(ENDS)), max_size=6)), max_size=5
    )
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_groups_do_what_the_model_says(bench: Bench, groups: list[tuple[bool, list[str]]]) -> None:
    """Database, log and memory hold exactly what was answered as done, in the order asked."""

    async def scene() -> None:
        bench.renew()
        before = bench.codes_on_disk()
        expected: list[str] = []
        bench.shown.clear()
        for number, (is_full, kinds) in enumerate(groups):
            bench.trail.failure = FULL if is_full else None
            codes = [f"{len(before)}.{number}.{place}" for place in range(len(kinds))]
            ends = await asyncio.gather(*map(bench.make, kinds, codes))
            # A full disk fails the group, but who was refused before may be told either.
            wanted = [
                STORAGE_FULL if is_full else ENDS[kind] or code
                for kind, code in zip(kinds, codes, strict=True)
            ]
            if is_full and not any(kind == GOOD for kind in kinds):
                continue  # nothing was to be written: nothing failed
            assert ends == wanted
            if not is_full:
                expected += [code for kind, code in zip(kinds, codes, strict=True) if kind == GOOD]
        bench.trail.failure = None
        assert bench.shown == expected
        assert bench.codes_on_disk() == before + expected
        assert bench.codes_in_log() == before + expected

    bench.trail.failure = None
    asyncio.run(scene())


def test_a_burst_costs_one_group(bench: Bench) -> None:
    """Not a transaction and a sync for each."""

    async def scene() -> None:
        bench.renew()
        async with bench.turn:
            first = [asyncio.create_task(bench.make(GOOD, str(one))) for one in range(50)]
            await asyncio.sleep(0)
        await asyncio.gather(*first)

    asyncio.run(scene())

    assert bench.changes.groups == 1
    assert bench.codes_on_disk() == [str(one) for one in range(50)]


def test_a_group_ends_when_its_time_is_used_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saves need the database too; the rest goes on in the next group, in order."""
    monkeypatch.setattr(limits, "group_work_ms_max", 0)

    async def scene() -> None:
        bench.renew()
        await asyncio.gather(*(bench.make(GOOD, str(one)) for one in range(5)))

    asyncio.run(scene())

    assert bench.changes.groups == 5
    assert bench.shown == [str(one) for one in range(5)]


def test_who_gave_up_before_its_group_leaves_nothing(bench: Bench) -> None:
    """A kiosk that is gone has not logged in; its neighbours have."""

    async def scene() -> None:
        bench.renew()
        async with bench.turn:
            tasks = [asyncio.create_task(bench.make(GOOD, str(one))) for one in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scene())

    assert bench.codes_on_disk() == bench.shown == ["0", "2"]


def test_who_gave_up_after_the_commit_began_is_shown(bench: Bench) -> None:
    """Memory follows the database, whoever waits for the answer."""

    async def scene() -> None:
        bench.renew()
        task = asyncio.create_task(bench.make(GOOD, "1"))
        for _ in range(2):  # the change is asked for, its group begins
            await asyncio.sleep(0)
        assert bench.turn.locked()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bench.changes.finish()

    asyncio.run(scene())

    assert bench.codes_on_disk() == bench.shown == ["1"]


def test_a_fault_in_showing_is_the_callers_own(bench: Bench) -> None:
    """The next one in the group is shown all the same."""

    async def scene() -> list[object]:
        bench.renew()

        def fail(_: object) -> None:
            raise ValueError("a fault of ours")

        wrong = bench.changes.make(lambda *_: None, fail)
        return list(await asyncio.gather(wrong, bench.make(GOOD, "2"), return_exceptions=True))

    wrong, right = asyncio.run(scene())

    assert isinstance(wrong, ValueError)
    assert right == "2"


def test_one_change_in_the_turn_is_whole_or_nothing(bench: Bench) -> None:
    """Who holds the turn does not wait for a group; a full log undoes the change."""

    async def scene() -> None:
        bench.renew()

        def work(db: Db, log: AuditRecorder) -> int:
            return alarms.raise_alarm(
                db, log, bench.clock, seat_id=SeatId("A01"), code="x", message=""
            )

        async with bench.turn:
            assert await bench.changes.make_in_turn(work) == 1
            bench.trail.failure = FULL
            with pytest.raises(StorageError, match=STORAGE_FULL):
                await bench.changes.make_in_turn(work)

    asyncio.run(scene())

    assert bench.codes_on_disk() == bench.codes_in_log() == ["x"]


def test_after_a_failed_sync_nothing_is_taken_any_more(bench: Bench) -> None:
    """A full disk may be tried again; what else failed is unknown, and somebody is told."""

    async def scene() -> list[str]:
        bench.renew()
        bench.trail.failure = StorageError(STORAGE_FAILED, "写入失败")
        ends = [await bench.make(GOOD, "1")]
        bench.trail.failure = None
        return [*ends, await bench.make(GOOD, "2")]

    assert asyncio.run(scene()) == [STORAGE_FAILED] * 2
    assert bench.told == [STORAGE_FAILED]
    assert bench.codes_on_disk() == []
