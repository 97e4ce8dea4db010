"""`resume.age` opens with the device key and the one code that it was sealed for, and no other."""

import msgspec
import pytest

from exam_core.crypto.bech32 import encode_bech32
from exam_core.crypto.opening_code import NUMBERS, group_is_valid, parse_code, write_code
from exam_core.crypto.sealing import generate_identity, identity_from, recipient_of, seal, unseal
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.resume_file import (
    CODES_OF_SEAT,
    MAGIC,
    ResumeKeys,
    ResumeTicket,
    open_device_layer,
    parse_resume_code,
    resume_code,
    resume_recipients,
    seal_resume,
    unlock_resume,
)
from exam_core.model.identifiers import FormNumber, SeatId, SittingId
from tests.support import builders
from tests.support.refusals import refuses

SECRET = bytes(range(32))
SEAT = SeatId("A01")
DEVICE = builders.OPENING_IDENTITY
TICKET = ResumeTicket(
    sitting_id=builders.SITTING_ID, seat_id=SEAT, session_id=builders.SESSION_ID, code_number=1
)
KEYS = ResumeKeys(
    package_sha256="ab" * 32,
    form_number=FormNumber(1),
    form_identity=builders.FORM_IDENTITY,
    journal_key=builders.JOURNAL_KEY,
    recipients=resume_recipients(SECRET, sitting_id=builders.SITTING_ID, seat_id=SEAT),
)


def code(number: int, *, seat_id: SeatId = SEAT, secret: bytes = SECRET) -> str:
    """What stands on the sheet."""
    return resume_code(secret, sitting_id=builders.SITTING_ID, seat_id=seat_id, number=number)


def sealed(number: int = 1) -> bytes:
    """A file for this code."""
    ticket = msgspec.structs.replace(TICKET, code_number=number)
    return seal_resume(KEYS, ticket, recipient_of(DEVICE))


@pytest.mark.parametrize("number", range(1, CODES_OF_SEAT + 1))
def test_device_key_and_code_open_the_keys(number: int) -> None:
    """However the code is spaced; the ticket says which one is asked for."""
    locked = open_device_layer(sealed(number), DEVICE)

    assert locked.ticket == msgspec.structs.replace(TICKET, code_number=number)
    assert unlock_resume(locked, code(number)) == KEYS
    assert unlock_resume(locked, code(number).replace(" ", "-")) == KEYS


def test_each_of_the_four_combinations_behaves() -> None:
    """Wrong device or wrong code opens nothing, and says which of both it was."""
    locked = open_device_layer(sealed(), DEVICE)
    for wrong in (
        code(2),
        code(1, seat_id=SeatId("A02")),
        code(1, secret=bytes(32)),
        write_code(0),
    ):
        with refuses(IntegrityError, "resume.code"):
            unlock_resume(locked, wrong)
    with refuses(IntegrityError, "resume.device"):
        open_device_layer(sealed(), builders.FORM_IDENTITY)
    assert b"AGE-SECRET-KEY" not in unseal(sealed(), DEVICE)


def test_a_code_of_one_seat_opens_nothing_at_another() -> None:
    """The identity is bound to sitting, seat and number beside the digits."""
    for change in ({"seat_id": "A02"}, {"sitting_id": "other"}, {"code_number": 2}):
        ticket = msgspec.structs.replace(TICKET, **change)
        moved = MAGIC + encode_canonical(ticket) + b"\n" + seal(b"{}", [KEYS.recipients[0]])
        locked = open_device_layer(seal(moved, [recipient_of(DEVICE)]), DEVICE)
        with refuses(IntegrityError, "resume.code"):
            unlock_resume(locked, code(1))


def test_mistyped_codes_are_caught_before_anything_is_tried() -> None:
    """The wrong groups are named; the digits of another script are none."""
    right = code(1)
    other = "1" if right[0] != "1" else "2"
    with refuses(InputError, "resume.code_group") as caught:
        parse_resume_code(other + right[1:])
    assert caught.value.facts == {"groups": [1]}
    assert "恢复码" in caught.value.message
    for text in ("", right[:-1], right + "1", right.replace(" ", "x")):
        with refuses(InputError, "resume.code_shape"):
            parse_resume_code(text)
    assert parse_resume_code(right) == right


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        MAGIC,
        b"EXRA2\n" + encode_canonical(TICKET) + b"\nx",
        MAGIC + encode_canonical(TICKET),
        MAGIC + encode_canonical(TICKET) + b"\n",
        MAGIC + b"{}\nx",
        MAGIC + encode_canonical(TICKET).replace(b'"code_number":1', b'"code_number":4') + b"\nx",
    ],
)
def test_what_is_no_resume_file_is_refused(plain: bytes) -> None:
    """Also when the device key fits."""
    with refuses(InputError, "resume.malformed"):
        open_device_layer(seal(plain, [recipient_of(DEVICE)]), DEVICE)


def test_what_the_code_opens_must_be_keys() -> None:
    """A file whose inner layer holds something else is malformed."""
    plain = MAGIC + encode_canonical(TICKET) + b"\n" + seal(b"{}", [KEYS.recipients[0]])
    locked = open_device_layer(seal(plain, [recipient_of(DEVICE)]), DEVICE)

    with refuses(InputError, "resume.malformed"):
        unlock_resume(locked, code(1))


def test_nothing_is_sealed_for_a_code_that_there_is_none_of() -> None:
    """A server that hands out fewer recipients gives fewer restarts."""
    keys = msgspec.structs.replace(KEYS, recipients=KEYS.recipients[:1])
    with refuses(InputError, "resume.malformed"):
        seal_resume(keys, msgspec.structs.replace(TICKET, code_number=2), recipient_of(DEVICE))


def test_codes_differ_and_are_written_like_opening_codes() -> None:
    """Every seat, sitting and number has its own, with check digits that fit."""
    codes = {
        resume_code(SECRET, sitting_id=SittingId(sitting), seat_id=SeatId(seat), number=number)
        for sitting in ("S1", "S2")
        for seat in ("A01", "A02", "机位-1")
        for number in range(1, CODES_OF_SEAT + 1)
    }

    assert len(codes) == 18
    assert all(parse_code(one) == one for one in codes)
    assert all(group_is_valid(group) for one in codes for group in one.split(" "))
    assert write_code(0) == "00000 00000 00000 00000 00000 00000"
    assert parse_code(write_code(NUMBERS - 1))


def test_a_derived_identity_is_one_of_age() -> None:
    """Our spelling of 32 bytes is what age's own program writes for them."""
    known = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWRYDWG"

    assert identity_from(bytes(range(32))) == known
    assert unseal(seal(b"x", [recipient_of(identity_from(bytes(32)))]), identity_from(bytes(32)))
    assert encode_bech32("a", b"") == "a12uel5l"  # BIP 173, test vectors
    assert generate_identity().startswith("AGE-SECRET-KEY-1")
