"""What the lead and the staff see of journals that do not hold, one line for each session.

Nothing here changes a score: what does not count was left out when the results came in, and
people decide what follows from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from exam_core.errors import CODES
from exam_core.formats.journal_reading import Anomaly
from exam_core.model.identifiers import AdmissionNumber, CentreId
from exam_server.marking.site import GradingSite
from exam_server.store import marking as rows
from grading.evidence.journals import RESULTS_RECEIPT
from grading.evidence.kiosks import RESULTS_KIOSK_LATE

FINDINGS_ZH = {
    "journal.frame": "记录被改动，或不是本场机位所写",
    "journal.chain": "记录前后不相连",
    "journal.entry": "记录内容读不出，或段首记录不对",
    "response.unknown_part": "作答或标记的试题不在该考生的试卷上",
    "response.misfit": "作答与试题的题型或选项不符",
    "response.after_end": "交卷之后的作答",
    RESULTS_KIOSK_LATE: "来自登录之后才登记的考生机，又没有换机记录；作答照常计入",
    RESULTS_RECEIPT: "考点确认过交卷，结果包中却没有对应的交卷记录",
}
"""What each code means to somebody who does not know the format."""

_REFERENCE_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Entries of a session that do not count for one reason, in all its segments."""

    code: str
    text: str
    frames: int
    segments: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalousSession:
    """One session with its findings.

    `reference` names it on pages that show nobody's identity; `is_grave` says that a submission
    which the centre confirmed is not there.
    """

    reference: str
    admission_number: AdmissionNumber
    centre_id: CentreId
    is_grave: bool
    findings: tuple[Finding, ...]


def anomalous_sessions(site: GradingSite) -> tuple[AnomalousSession, ...]:
    """Every session with anomalies: the grave ones first, then in order of the reference."""
    with site.store.transaction() as db:
        task_salt, _ = rows.site(db)
        stored = rows.anomalies(db)
    by_session: dict[tuple[AdmissionNumber, CentreId], list[Anomaly]] = {}
    for one in stored:
        by_session.setdefault((one.admission_number, one.centre_id), []).append(one.anomaly)
    sessions = [
        AnomalousSession(
            reference=_reference(task_salt, admission_number),
            admission_number=admission_number,
            centre_id=centre_id,
            is_grave=any(anomaly.code == RESULTS_RECEIPT for anomaly in found),
            findings=_findings(found),
        )
        for (admission_number, centre_id), found in by_session.items()
    ]
    return tuple(sorted(sessions, key=lambda one: (not one.is_grave, one.reference)))


def audit_text(anomalies: Iterable[Anomaly]) -> str:
    """Codes with the number of entries each, for the audit log."""
    return " ".join(f"{one.code}={one.frames}" for one in _findings(list(anomalies)))


def _findings(anomalies: Sequence[Anomaly]) -> tuple[Finding, ...]:
    by_code: dict[str, list[Anomaly]] = {}
    for anomaly in anomalies:
        by_code.setdefault(anomaly.code, []).append(anomaly)
    return tuple(
        Finding(
            code=code,
            text=FINDINGS_ZH.get(code, CODES.get(code, code)),
            frames=sum(one.frames for one in found),
            segments=len(found),
            seq=found[0].seq,
        )
        for code, found in by_code.items()
    )


def _reference(task_salt: str, admission_number: AdmissionNumber) -> str:
    """A name that only this site can tie to the candidate."""
    text = f"{task_salt}/anomaly/{admission_number}"
    return sha256(text.encode()).hexdigest()[:_REFERENCE_CHARS]
