"""Results are accepted only when the centre signed them and everybody is counted."""

import hashlib
from typing import Any

import pytest

from exam_core.crypto.sealing import recipient_of, seal
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.results_bundle import (
    ABSENT,
    MAGIC,
    Counts,
    ResultsContent,
    ResultsManifest,
    build_results,
    open_results,
)
from exam_core.formats.signed_file import join_signed_file
from exam_core.model.identifiers import CentreId
from tests.support.builders import (
    CENTRE_KEY,
    GRADING_IDENTITY,
    OPENING_IDENTITY,
    STRANGER,
    candidate,
    centre,
    results_content,
    results_manifest,
    session_record,
)
from tests.support.refusals import refuses

RECIPIENT = recipient_of(GRADING_IDENTITY)


def build(manifest: ResultsManifest | None = None, content: ResultsContent | None = None) -> bytes:
    """A bundle of the centre."""
    return build_results(
        manifest or results_manifest(), content or results_content(), CENTRE_KEY, [RECIPIENT]
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


def test_only_this_centre_signs_its_results() -> None:
    """A stranger's signature does not count, and a centre cannot sign for another one."""
    stranger = build_results(results_manifest(), results_content(), STRANGER, [RECIPIENT])

    with refuses(IntegrityError, "signature.threshold"):
        opened(stranger)
    with refuses(IntegrityError, "results.altered"):
        opened(build(results_manifest(centre_id=CentreId("C02"))))


def test_content_of_another_kind_is_refused() -> None:
    """Sealed bytes that are no results are refused after opening."""
    sealed = seal(b"{}", [RECIPIENT])
    fields = results_manifest(content_sha256=hashlib.sha256(sealed).hexdigest())
    kind = "application/vnd.gongyuan.examresults.v1+json"
    envelope = sign_envelope(encode_canonical(fields), kind, [CENTRE_KEY])
    with refuses(InputError, "results.malformed"):
        opened(join_signed_file(MAGIC, envelope, sealed))
    with refuses(InputError, "results.malformed"):
        opened(join_signed_file(MAGIC, sign_envelope(b"{}", kind, [CENTRE_KEY]), sealed))


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
