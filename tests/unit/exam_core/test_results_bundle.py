"""Results are accepted only when the centre signed them and everybody is counted."""

import hashlib
from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import recipient_of, seal
from exam_core.crypto.signing import PrivateSigningKey, key_id, public_key_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.results_bundle import (
    MAGIC,
    build_results,
    join_results,
    open_results,
    parse_manifest,
    seal_results,
    sign_results,
    split_results,
    verify_results_envelope,
)
from exam_core.formats.results_content import (
    ABSENT,
    Counts,
    ResultsContent,
    ResultsManifest,
    SessionRecord,
    session_head,
    session_heads,
)
from exam_core.formats.signed_file import join_signed_file
from exam_core.model.identifiers import CentreId
from tests.support.builders import (
    CENTRE_KEY,
    GRADING_IDENTITY,
    OFFICIAL_KEYS,
    OPENING_IDENTITY,
    RESULTS_KEYS,
    STRANGER,
    candidate,
    centre,
    officials,
    results_content,
    results_manifest,
    session_record,
)
from tests.support.refusals import refuses

RECIPIENT = recipient_of(GRADING_IDENTITY)
FIRST, SECOND, THIRD = OFFICIAL_KEYS


def build(manifest: ResultsManifest | None = None, content: ResultsContent | None = None) -> bytes:
    """A bundle of the centre."""
    return build_results(
        manifest or results_manifest(), content or results_content(), RESULTS_KEYS, [RECIPIENT]
    )


def opened(data: bytes) -> tuple[ResultsManifest, ResultsContent]:
    """Open as the grading site does."""
    return open_results(data, GRADING_IDENTITY, centre())


GOOD = build()


def test_results_come_back() -> None:
    """Content and manifest are what the room handed over; frames byte for byte."""
    manifest, content = opened(GOOD)

    assert content == results_content()
    assert manifest.counts == results_manifest().counts
    assert len(manifest.content_sha256) == 64


def test_names_and_responses_are_sealed() -> None:
    """Who carries the file reads counts, not people."""
    for text in ("考生1", candidate(1).id_number):
        assert text.encode() not in GOOD
    with refuses(IntegrityError, "seal.open"):
        open_results(GOOD, OPENING_IDENTITY, centre())


@pytest.mark.parametrize("data", [b"", MAGIC, b"EXPK1\n" + GOOD[6:], GOOD[:100]])
def test_another_or_a_cut_file_is_refused(data: bytes) -> None:
    """A file of another kind or without its whole envelope is refused as malformed."""
    with refuses(InputError, "results.malformed"):
        opened(data)


@pytest.mark.parametrize("data", [GOOD[:-1], GOOD + b"\0", GOOD[:-1] + bytes([GOOD[-1] ^ 1])])
def test_an_altered_content_is_refused(data: bytes) -> None:
    """The digest in the signed manifest covers the sealed content."""
    with refuses(IntegrityError, "results.altered"):
        opened(data)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((STRANGER,), "results.no_centre"),
        ((CENTRE_KEY,), "results.no_official"),
        ((CENTRE_KEY, FIRST), "results.one_official"),
        ((CENTRE_KEY, STRANGER), "results.foreign_official"),
        ((CENTRE_KEY, FIRST, STRANGER), "results.foreign_official"),
        ((FIRST, SECOND), "results.no_centre"),
        ((FIRST, SECOND, THIRD), "results.no_centre"),
        ((STRANGER, FIRST, SECOND), "results.no_centre"),
        ((CENTRE_KEY, FIRST, FIRST), "signature.repeated"),
        ((CENTRE_KEY, CENTRE_KEY, FIRST), "signature.repeated"),
    ],
)
def test_the_centre_and_two_of_its_officials_must_sign(
    keys: tuple[PrivateSigningKey, ...], code: str
) -> None:
    """Each way to have too few signatures has its own code."""
    data = build_results(results_manifest(), results_content(), keys, [RECIPIENT])

    with refuses(IntegrityError, code):
        opened(data)


@pytest.mark.parametrize(
    "keys",
    [
        (CENTRE_KEY, SECOND, FIRST),
        (CENTRE_KEY, FIRST, SECOND, THIRD),
        (FIRST, SECOND, CENTRE_KEY),
        (CENTRE_KEY, STRANGER, FIRST, SECOND),
    ],
)
def test_more_signatures_and_another_order_do_no_harm(keys: tuple[PrivateSigningKey, ...]) -> None:
    """Two officials are enough, whoever else signed and in whatever order."""
    data = build_results(results_manifest(), results_content(), keys, [RECIPIENT])

    assert opened(data)[1] == results_content()


def test_an_official_of_another_centre_does_not_count() -> None:
    """Officials are those whom headquarters named for this centre."""
    own = centre(officials=officials()[1:])

    with refuses(IntegrityError, "results.foreign_official"):
        open_results(GOOD, GRADING_IDENTITY, own)


def test_a_signature_that_does_not_hold_refuses_all() -> None:
    """Also when two others hold."""
    envelope, sealed = split_results(GOOD)
    for key in (FIRST, CENTRE_KEY):
        mark = key_id(public_key_of(key)).encode()
        at = envelope.index(b'"sig":"', envelope.index(mark)) + 10
        broken = (
            envelope[:at] + (b"A" if envelope[at : at + 1] != b"A" else b"B") + envelope[at + 1 :]
        )
        with refuses(IntegrityError, "signature.invalid"):
            opened(join_results(broken, sealed))


def test_a_centre_cannot_sign_for_another_one() -> None:
    """The manifest must name the centre whose key verified it."""
    with refuses(IntegrityError, "results.altered"):
        opened(build(results_manifest(centre_id=CentreId("C02"))))


def test_signatures_are_added_one_after_another() -> None:
    """The file is the same as when all sign at once, and the content is sealed once."""
    envelope, sealed = seal_results(results_manifest(), results_content(), CENTRE_KEY, [RECIPIENT])
    data = join_results(sign_results(sign_results(envelope, FIRST), SECOND), sealed)

    manifest, content = opened(data)
    assert content == results_content()
    assert manifest.sessions == session_heads(content.sessions)
    with refuses(IntegrityError, "results.one_official"):
        opened(join_results(sign_results(envelope, FIRST), sealed))


def test_a_receipt_is_looked_up_without_opening_anything() -> None:
    """The candidate's receipt stands in the signed manifest, under the admission number."""
    payload, _ = verify_results_envelope(split_results(GOOD)[0], centre())
    (head,) = parse_manifest(payload).sessions

    assert (head.admission_number, head.receipt) == ("20260001", session_record(1).receipt)
    assert head == session_head(session_record(1))


def shortened(record: SessionRecord) -> SessionRecord:
    """The session without its last frame."""
    (segment,) = record.segments
    fewer = msgspec.structs.replace(segment, frames=segment.frames[:-1])
    return msgspec.structs.replace(record, segments=(fewer,))


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        ({"sessions": ()}, "results.heads"),
        ({"sessions": (session_head(session_record(2)),)}, "results.heads"),
        ({"sessions": (session_head(session_record(1)),) * 2}, "results.heads"),
        ({"sessions": (session_head(shortened(session_record(1))),)}, "results.heads"),
        ({"sessions": (session_head(session_record(1, receipt="1234")),)}, "results.heads"),
        ({"sessions": (session_head(session_record(1, form_number=3)),)}, "results.heads"),
        ({"audit_lines": 1}, "results.altered"),
        ({"assignment_sha256": "00" * 32}, "results.altered"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(signed: dict[str, Any], code: str) -> None:
    """Heads, receipts, form numbers, the length of the log, the assignment's table."""
    sealed = seal(encode_canonical(results_content()), [RECIPIENT])
    digest = hashlib.sha256(sealed).hexdigest()
    manifest = results_manifest(content_sha256=digest, **signed)
    kind = "application/vnd.gongyuan.examresults.v1+json"
    envelope = sign_envelope(encode_canonical(manifest), kind, RESULTS_KEYS)

    with refuses(IntegrityError, code):
        opened(join_results(envelope, sealed))


def test_content_of_another_kind_is_refused() -> None:
    """Sealed bytes that are no results are refused after opening."""
    sealed = seal(b"{}", [RECIPIENT])
    fields = results_manifest(content_sha256=hashlib.sha256(sealed).hexdigest())
    kind = "application/vnd.gongyuan.examresults.v1+json"
    envelope = sign_envelope(encode_canonical(fields), kind, RESULTS_KEYS)
    with refuses(InputError, "results.malformed"):
        opened(join_signed_file(MAGIC, envelope, sealed))
    with refuses(InputError, "results.malformed"):
        opened(join_signed_file(MAGIC, sign_envelope(b"{}", kind, RESULTS_KEYS), sealed))


@pytest.mark.parametrize(
    "sessions",
    [
        (session_record(1, receipt=""),),
        (session_record(1, receipt="", close_reason="time_up"),),
    ],
)
def test_unsubmitted_sessions_are_counted_apart(sessions: tuple[Any, ...]) -> None:
    """Who began and never handed in is neither submitted nor absent."""
    counts = Counts(rostered=2, submitted=0, unsubmitted=1, absent=1)

    _, content = opened(build(results_manifest(counts=counts), results_content(sessions=sessions)))

    assert content.sessions == sessions


def test_a_session_that_never_began_is_absent() -> None:
    """Somebody who logged in and left before the start counts as absent."""
    counts = Counts(rostered=2, submitted=1, unsubmitted=0, absent=1)
    left = session_record(2, receipt="", close_reason=ABSENT, segments=(), working_ms=0)
    content = results_content(sessions=(session_record(1), left))

    assert opened(build(results_manifest(counts=counts), content))[1] == content


@pytest.mark.parametrize(
    ("counts", "fields"),
    [
        ((3, 1, 0, 2), {}),
        ((2, 0, 1, 1), {}),
        ((2, 1, 1, 0), {}),
        ((2, 2, 0, 0), {"sessions": (session_record(1), session_record(1))}),
        ((2, 1, 0, 1), {"sessions": (session_record(3),)}),
        ((2, 1, 0, 1), {"roster": (candidate(1), candidate(1), candidate(2))}),
        ((2, 0, 0, 2), {"sessions": (session_record(1, receipt=""),)}),
    ],
)
def test_counts_that_do_not_reconcile_are_refused(
    counts: tuple[int, int, int, int], fields: dict[str, Any]
) -> None:
    """Every rostered person is submitted, unsubmitted or absent; nobody twice, nobody else."""
    rostered, submitted, unsubmitted, absent = counts
    claimed = Counts(rostered=rostered, submitted=submitted, unsubmitted=unsubmitted, absent=absent)

    with refuses(InputError, "results.counts"):
        opened(build(results_manifest(counts=claimed), results_content(**fields)))


def test_a_sum_that_is_wrong_in_itself_is_refused() -> None:
    """Counts that do not add up cannot even be made."""
    with refuses(InputError, "results.counts"):
        Counts(rostered=2, submitted=1, unsubmitted=1, absent=1)
