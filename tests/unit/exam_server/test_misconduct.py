"""Who was refused what, and when the proctor is told."""

from exam_core.crypto.signing import PublicSigningKey
from exam_core.formats.journal import JOURNAL_FRAME
from exam_core.model.identifiers import SeatId, SegmentId
from exam_server import limits
from exam_server.doorway import NET_HANDSHAKE, Source, address_of
from exam_server.room.misconduct import NET_REFUSALS, Misconduct
from exam_server.room.saving.evidence import Evidence
from exam_server.room.services.enrolment import EnrolledKiosk

_KIOSK = EnrolledKiosk(
    fingerprint="ab",
    seat_id=SeatId("A01"),
    signing_key=PublicSigningKey(""),
    enrolled_by="wang",
    issued_utc_ms=0,
)


class _Room:
    """What the room is told."""

    def __init__(self) -> None:
        self.alarms: list[tuple[str, str, str]] = []
        self.misconduct = Misconduct(
            alarm=lambda seat_id, code, message: self.alarms.append((seat_id, code, message)),
            kiosks={"ab": _KIOSK},
            now_s=lambda: 0.0,
        )


def test_one_refused_connection_is_a_mistake_and_many_are_an_alarm() -> None:
    """It names the address, and the seat if the certificate is one of ours."""
    room = _Room()
    stranger, ours = Source(address="10.0.0.9"), Source(address="10.0.0.7", fingerprint="ab")
    burst = limits.attack_signs_pace[0]
    for _ in range(burst):
        room.misconduct.connection_refused(stranger, NET_HANDSHAKE)
        room.misconduct.connection_refused(ours, NET_HANDSHAKE)
    assert room.alarms == []
    room.misconduct.connection_refused(stranger, NET_HANDSHAKE)
    room.misconduct.connection_refused(ours, NET_HANDSHAKE)
    assert [(seat, code) for seat, code, _ in room.alarms] == [
        ("", NET_HANDSHAKE),
        ("A01", NET_HANDSHAKE),
    ]
    assert "10.0.0.9" in room.alarms[0][2]
    assert room.misconduct.counts["10.0.0.9", NET_HANDSHAKE] == burst + 1
    assert room.misconduct.counts["A01", NET_HANDSHAKE] == burst + 1


def test_a_seat_that_is_refused_too_often_is_to_be_closed() -> None:
    """After the burst, with an alarm; another seat is not."""
    room = _Room()
    told = [
        room.misconduct.message_refused(SeatId("A01"), JOURNAL_FRAME)
        for _ in range(limits.refusals_pace[0] + 1)
    ]
    assert told == [False] * limits.refusals_pace[0] + [True]
    assert not room.misconduct.message_refused(SeatId("A02"), JOURNAL_FRAME)
    assert [(seat, code) for seat, code, _ in room.alarms] == [("A01", NET_REFUSALS)]


def test_an_address_stands_for_a_machine() -> None:
    """Of IPv6 the network, since one machine has all of it; IPv4 written as IPv6 is IPv4."""
    assert address_of("192.168.1.5") == "192.168.1.5"
    assert address_of("::ffff:192.168.1.5") == "192.168.1.5"
    assert address_of("fd00:1:2:3:4:5:6:7") == address_of("fd00:1:2:3::9") == "fd00:1:2:3::/64"
    assert address_of("fe80::1%eth0") == "fe80::/64"


def test_the_evidence_of_one_segment_leaves_room_for_others() -> None:
    """So many frames of each, so many of all, so many bytes."""
    kept: list[tuple[str, int]] = []
    evidence = Evidence(lambda segment_id, seq, _frame, _code: kept.append((segment_id, seq)))
    for number in range(20):
        for seq in range(100):
            evidence.keep(SegmentId(f"s{number}"), seq, b"frame", JOURNAL_FRAME)
    assert len(kept) == limits.evidence_frames_max
    assert sum(segment_id == "s0" for segment_id, _ in kept) == limits.evidence_segment_max

    kept.clear()
    evidence = Evidence(lambda segment_id, seq, _frame, _code: kept.append((segment_id, seq)))
    for seq in range(4):
        evidence.keep(SegmentId("s"), seq, bytes(limits.evidence_bytes_max // 3), JOURNAL_FRAME)
    assert len(kept) == 3
