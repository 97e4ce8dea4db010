"""Kiosks that came late: enrolled when the session whose answers they signed had begun elsewhere.

Who has root in a room can enrol a machine of their own and write with it; the log tells of the
enrolment. A machine that really broke leaves the same lines, so this is for people to look at.
"""

from collections.abc import Sequence

from exam_core.errors import declare
from exam_core.formats.audit_log import AuditEntry
from exam_core.formats.journal_reading import Anomaly
from exam_core.formats.results_content import SessionRecord

RESULTS_KIOSK_LATE = declare(
    "results.kiosk_late",
    "有作答记录来自考试中途才登记的考生机，又没有换机记录；请凭考场记录单核实是否确有更换机器。",
)


def late_kiosks(record: SessionRecord, entries: Sequence[AuditEntry]) -> tuple[Anomaly, ...]:
    """The segments of a session whose kiosk was enrolled after the candidate had logged in.

    Not those of a seat to which the session was moved later on: that is what a spare is for. All
    that stands in them counts; `frames` is 0.
    """
    own = [one for one in entries if one.details.get("session_id") == record.session_id]
    began = next((one.n for one in own if one.action == "logged_in"), None)
    if began is None:
        return ()
    enrolled: dict[tuple[str, str | None], int] = {}
    for one in entries:
        if one.action == "kiosk_enrolled":
            enrolled.setdefault((one.subject, one.details.get("signing_key")), one.n)
    moved = {one.details.get("to"): one.n for one in own if one.action == "machine_swapped"}
    found = []
    for segment in record.segments:
        since = enrolled.get((segment.seat_id, segment.signing_key), 0)
        if since > began and moved.get(segment.seat_id, 0) < since:
            late = Anomaly(segment_id=segment.segment_id, seq=0, code=RESULTS_KIOSK_LATE, frames=0)
            found.append(late)
    return tuple(found)
