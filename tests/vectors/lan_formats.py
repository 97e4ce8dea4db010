"""Vectors of what kiosk and server compute alike: orders, the enrolment's proof and number."""

from collections.abc import Iterator
from typing import Any

from exam_core.crypto.signing import public_key_of, sign_bytes
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import FormNumber, SeatId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import orders
from exam_core.protocol.comparison import Revealed, commitment_to
from exam_core.protocol.enrolment import prove_signing_key
from exam_core.protocol.messages import Ordered, Telemetry, encode_message
from tests.support import builders
from tests.vectors.made import Folder, Made, flip
from tests.vectors.recipes import KEYS

_REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\n…\n-----END CERTIFICATE REQUEST-----\n"
_CLOCK = orders.Clock(
    sitting_state=SittingState.RUNNING,
    session_state=SessionState.INTERACTING,
    is_present=True,
    time_left_ms=5_399_000,
    extra_ms=60_000,
)


def lan_protocol() -> Iterator[Made]:
    """Orders as they travel, good and bad; a proof; numbers that a person compares."""
    yield from _orders(Folder("lan-protocol", "order"))
    yield from _enrolments(Folder("lan-protocol", "enrolment"))
    yield from _comparisons(Folder("lan-protocol", "comparison"))
    yield from _telemetry(Folder("lan-protocol", "kiosk_message", version=2))


def _telemetry(folder: Folder) -> Iterator[Made]:
    message = Telemetry(kind="link", details={"connections": 2, "unsynced": 14})
    data = encode_message(message)
    yield folder.good("telemetry", data, "a kiosk's report")
    for name, altered, claim in (
        ("telemetry-kind", data.replace(b"link", b"LINK"), "capital letters in the kind"),
        ("telemetry-word", data.replace(b"unsynced", b"unsynce!"), "no word in the details"),
        ("telemetry-cut", data[:-1], "one byte too few"),
        ("telemetry-type", data.replace(b"telemetry", b"telegraph"), "a type that is none"),
    ):
        yield folder.bad(name, altered, "protocol.malformed", claim)


def _orders(folder: Folder) -> Iterator[Made]:
    for name, what in (
        ("clock", _CLOCK),
        (
            "begin",
            orders.Begin(
                form_number=FormNumber(7),
                form_identity=KEYS.form_identity,
                journal_key=bytes.fromhex(KEYS.journal_key),
                resume_recipients=(),
                time_left_ms=5_399_000,
            ),
        ),
        ("end", orders.End(reason="time_up")),
        ("moved", orders.End(reason=orders.MOVED)),
        ("submitted", orders.Submitted(receipt="43e84a49" * 5)),
    ):
        yield folder.good(f"order-{name}", _message(what=what), f"an order: {name}")
    true = orders.sign_order(_order(), KEYS.centre)
    data = true.order.replace(b'"boot":4', b'"boot":04')
    label = orders._LABEL
    for name, message, error, claim in (
        (
            "stranger",
            orders.sign_order(_order(), KEYS.stranger),
            "order.signature",
            "another signer",
        ),
        (
            "altered",
            Ordered(order=true.order.replace(b"wang", b"zhao"), signature=true.signature),
            "order.signature",
            "another name under the same signature",
        ),
        (
            "signature",
            Ordered(order=true.order, signature=flip(true.signature, 0)),
            "order.signature",
            "one bit of the signature",
        ),
        (
            "unlabelled",
            Ordered(order=true.order, signature=sign_bytes(true.order, KEYS.centre)),
            "order.signature",
            "signed without the label",
        ),
        (
            "encoding",
            Ordered(order=data, signature=sign_bytes(label + data, KEYS.centre)),
            "order.malformed",
            "signed, but not canonical",
        ),
        (
            "seat",
            orders.sign_order(_order(seat_id=SeatId("A02")), KEYS.centre),
            "order.other",
            "for another seat",
        ),
    ):
        yield folder.bad(f"order-{name}", encode_message(message), error, claim)
    for name, last, claim in (
        ("again", "4 17", "the order that was taken last"),
        ("older", "4 18", "an order before the last one"),
        ("earlier-boot", "5 1", "an order of an earlier start of the server"),
    ):
        yield folder.bad(f"order-{name}", _message(), "order.replayed", claim, last=last)


def _enrolments(folder: Folder) -> Iterator[Made]:
    key = public_key_of(KEYS.approver)
    proof = prove_signing_key(_REQUEST, KEYS.approver)
    for name, given, claim in (
        ("proof", proof, "the proof holds"),
        ("proof-capitals", proof.upper(), "another spelling is no proof"),
        ("proof-stranger", prove_signing_key(_REQUEST, KEYS.stranger), "another key's proof"),
    ):
        body = {"csr_pem": _REQUEST, "signing_key": key, "signing_proof": given}
        yield folder.good(f"enrolment-{name}", encode_canonical(body), claim)


def _comparisons(folder: Folder) -> Iterator[Made]:
    revealed = Revealed(
        seat_id=SeatId("A01"),
        csr_pem=_REQUEST,
        signing_key=public_key_of(KEYS.approver),
        nonce="01" * 32,
    )
    for name, nonce, commitment, claim in (
        ("number", "02" * 32, commitment_to(revealed), "the commitment holds"),
        ("other-nonce", "03" * 32, commitment_to(revealed), "another nonce, another number"),
        ("other-commitment", "02" * 32, "00" * 32, "the commitment was to something else"),
    ):
        body = {
            "revealed": revealed,
            "ca_certificate_pem": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
            "server_nonce": nonce,
            "commitment": commitment,
        }
        yield folder.good(f"comparison-{name}", encode_canonical(body), claim)


def _order(**fields: Any) -> orders.Order:
    facts = {
        "sitting_id": builders.SITTING_ID,
        "seat_id": SeatId("A01"),
        "session_id": KEYS.session_id,
        "boot": 4,
        "counter": 17,
        "issued_by": "wang",
        "what": _CLOCK,
    }
    return orders.Order(**{**facts, **fields})


def _message(**fields: Any) -> bytes:
    return encode_message(orders.sign_order(_order(**fields), KEYS.centre))
