"""Many small changes of the room in one commit: log-ins, attaches, stages, alarms, hand-ins.

What comes while a group is being committed makes up the next one, so a stampede costs a sync for
each group and not for each kiosk. Each member succeeds or is refused by itself; when the commit
fails, all of the group fail, loudly. Memory is changed after the commit and in its order. Event
loop only; the database is worked on in a thread, a few milliseconds at a time, because saves need
it too.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from exam_core.errors import StorageError
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.audit_draft import AuditDraft, AuditRecorder
from exam_server.folder import STORAGE_FAILED
from exam_server.store.engine import Db, Store
from exam_server.store.savepoints import attempt, written_together

_T = TypeVar("_T")
_R = TypeVar("_R")


class InThread(Protocol):
    """Runs blocking work off the loop."""

    def __call__(self, work: Callable[[Any], Any], argument: Any, /) -> Awaitable[Any]:
        """What `work` returns or raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    work: Callable[[Db, AuditRecorder], Any]
    show: Callable[[Any], Any]
    answer: asyncio.Future[Any]


class GroupedChanges:
    """Commits changes in groups, one group at a time, in the order in which they were asked for.

    Args:
        store: The room's database.
        trail: Gets the lines of a group in one sync, before the group is committed.
        turn: Held from the beginning of a group until memory shows it.
        in_thread: Runs the work on the database.
        on_broken: Told once when nothing is taken any more, and why.
    """

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        turn: asyncio.Lock,
        in_thread: InThread,
        on_broken: Callable[[StorageError], None],
    ) -> None:
        self._store = store
        self._trail = trail
        self._turn = turn
        self._in_thread = in_thread
        self._on_broken = on_broken
        self._waiting: deque[_Member] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._broken: StorageError | None = None
        self.groups = 0

    async def make(self, work: Callable[[Db, AuditRecorder], _T], show: Callable[[_T], _R]) -> _R:
        """Make one change durable, then show it in memory; returns what `show` returns.

        Args:
            work: Decides and writes, in a thread, inside the group's transaction; may be called a
                second time after its writes were undone, so it changes nothing else. What it
                raises undoes its own writes and lines and is raised here; the others go on.
            show: Called in the loop after the commit, also when the caller is gone by then.

        Raises:
            StorageError: `storage.full`, `database.unreachable`: nothing of the group is done, try
                again. `storage.failed`: the same, and on SQLite nothing is taken until a restart:
                what a failed sync left on the disk is unknown.
        """
        if self._broken:
            raise _copy(self._broken)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Member(work=work, show=show, answer=answer))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        result: _R = await answer
        return result

    async def make_in_turn(self, work: Callable[[Db, AuditRecorder], _T]) -> _T:
        """One change by itself, for who holds the turn already: a group would wait for it.

        Raises:
            StorageError: `storage.full`, `storage.failed`: nothing of it is on disk.
        """
        outcome: _T = await self._in_thread(self._commit_one, work)
        return outcome

    async def finish(self) -> None:
        """Return when nothing waits any more."""
        while self._runner is not None:
            await asyncio.wait([self._runner])

    async def _run(self) -> None:
        try:
            while self._waiting:
                async with self._turn:
                    await self._commit_next()
        finally:
            self._runner = None
            while self._waiting:  # only when the loop is being torn down
                self._waiting.popleft().answer.cancel()

    async def _commit_next(self) -> None:
        # Who gave up waiting is left out: nothing of it has been done yet.
        group = [one for one in self._waiting if not one.answer.cancelled()]
        self._waiting.clear()
        if not group:
            return
        try:
            outcomes: list[Any] = await self._in_thread(self._commit, group)
        except Exception as error:  # noqa: BLE001  it is every member's error
            failure = _storage_error(error)
            if failure.code == STORAGE_FAILED and self._store.is_sqlite:
                self._broken = failure
                self._on_broken(failure)
            for member in group:
                _answer(member, _copy(failure))
            return
        except asyncio.CancelledError:  # the loop is being torn down
            for member in group:
                member.answer.cancel()
            raise
        self.groups += 1
        self._waiting.extendleft(reversed(group[len(outcomes) :]))
        for member, outcome in zip(group, outcomes, strict=False):
            _show(member, outcome)

    def _commit_one(self, work: Callable[[Db, AuditRecorder], Any]) -> Any:
        draft = AuditDraft()
        with self._store.transaction() as db:
            outcome = work(db, draft)
            db.flush()  # what the tables refuse is known before the log speaks of it
            self._trail.append(draft)
        return outcome

    def _commit(self, group: list[_Member]) -> list[Any]:
        """The outcomes of the first members: as many as there was time for, at least one."""
        try:
            return self._commit_together(group)
        except StorageError:
            raise
        except Exception:  # noqa: BLE001  one of them is refused; which, the second pass finds out
            return self._commit_each(group)

    def _commit_together(self, group: list[_Member]) -> list[Any]:
        """As if none were refused, which is nearly always so; else raises, and nothing is done."""
        draft = AuditDraft()
        with self._store.transaction() as db:
            with written_together(db):
                outcomes = [one.work(db, draft) for one in _in_time(group)]
            self._trail.append(draft)
        return outcomes

    def _commit_each(self, group: list[_Member]) -> list[Any]:
        """Each within a savepoint: who is refused is undone alone."""
        outcomes: list[Any] = []
        draft = AuditDraft()
        with self._store.transaction() as db:
            for member in _in_time(group):
                lines = len(draft.lines)
                outcome = attempt(db, partial(member.work, db, draft))
                if isinstance(outcome, Exception):
                    draft.forget_from(lines)
                outcomes.append(outcome)
            self._trail.append(draft)
        return outcomes


def _in_time(group: list[_Member]) -> Iterator[_Member]:
    """The first of the group, and those after it as long as there is time."""
    until_ns = time.monotonic_ns() + limits.group_work_ms_max * 1_000_000
    for place, member in enumerate(group):
        if place and time.monotonic_ns() >= until_ns:
            return
        yield member


def _show(member: _Member, outcome: Any) -> None:
    if isinstance(outcome, Exception):
        _answer(member, outcome)
        return
    try:
        shown = member.show(outcome)
    except Exception as error:  # noqa: BLE001  the caller's own; the others are shown all the same
        _answer(member, error)
    else:
        if not member.answer.done():
            member.answer.set_result(shown)


def _storage_error(error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    failure = StorageError(STORAGE_FAILED, "数据库写入失败", reason=repr(error))
    failure.__cause__ = error
    return failure


def _copy(error: StorageError) -> StorageError:
    """One for each caller: each is raised somewhere else."""
    own = StorageError(error.code, error.message, **error.facts)
    own.__cause__ = error
    return own


def _answer(member: _Member, error: Exception) -> None:
    if not member.answer.done():
        member.answer.set_exception(error)
