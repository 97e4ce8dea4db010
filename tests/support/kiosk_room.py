"""A room double with what kiosks need beside it: root, signed centre, a long form, a plan."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import encode_root
from exam_core.model.items import Form, ItemType
from exam_core.model.roster import Candidate
from tests.support import builders
from tests.support.room_double import JOIN_CODE, ROOM_CODE, RoomDouble

STEM_CANARY = "机密题干"
ANSWER_CANARY = "机密作答"
_KINDS = (
    ItemType.SINGLE_CHOICE,
    ItemType.MULTIPLE_CHOICE,
    ItemType.TRUE_FALSE,
    ItemType.FILL_BLANK,
    ItemType.SHORT_ANSWER,
)


def wait_until(holds: Callable[[], bool], *, seconds: float = 30, what: str = "") -> None:
    """Wait for a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds} s: {what}")
        time.sleep(0.01)


def long_form(number: int, items: int) -> Form:
    """A form of many items of five types, each stem with the canary."""
    made = []
    for position in range(items):
        kind = _KINDS[position % len(_KINDS)]
        part = builders.part(f"f{number}.{position}", item_type=kind, stem=_stem(position))
        made.append(builders.item(f"i{position}", item_type=kind, parts=(part,)))
    return builders.form(number, items=tuple(made))


def knowledge(items: int) -> list[dict[str, Any]]:
    """What a candidate knows of every item of `long_form`."""
    known: list[dict[str, Any]] = []
    for position in range(items):
        answers: dict[ItemType, dict[str, Any]] = {
            ItemType.SINGLE_CHOICE: {"pick": ["选项B"]},
            ItemType.MULTIPLE_CHOICE: {"pick": ["选项A", "选项C"]},
            ItemType.TRUE_FALSE: {"pick": ["选项A"]},
            ItemType.FILL_BLANK: {"blanks": [f"{ANSWER_CANARY}{position}"]},
            ItemType.SHORT_ANSWER: {"text": f"{ANSWER_CANARY}其一，其二，其三（{position}）"},
        }
        known.append({"stem": _stem(position)} | answers[_KINDS[position % len(_KINDS)]])
    return known


@contextmanager
def room_with(
    candidates: Sequence[Candidate], folder: Path, *, items: int = 10, **fields: Any
) -> Iterator[RoomDouble]:
    """A room that serves these candidates, with root.json and centre.signed in `folder`."""
    forms = [long_form(number, items) for number in range(1, len(candidates) + 1)]
    room = RoomDouble(tuple(candidates), package=builders.package(*forms), **fields)
    authority = room.authority.certificate_pem
    centre = sign_centre(
        builders.centre(ca_certificate=authority), [builders.SETTER, builders.APPROVER]
    )
    (folder / "root.json").write_bytes(encode_root(builders.root()))
    (folder / "centre.signed").write_bytes(centre)
    with room.serving(folder):
        yield room


def write_plan(
    room: RoomDouble,
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    items: int = 10,
    think_ms: tuple[int, int] = (5, 20),
    **fields: Any,
) -> Path:
    """PLAN.json for these candidates; `fields` go into each of them."""
    plan = {
        "kiosk_url": room.kiosk_url,
        "console_url": room.console_url,
        "root": "root.json",
        "centre": "centre.signed",
        "seed": "7",
        "report": "report.json",
        "candidates": [
            {
                "seat_id": candidate.seat_id,
                "join_code": JOIN_CODE,
                "admission_number": candidate.admission_number,
                "id_number": candidate.id_number,
                "room_code": ROOM_CODE,
                "knowledge": knowledge(items),
                "think_ms": think_ms,
                "order_seed": serial,
            }
            | fields
            for serial, candidate in enumerate(candidates, 1)
        ],
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan, ensure_ascii=False))
    return path


def kiosk_files(folder: Path) -> dict[Path, bytes]:
    """Every file that kiosks wrote under `folder`."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _stem(position: int) -> str:
    return f"{STEM_CANARY}第{position}题：下列说法正确的是（）"
