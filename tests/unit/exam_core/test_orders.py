"""Orders of the centre: signed, for one session at one seat, each taken once."""

from typing import Any

import pytest

from exam_core import limits
from exam_core.crypto.signing import public_key_of, sign_bytes
from exam_core.errors import InputError, IntegrityError, StateError
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import FormNumber, SeatId, SessionId, SittingId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import orders
from exam_core.protocol.messages import Ordered
from exam_core.protocol.orders import Order, OrderMark
from tests.support import builders
from tests.support.refusals import refuses

CENTRE = public_key_of(builders.CENTRE_KEY)
WHATS: list[orders.What] = [
    orders.Begin(
        form_number=FormNumber(7),
        form_identity=builders.FORM_IDENTITY,
        journal_key=bytes(range(32)),
        time_left_ms=5_399_000,
        resume_recipients=(),
    ),
    orders.Clock(
        sitting_state=SittingState.HELD,
        session_state=SessionState.INTERACTING,
        is_present=True,
        time_left_ms=0,
        extra_ms=60_000,
    ),
    orders.End(reason="time_up"),
    orders.Submitted(receipt="0123"),
]


def order(**fields: Any) -> Order:
    """An order to seat A01."""
    facts = {
        "sitting_id": builders.SITTING_ID,
        "seat_id": SeatId("A01"),
        "session_id": builders.SESSION_ID,
        "boot": 2,
        "counter": 5,
        "issued_by": "wang",
        "what": WHATS[1],
    }
    return Order(**{**facts, **fields})


def check(one: Order, last: OrderMark = OrderMark(2, 4), **fields: Any) -> None:  # noqa: B008  a constant
    """Check an order as the kiosk of seat A01 does."""
    own = {
        "sitting_id": builders.SITTING_ID,
        "seat_id": SeatId("A01"),
        "session_id": builders.SESSION_ID,
    }
    orders.check_order(one, **{**own, **fields}, last=last)


@pytest.mark.parametrize("what", WHATS, ids=lambda one: type(one).__name__)
def test_orders_come_back(what: orders.What) -> None:
    """A kiosk reads what the centre signed."""
    one = order(what=what)

    assert orders.open_order(orders.sign_order(one, builders.CENTRE_KEY), CENTRE) == one


def test_only_the_centre_orders() -> None:
    """Another key, a signature for something else, and no signature are refused alike."""
    own = orders.sign_order(order(), builders.CENTRE_KEY)
    foreign = orders.sign_order(order(), builders.STRANGER)
    for message in (
        foreign,
        Ordered(order=own.order, signature=b""),
        Ordered(order=own.order.replace(b"wang", b"zhao"), signature=own.signature),
    ):
        with refuses(IntegrityError, "order.signature"):
            orders.open_order(message, CENTRE)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b" ",
        lambda data: data.replace(b'"boot":2', b'"boot":0'),
        lambda data: data.replace(b'"counter":5', b'"counter":%d' % (limits.order_number_max + 1)),
        lambda data: data.replace(b'"type":"clock"', b'"type":"unlock"'),
        lambda _data: b"",
    ],
    ids=["space", "boot", "counter", "type", "empty"],
)
def test_a_signed_order_must_be_one(spoil: Any) -> None:
    """The signature of the centre does not excuse another encoding or another kind."""
    data = spoil(encode_canonical(order()))
    signature = sign_bytes(orders._LABEL + data, builders.CENTRE_KEY)

    with refuses(InputError, "order.malformed"):
        orders.open_order(Ordered(order=data, signature=signature), CENTRE)


@pytest.mark.parametrize(
    "other",
    [
        {"sitting_id": SittingId("S2")},
        {"seat_id": SeatId("A02")},
        {"session_id": SessionId("00" * 16)},
    ],
    ids=lambda one: next(iter(one)),
)
def test_an_order_for_another_is_refused(other: dict[str, str]) -> None:
    """An order is for one sitting, one seat and one session."""
    with refuses(StateError, "order.other"):
        check(order(**other))


@pytest.mark.parametrize(
    ("boot", "counter", "is_new"),
    [(2, 5, True), (2, 4, False), (2, 3, False), (1, 99, False), (3, 1, True)],
)
def test_the_count_only_rises(boot: int, counter: int, *, is_new: bool) -> None:
    """What is not above the last order was taken or is older; a new start begins anew at 1."""
    one = order(boot=boot, counter=counter)
    if is_new:
        check(one)
    else:
        with refuses(StateError, "order.replayed"):
            check(one)
