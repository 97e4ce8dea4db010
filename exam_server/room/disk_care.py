"""Keeps an eye on the data folder's disk while the room runs, and tells the proctor.

Event loop only. The alarm comes with the state and settles by itself when there is space again;
no restart is needed, and nobody has to remember that it was full.
"""

import asyncio

from exam_server import limits
from exam_server.room.core import SERVER, RoomCore
from exam_server.room.reserve import CODE_OF_STATE, DiskState, DiskWatch
from exam_server.room.services import alarms


class DiskCare:
    """The watch of one running room."""

    def __init__(self, core: RoomCore, watch: DiskWatch) -> None:
        self._core = core
        self.watch = watch

    async def look_each_second(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except OSError as error:
                self._core.trouble(error)  # the folder itself is gone, or does not answer
            await asyncio.sleep(limits.disk_check_interval_ms / 1000)

    async def look(self) -> None:
        """Look once, and show what was found."""
        state = await self._core.in_thread(self.watch.check)
        words = self.watch.words()
        self._core.state.disk_problem = words
        code = CODE_OF_STATE.get(state)
        if code:
            self._core.alarm(SERVER, code, words)
        if state in {DiskState.OK, DiskState.LOW}:
            for alarm in list(self._core.state.alarms):
                is_ours = alarm.seat_id == SERVER and alarm.code in CODE_OF_STATE.values()
                if is_ours and alarm.code != code:
                    self._core.spawn(self._settle(alarm.alarm_id))

    async def _settle(self, alarm_id: int) -> None:
        await self._core.changes.make(
            lambda db, log: alarms.settle_own_alarm(db, log, alarm_id),
            lambda _: self._core.alarm_settled(alarm_id),
        )
