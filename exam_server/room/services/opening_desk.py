"""What the first person brought to an opening, kept in memory until the second one comes.

Two accounts in two browser sessions; after ten minutes the first comes again.
"""

import threading
from dataclasses import dataclass

from exam_core.errors import StateError, declare
from exam_core.formats.opening_bundle import LockedBundle
from exam_server import limits
from exam_server.accounts.people import Person
from exam_server.clock import Clock

OPENING_NO_KEY = declare("opening.no_key", "请先由技术人员带来考点启封密钥，10 分钟内输入启封码。")
OPENING_DONE = declare("opening.done", "不需要再输启封码，请按考试进度继续。")
OPENING_SAME_PERSON = declare("opening.same_person", "启封须两人：请另一位同事用自己的账号操作。")


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldKey:
    locked: LockedBundle
    person: Person
    brought_at_ms: int


class OpeningDesk:
    """Holds what the first person brought until the second one comes, or ten minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: _HeldKey | None = None
        self._is_done = False
        self._turn = threading.Lock()

    def utc_ms(self) -> int:
        """What this machine's clock says; for the log and for warnings alone."""
        return self._clock.utc_ms()

    def hold(self, locked: LockedBundle, person: Person) -> None:
        """Keep the unwrapped bundle in memory."""
        with self._turn:
            self._held = _HeldKey(
                locked=locked, person=person, brought_at_ms=self._clock.monotonic_ms()
            )

    def held_for(self, person: Person) -> tuple[LockedBundle, Person]:
        """The bundle and who brought it, for the second person.

        Raises:
            StateError: `opening.no_key`, `opening.same_person`; `opening.done` when the paper was
                opened with it.
        """
        with self._turn:
            held = self._present()
            if held is None and self._is_done:
                raise StateError(OPENING_DONE, "试卷已经启封")
            if held is None:
                raise StateError(OPENING_NO_KEY, "还没有启封密钥，或已超过 10 分钟")
            is_same = held.person.account_id == person.account_id
            if is_same or held.person.session_key == person.session_key:
                raise StateError(OPENING_SAME_PERSON, "启封密钥和启封码不能由同一人提供")
            return held.locked, held.person

    def brought_by(self) -> str:
        """Who brought the key that is held now; empty when none is."""
        with self._turn:
            held = self._present()
            return held.person.name if held else ""

    def finish(self) -> None:
        """The paper is open: forget what is held."""
        with self._turn:
            self._held = None
            self._is_done = True

    def _present(self) -> _HeldKey | None:
        if self._held is None:
            return None
        age = self._clock.monotonic_ms() - self._held.brought_at_ms
        if age > limits.opening_key_life_ms:
            self._held = None
        return self._held
