"""What the staff page says about the stored sitting."""

from dataclasses import dataclass

from exam_core.errors import StateError
from exam_core.model.states import SITTING_STATE
from exam_server.store import frames as frame_tables
from exam_server.store import room as tables
from exam_server.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRecord:
    """Facts of the imports, and a count of what was refused."""

    sequence: int
    forms: int
    form_seed: str
    assignment_sha256: str
    refused: int


def read_record(store: Store) -> StaffRecord:
    """The facts now.

    Raises:
        StateError: `sitting.state`, when nothing was imported.
    """
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None:
            raise StateError(SITTING_STATE, "还没有导入试卷包")
        return StaffRecord(
            sequence=sitting.sequence,
            forms=len(tables.list_forms(db)),
            form_seed=sitting.form_seed,
            assignment_sha256=sitting.assignment_sha256,
            refused=frame_tables.count_refused(db),
        )
