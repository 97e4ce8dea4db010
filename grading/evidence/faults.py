"""What can be wrong with a room's evidence: the layer, the place, and the person it is about."""

from enum import StrEnum

import msgspec

from exam_core.errors import ExamError, InputError, IntegrityError


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


def refuse_if_room_lies(faults: tuple[Fault, ...]) -> None:
    """Raise the first thing that the room answers for.

    Raises:
        InputError: For what is malformed: `results.paper`, `results.journal`, `journal.*`.
        IntegrityError: For what was altered.
    """
    for fault in faults:
        if fault.refuses:
            family = InputError if fault.layer is Layer.SESSIONS else IntegrityError
            raise family(fault.code, fault.message, admission_number=fault.admission_number)
