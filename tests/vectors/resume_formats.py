"""Vectors of what a kiosk keeps to go on without its server."""

from collections.abc import Iterator

from exam_core.formats.canonical import encode_canonical
from exam_core.formats.resume_file import resume_code
from exam_core.model.identifiers import SeatId, SittingId
from tests.vectors.made import Folder, Made, flip
from tests.vectors.recipes import KEYS, RESUME_TICKET, ingredient

_SECRET = bytes.fromhex(KEYS.journal_key)


def resume_file() -> Iterator[Made]:
    """Codes of seats, codes as typed, and files sealed for one of them."""
    folder = Folder("resume-file", "resume")
    codes = folder.reading("resume code")
    for name, seat, number, claim in (
        ("code-1", "A01", 1, "the first code of a seat"),
        ("code-2", "A01", 2, "its second code"),
        ("code-3", "A01", 3, "its last code"),
        ("code-seat", "机房2-7", 1, "a seat that is named in Chinese"),
    ):
        fields = {
            "journal_secret": KEYS.journal_key,
            "number": number,
            "seat_id": seat,
            "sitting_id": RESUME_TICKET.sitting_id,
        }
        yield codes.good(name, encode_canonical(fields), claim)

    first, second = (_code(RESUME_TICKET.seat_id, number) for number in (1, 2))
    typed = folder.reading("typed resume code")
    yield typed.good("typed", first.replace(" ", "-").encode(), "dashes for spaces")
    wrong = str((int(first[0]) + 1) % 10) + first[1:]
    for name, text, error, claim in (
        ("typed-digit", wrong, "resume.code_group", "one wrong digit"),
        ("typed-short", first[:-1], "resume.code_shape", "a digit is missing"),
        ("typed-letter", "O" + first[1:], "resume.code_shape", "a letter"),
    ):
        yield typed.bad(name, text.encode(), error, claim)

    sealed = ingredient("resume.age")
    yield folder.good("resume", sealed, "device key and code fit", code=first)
    yield folder.good("second", ingredient("resume-second.age"), "the next code", code=second)
    for name, data, error, claim, code in (
        ("other-code", sealed, "resume.code", "the code of another start", second),
        ("other-seat", sealed, "resume.code", "another seat's code", _code(SeatId("A02"), 1)),
        ("used", ingredient("resume-second.age"), "resume.code", "a code that was used", first),
        (
            "other-device",
            ingredient("resume-other-device.age"),
            "resume.device",
            "another machine's",
            first,
        ),
        ("altered", flip(sealed, -1), "resume.device", "one bit changed", first),
        ("magic", ingredient("resume-magic.age"), "resume.malformed", "another version", first),
        ("number", ingredient("resume-number.age"), "resume.malformed", "a fourth code", first),
    ):
        yield folder.bad(name, data, error, claim, code=code)


def _code(seat_id: SeatId, number: int) -> str:
    sitting_id = SittingId(RESUME_TICKET.sitting_id)
    return resume_code(_SECRET, sitting_id=sitting_id, seat_id=seat_id, number=number)
