"""What the simulated candidates shall do: `PLAN.json`.

    {"kiosk_url": "https://127.0.0.1:8443", "console_url": "https://127.0.0.1:8444",
     "root": "root.json", "centre": "centre.signed", "data": "kiosks", "seed": "17",
     "report": "report.json",
     "candidates": [{"seat_id": "A01", "join_code": "12345678", "admission_number": "20260001",
                     "id_number": "…", "room_code": "123456", "think_ms": [200, 900],
                     "submit": true, "order_seed": 1,
                     "knowledge": [{"stem": "…", "choices": ["…"], "pick": ["…"]},
                                   {"stem": "…（）…", "blanks": ["…"]},
                                   {"stem": "…", "material": "…", "text": "…"}]}]}

Paths are relative to the plan's own folder. A candidate's data folder is `data`/seat, or its own
`data`; one that is installed and enrolled already needs no join code. In knowledge, `choices` and
`material` may be left out where the stem alone is enough.
"""

from pathlib import Path

import msgspec

from exam_core import limits as core_limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import SeatId

SIMULATE_PLAN = declare("simulate.plan", "请按文档修改模拟计划文件（PLAN.json）后重试。")

_PLAN_BYTES_MAX = 256 * core_limits.MIB  # 5,000 candidates with 200 answers each


class Knowledge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one candidate knows of one part; exactly one of `pick`, `blanks`, `text` is given.

    `pick` holds texts of choices, `choices` all choices of the part in any order.
    """

    stem: str
    choices: tuple[str, ...] | None = None
    material: str | None = None
    pick: tuple[str, ...] | None = None
    blanks: tuple[str, ...] | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.pick, self.blanks, self.text) if one is not None]
        if len(given) != 1:
            raise ValueError("one of pick, blanks and text must be given")


class PlannedCandidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One candidate: who, where, what is known, how fast; `resume_codes` as on the sheet."""

    seat_id: SeatId
    admission_number: str
    id_number: str
    room_code: str
    knowledge: tuple[Knowledge, ...] = ()
    join_code: str | None = None
    data: str | None = None
    think_ms: tuple[int, int] = (200, 800)
    submit: bool = True
    order_seed: int = 0
    resume_codes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least, most = self.think_ms
        if not 0 <= least <= most:
            raise ValueError("think_ms must be two numbers in order")


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole simulation; `seed` goes into every candidate's order and pauses."""

    kiosk_url: str
    console_url: str
    root: str
    centre: str
    candidates: tuple[PlannedCandidate, ...]
    report: str
    data: str = "kiosks"
    seed: str = ""


def read_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        InputError: `simulate.plan`.
    """
    try:
        if path.stat().st_size > _PLAN_BYTES_MAX:
            raise InputError(SIMULATE_PLAN, "模拟计划文件过大")
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise InputError(SIMULATE_PLAN, f"无法读取模拟计划：{error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(SIMULATE_PLAN, f"模拟计划格式不对：{error}") from error
    seats = [candidate.seat_id for candidate in plan.candidates]
    if not seats or len(set(seats)) != len(seats):
        raise InputError(SIMULATE_PLAN, "模拟计划没有考生，或机位号重复")
    return plan
