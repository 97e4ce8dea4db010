"""Kiosks that were enrolled late are shown to people, and stop nobody's results."""

import pytest

from exam_core.formats.audit_log import AuditEntry, next_entry
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.results_bundle import open_results
from grading.evidence.faults import Layer
from grading.evidence.kiosks import RESULTS_KIOSK_LATE, late_kiosks
from grading.evidence.verify import verify_results
from tests.support import builders
from tests.support.audit_logs import read_entries
from tests.support.marking_world import world_key, world_log, world_results

_, CONTENT = open_results(world_results(), builders.GRADING_IDENTITY, builders.centre())
FIRST, *OTHERS = CONTENT.sessions
(SEGMENT,) = FIRST.segments
SEAT = str(SEGMENT.seat_id)

ENROLLED = ("kiosk_enrolled", SEAT, {"signing_key": str(SEGMENT.signing_key)})
LOGGED_IN = ("logged_in", SEAT, {"session_id": str(FIRST.session_id)})
STRANGER_IN = ("logged_in", SEAT, {"session_id": str(OTHERS[0].session_id)})
SWAPPED = ("machine_swapped", "A99", {"session_id": str(FIRST.session_id), "to": SEAT})


def log_of(*told: tuple[str, str, dict[str, str]]) -> list[AuditEntry]:
    """A log of these lines."""
    entries: list[AuditEntry] = []
    for action, subject, details in told:
        entries.append(
            next_entry(
                entries[-1] if entries else None,
                at_utc_ms=len(entries),
                actors=("wang",),
                role="",
                action=action,
                subject=subject,
                details=details,
            )
        )
    return entries


@pytest.mark.parametrize(
    ("told", "is_late"),
    [
        ((ENROLLED, LOGGED_IN), False),
        ((LOGGED_IN, ENROLLED), True),
        ((STRANGER_IN, ENROLLED, LOGGED_IN), False),
        ((ENROLLED, LOGGED_IN, ENROLLED), False),  # the same key again
        ((LOGGED_IN, ENROLLED, SWAPPED), False),  # a spare that was made ready, then used
        ((LOGGED_IN, SWAPPED, ENROLLED), True),
        ((LOGGED_IN,), False),  # never enrolled: `results.kiosk` says so
        ((ENROLLED,), False),
    ],
)
def test_a_kiosk_is_late_when_it_came_after_the_login_without_a_swap(
    told: tuple[tuple[str, str, dict[str, str]], ...], *, is_late: bool
) -> None:
    """The order of the lines decides; the segment is named."""
    found = late_kiosks(FIRST, log_of(*told))

    assert [(one.code, one.segment_id, one.frames) for one in found] == (
        [(RESULTS_KIOSK_LATE, SEGMENT.segment_id, 0)] if is_late else []
    )


def test_a_late_kiosk_is_named_and_refuses_nothing() -> None:
    """`grading verify` shows candidate and segment; the room's results can be imported."""
    whole = read_entries([line.encode() for line in world_log(CONTENT.assignment)])
    told = [(one.action, one.subject, dict(one.details)) for one in whole]
    at = told.index(ENROLLED)
    lines = log_of(*told[:at], LOGGED_IN, *told[at:])
    bundle = world_results(audit_lines=tuple(encode_canonical(one).decode() for one in lines))

    found = verify_results(
        bundle,
        identity=builders.GRADING_IDENTITY,
        key=world_key(),
        centre=builders.centre(),
    )

    (fault,) = found.faults
    assert (fault.layer, fault.code) == (Layer.JOURNALS, RESULTS_KIOSK_LATE)
    assert (fault.admission_number, fault.segment_id) == (
        FIRST.admission_number,
        SEGMENT.segment_id,
    )
    assert "没有换机记录" in fault.message
    assert not fault.refuses
