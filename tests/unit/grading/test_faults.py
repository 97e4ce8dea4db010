"""What people may decide in spite of, and what nobody may."""

import pytest

from exam_core.errors import InputError, IntegrityError
from grading.evidence.faults import (
    KIOSK_LAYERS,
    Fault,
    Layer,
    may_be_decided,
    refuse_if_room_lies,
)
from tests.support.refusals import refuses

CODES = (
    "audit.chain",
    "audit.malformed",
    "audit.checkpoint",
    "audit.contradicted",
    "assignment.log",
    "assignment.draw",
    "results.altered",
)


def fault(layer: Layer, code: str) -> Fault:
    """A finding of this layer."""
    return Fault(layer=layer, code=code, message="某处不符")


@pytest.mark.parametrize("layer", Layer)
def test_only_three_layers_can_be_decided(layer: Layer) -> None:
    """The log but not its chain and signed head, the table's line but no table, enrolment."""
    decided = {code for code in CODES if may_be_decided(fault(layer, code))}

    chain = {"audit.chain", "audit.malformed", "results.altered"}
    expected = {
        Layer.LOG: set(CODES) - chain,
        Layer.ASSIGNMENT: {"assignment.log"},
        Layer.KIOSKS: set(CODES),
    }
    assert decided == expected.get(layer, set())


def test_what_people_decided_is_told_and_the_rest_refuses() -> None:
    """A finding that two people let through comes back; one beside it still refuses all."""
    log, table = fault(Layer.LOG, "audit.contradicted"), fault(Layer.ASSIGNMENT, "assignment.draw")

    assert refuse_if_room_lies((log,), people_decided=True) == (log,)
    with refuses(IntegrityError, "audit.contradicted"):
        refuse_if_room_lies((log,))
    with refuses(IntegrityError, "assignment.draw"):
        refuse_if_room_lies((log, table), people_decided=True)
    with refuses(InputError, "results.journal"):
        refuse_if_room_lies((fault(Layer.SESSIONS, "results.journal"),), people_decided=True)


@pytest.mark.parametrize("layer", sorted(KIOSK_LAYERS))
def test_one_kiosk_refuses_nobody(layer: Layer) -> None:
    """What a kiosk answers for is an anomaly of one session."""
    assert refuse_if_room_lies((fault(layer, "journal.frame"),)) == ()
