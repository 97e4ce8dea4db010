"""The page of the LAN protocol states the limits that the code has."""

import re
from pathlib import Path

from exam_core import limits as core_limits
from exam_server import limits

PAGE = Path(__file__).resolve().parents[3] / "docs" / "spec" / "lan-protocol.md"
MIB = core_limits.MIB


def test_the_table_of_limits_is_that_of_the_code() -> None:
    """Every row that names a number of the code."""
    table = PAGE.read_text().split("## Limits")[1].split("##")[0]
    stated = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", table, re.MULTILINE))
    telemetry_burst, telemetry_per_s = limits.telemetry_pace

    expected = {
        "one message": f"{core_limits.message_bytes_max // MIB} MiB",
        "pieces of one message": f"{limits.message_pieces_max}",
        "frames in one save": f"{core_limits.save_frames_max}",
        "frames of one segment": f"{core_limits.journal_frames_max // 1000} 000",
        "segments of one session": f"{core_limits.session_segments_max}",
        "details of one telemetry": f"{core_limits.telemetry_details_max}",
        "telemetry of a seat": (
            f"{telemetry_burst} at once, then one in {1 / telemetry_per_s:.0f} s"
        ),
        "hashes of one proof": f"{core_limits.proof_steps_max}",
        "body of an HTTP request": f"{core_limits.http_body_bytes_max // 1024} KiB",
        "frames of one session unchecked": (
            f"{limits.unchecked_frames_max // 1000} 000, {limits.unchecked_bytes_max // MIB} MiB"
        ),
        "bytes of one connection not yet written": f"{limits.unwritten_bytes_max // MIB} MiB",
        "frames of the room not yet written": (
            f"{limits.save_queue_rows_max // 1000} 000, {limits.save_queue_bytes_max // MIB} MiB"
        ),
        "bytes that a kiosk leaves unread": f"{limits.outgoing_bytes_max // MIB} MiB",
        "time to attach": f"{limits.attach_wait_ms_max // 1000} s",
        "silence": f"{limits.connection_silence_ms_max // 1000} s",
        "grace after the end": f"{limits.grace_ms // 1000} s",
    }
    assert {name: stated.get(name) for name in expected} == expected
