"""What can be wrong with a room's evidence: the layer, the place, and the person it is about."""

from enum import StrEnum

import msgspec

from exam_core.errors import ExamError, InputError, IntegrityError, declare
from exam_core.formats.audit_log import AUDIT_CHAIN, AUDIT_MALFORMED
from exam_core.formats.results_content import RESULTS_ALTERED

ASSIGNMENT_LOG = declare(
    "assignment.log", "分卷表与审计日志所记的不是同一份，可能被换过；停止使用并上报。"
)


class Layer(StrEnum):
    """What is held against what, from the outside to the inside."""

    SIGNATURES = "signatures"
    SEAL = "seal"
    COUNTS = "counts"
    HEADS = "heads"
    LOG = "log"
    ASSIGNMENT = "assignment"
    KIOSKS = "kiosks"
    SESSIONS = "sessions"
    JOURNALS = "journals"
    RECEIPTS = "receipts"


LAYER_TITLES = {
    Layer.SIGNATURES: "考点与官员签名",
    Layer.SEAL: "密封内容与摘要",
    Layer.COUNTS: "人数",
    Layer.HEADS: "各考生记录与签名清单",
    Layer.LOG: "审计日志与检查点",
    Layer.ASSIGNMENT: "分卷表与名单",
    Layer.KIOSKS: "考生机登记",
    Layer.SESSIONS: "会话与试卷",
    Layer.JOURNALS: "作答记录链与考生机签名",
    Layer.RECEIPTS: "交卷回执",
}

KIOSK_LAYERS = frozenset({Layer.JOURNALS, Layer.RECEIPTS})
"""What one kiosk can spoil, and only for its own session; the room answers for all else."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that does not hold.

    `admission_number` names the candidate, `segment_id` and `entry` the place in their journals
    (entries count from 0; -1 when none is meant), `line` the line of the log (from 1; else 0).
    """

    layer: Layer
    code: str
    message: str
    admission_number: str = ""
    segment_id: str = ""
    entry: int = -1
    line: int = 0

    @property
    def refuses(self) -> bool:
        """Whether the room answers for it, so that the bundle is refused whole."""
        return self.layer not in KIOSK_LAYERS


def fault_of(layer: Layer, error: ExamError, *, admission_number: str = "") -> Fault:
    """A refusal as a fault; the candidate is the one whom the refusal names."""
    return Fault(
        layer=layer,
        code=error.code,
        message=error.message,
        admission_number=admission_number or str(error.facts.get("admission_number", "")),
    )


def may_be_decided(fault: Fault) -> bool:
    """Whether people may take a bundle in although this does not hold.

    That is what follows when a room's log was set aside or put back from a backup: the log says
    less than it should. What anybody signed, counted or wrote in a journal is never decided away.
    """
    match fault.layer:
        case Layer.LOG:
            return fault.code not in {RESULTS_ALTERED, AUDIT_CHAIN, AUDIT_MALFORMED}
        case Layer.ASSIGNMENT:
            return fault.code == ASSIGNMENT_LOG
        case _:
            return fault.layer is Layer.KIOSKS


def refuse_if_room_lies(
    faults: tuple[Fault, ...], *, people_decided: bool = False
) -> tuple[Fault, ...]:
    """Raise the first thing that the room answers for.

    Returns:
        What was let through because people decided so; nothing otherwise.

    Raises:
        InputError: For what is malformed: `results.paper`, `results.journal`, `journal.*`.
        IntegrityError: For what was altered.
    """
    decided = tuple(one for one in faults if people_decided and may_be_decided(one))
    for fault in faults:
        if fault.refuses and fault not in decided:
            family = InputError if fault.layer is Layer.SESSIONS else IntegrityError
            raise family(fault.code, fault.message, admission_number=fault.admission_number)
    return decided
