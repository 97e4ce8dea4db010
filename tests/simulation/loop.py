"""An event loop whose time is counted, not waited for, and whose threads are steps of its own.

What asyncio promises is kept: callbacks run in the order in which they were given. Everything that
real machines leave open is drawn from one seed: how long a thread's work takes and in which order
two of them end, when an answer reaches the loop. So one seed is one history.
"""

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_THREAD_S_MAX = 0.004  # how long a thread's work takes, while nothing is slow
_ORDER_S = 1e-6  # between two callbacks of one thread: they never overtake each other


class Process:
    """One program on one machine; what a dead one still does has no effect.

    Attributes:
        name: In traces.
        is_alive: Until it is killed or stopped.
        slowness: Factor on the time of its threads' work: a busy disk.
    """

    def __init__(self, name: str, loop: "SimulatedLoop") -> None:
        self.name = name
        self.is_alive = True
        self.slowness = 1.0
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self.context = contextvars.copy_context()
        self.context.run(_PROCESS.set, self)

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run work as this program."""
        return self._loop.create_task(work, context=self.context)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """The task ends with the program."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def kill(self) -> None:
        """The program is gone between two steps; nothing that it tidies up is seen by anybody."""
        self.is_alive = False
        for task in sorted(self._tasks, key=lambda task: task.get_name()):
            task.cancel()


_PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


def present_process() -> Process | None:
    """The program that is running now; None for the simulation itself."""
    return _PROCESS.get()


class _NoSockets:
    """Stands where the loop waits for sockets: the time that it would wait has passed at once."""

    def __init__(self, pass_time: Callable[[float | None], None]) -> None:
        self._pass_time = pass_time

    def select(self, timeout: float | None) -> list[object]:
        """Nothing ever comes from outside."""
        self._pass_time(timeout)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """See the module.

    Attributes:
        rng: What threads draw from.
        failures: What nobody caught: exceptions in tasks and callbacks.
    """

    _selector: _NoSockets
    _clock_resolution: float

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.failures: list[str] = []
        self.steps = 0
        self._tasks_made = 0
        self._now = 0.0
        self._last_call = 0.0
        self._selector = _NoSockets(self._pass_time)
        self._clock_resolution = _ORDER_S / 10
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._take_failure)

    def time(self) -> float:
        """Simulated seconds."""
        return self._now

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002  there is only one kind of thread
        func: Callable[[*_Ts], _T],
        *args: *_Ts,
    ) -> asyncio.Future[_T]:
        """Do the work in one step when a thread would have; never when the program is dead."""
        future: asyncio.Future[_T] = self.create_future()
        process = present_process()
        slowness = process.slowness if process else 1.0

        def work() -> None:
            if process and not process.is_alive:
                future.cancel()
                return
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001  whoever waits gets it, as from a thread
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        self.call_later(self.rng.random() * _THREAD_S_MAX * slowness, work)
        return future

    def call_soon_threadsafe(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """What a thread hands over arrives a moment later, in the order in which it was given."""
        process = present_process()

        def arrive() -> None:
            if process is None or process.is_alive:
                callback(*args)

        at = max(self._last_call + _ORDER_S, self._now + self.rng.random() * _THREAD_S_MAX)
        self._last_call = at
        return self.call_at(at, arrive, context=context)

    def finish(self) -> None:
        """End all tasks and close."""

        async def end_all() -> None:
            for _ in range(3):  # a task that tidies up may start another
                others = asyncio.all_tasks(self) - {asyncio.current_task(self)}
                for task in sorted(others, key=lambda task: task.get_name()):
                    task.cancel()
                if others:
                    await asyncio.wait(others)

        self.run_until_complete(end_all())
        self.close()

    def _pass_time(self, timeout: float | None) -> None:
        self.steps += 1
        if timeout is None:
            raise AssertionError("the simulation waits for something that nobody will do")
        self._now += timeout

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, work: Any, context: Any = None
    ) -> asyncio.Task[Any]:
        self._tasks_made += 1
        name = f"{self._tasks_made:08d}"
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, name=name, context=context)
        process = context.get(_PROCESS) if context is not None else present_process()
        if process is not None:
            process.adopt(task)
        return task

    def _take_failure(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _process_events(self, event_list: list[object]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""
