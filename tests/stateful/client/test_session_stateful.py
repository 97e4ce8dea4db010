"""Random histories of one seat: answers, crashes, power losses, bad disks, lost connections.

Whatever happened, in the end the room holds for each part the last response that was ever said to
be kept, or a later one; and the kiosk never did what a correct kiosk never does.
"""

import errno
import random
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exam_client.session.closing import Phase
from exam_client.session.snapshot import SavedState
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import ChoiceResponse, Response, TextResponse
from tests.support.kiosk_process import KioskProcess
from tests.support.scale import times

CHOICE_PART, TEXT_PART = PartId("i1.1"), PartId("i5.1")
CHOICES = ("i1.1-A", "i1.1-B", "i1.1-C")
ITEM = ItemId("i1")


class Seat(RuleBasedStateMachine):
    """The seat and, for each part, which responses it may end with."""

    def __init__(self) -> None:
        super().__init__()
        self.kiosk = KioskProcess()
        self.allowed: dict[PartId, list[Response | None]] = {}
        self.flags_allowed: list[bool] = [False]
        self.said = 0

    @initialize()
    def begin(self) -> None:
        """The room runs and the candidate is present."""
        self.kiosk.begin()

    def _is_writable(self) -> bool:
        attempt = self.kiosk.core.attempt
        return attempt.paper is not None and attempt.closing.is_writable

    def _record(self, part_id: PartId, response: Response) -> None:
        self.kiosk.core.attempt.record(part_id, response)
        self.allowed.setdefault(part_id, [None]).append(response)

    @precondition(_is_writable)
    @rule(letter=st.sampled_from(CHOICES))
    def choose(self, letter: str) -> None:
        """The candidate picks a choice."""
        self._record(CHOICE_PART, ChoiceResponse(choice_ids=(letter,)))  # type: ignore[arg-type]  # a literal id

    @precondition(_is_writable)
    @rule()
    def write(self) -> None:
        """The candidate goes on typing."""
        self.said += 1
        self._record(TEXT_PART, TextResponse(text=f"第{self.said}稿"))

    @precondition(_is_writable)
    @rule(is_flagged=st.booleans())
    def flag(self, is_flagged: bool) -> None:
        """The candidate marks an item for review, or takes the mark away."""
        self.kiosk.core.attempt.flag(ITEM, is_flagged=is_flagged)
        self.flags_allowed.append(is_flagged)

    @precondition(_is_writable)
    @rule()
    def submit(self) -> None:
        """The candidate hands in."""
        self.kiosk.core.attempt.submit()

    @rule(count=st.integers(1, 4))
    def some_go_up(self, count: int) -> None:
        """A few messages reach the room."""
        self.kiosk.send_up(count)

    @rule(count=st.integers(1, 4))
    def some_come_down(self, count: int) -> None:
        """A few messages reach the kiosk."""
        self.kiosk.send_down(count)

    @rule()
    def settle(self) -> None:
        """The line is quiet again."""
        self.kiosk.settle()

    @rule()
    def reconnect(self) -> None:
        """The kiosk attaches again; the old connection is gone."""
        self.kiosk.connect()

    @rule()
    def cut(self) -> None:
        """The cable is pulled."""
        self.kiosk.cut()

    @rule()
    def kill(self) -> None:
        """The program dies and starts again."""
        self.kiosk.kill()

    @rule(seed=st.integers(0, 2**32 - 1))
    def lose_power(self, seed: int) -> None:
        """The machine dies and starts again."""
        self.kiosk.lose_power(random.Random(seed))  # noqa: S311  repeatable damage, no secret

    @rule(
        code=st.sampled_from([errno.EIO, errno.ENOSPC]),
        names=st.sets(st.sampled_from(["create", "write", "sync", "sync_folder"]), min_size=1),
        calls=st.integers(1, 6),
    )
    def disk_fails(self, code: int, names: set[str], calls: int) -> None:
        """The disk refuses the next few calls of some kinds."""
        last = self.kiosk.files.calls + calls

        def fault(call: int, name: str, _path: Path) -> OSError | None:
            is_bad = call <= last and name in names
            return OSError(code, "made to fail") if is_bad else None

        self.kiosk.files.fault = fault

    @rule(duration_ms=st.integers(1, 2_000))
    def wait(self, duration_ms: int) -> None:
        """A moment passes."""
        self.kiosk.advance(duration_ms)

    @invariant()
    def what_is_kept_is_sure(self) -> None:
        """What is shown as kept or saved can never be taken back to an earlier response."""
        paper = self.kiosk.core.attempt.paper
        if paper is None:
            return
        for part_id, state in paper.saved_parts().items():
            if state is not SavedState.NOT_KEPT:
                now = paper.answers.responses[part_id]
                assert now in self.allowed[part_id]
                self.allowed[part_id] = [now]
        if paper.saved_flags().get(ITEM, SavedState.NOT_KEPT) is not SavedState.NOT_KEPT:
            self.flags_allowed = [ITEM in paper.answers.flagged]

    @invariant()
    def the_kiosk_is_correct(self) -> None:
        """The room saw nothing that a correct kiosk never does, and nothing is called forged."""
        assert self.kiosk.session.violations == []
        assert self.kiosk.refusals == []
        assert set(self.kiosk.core.attempt.alarms) <= {"journal.damaged", "client.receipt_changed"}

    def teardown(self) -> None:
        """Everything works again: the room gets all that was said to be kept."""
        self.kiosk.files.fault = None
        for _ in range(3):
            self.kiosk.advance(6_000)
            self.kiosk.connect()
            self.kiosk.settle()
        content = self.kiosk.session.content()
        for part_id, allowed in self.allowed.items():
            assert content.responses.get(part_id) in allowed
        assert (ITEM in content.flagged) in self.flags_allowed
        closing = self.kiosk.core.attempt.closing
        assert self.kiosk.core.upload.unsynced == 0
        if closing.phase is not Phase.OPEN:
            assert closing.phase is Phase.CONFIRMED
            assert closing.place is not None
            assert closing.place.receipt == self.kiosk.session.receipt


TestSeat = Seat.TestCase
TestSeat.settings = settings(max_examples=times(250), stateful_step_count=40, deadline=None)
