"""What the server was seen doing, folded into parts."""

from pathlib import Path

from deploy.bench.server.sampling import part_of, read_samples, shares

_MAIN = "thread (7): MainThread"


def test_the_innermost_known_frame_names_the_part() -> None:
    """A signature checked on behalf of the room is a signature, not the room."""
    room = "Intake.save (exam_server/room/intake.py:114)"
    assert part_of((_MAIN, room)) == "the room"
    check = "signature_holds (exam_core/crypto/signing.py:63)"
    assert part_of((_MAIN, room, check)) == "looking at kiosks' signatures"
    assert part_of((_MAIN, room, "SSLObject.write (ssl.py:930)")) == "TLS"


def test_what_cannot_be_told_is_said_to_be_so() -> None:
    """A stack of the loop alone belongs to no part of ours."""
    assert part_of((_MAIN, "Runner.run (asyncio/runners.py:118)")).startswith("the loop itself")


def test_shares_are_of_one_thread(tmp_path: Path) -> None:
    """Samples of other threads do not count, and the shares of one add up to all of it."""
    folded = tmp_path / "samples.folded"
    folded.write_text(
        f"{_MAIN};Intake.save (exam_server/room/intake.py:1) 3\n"
        f"{_MAIN};SSLObject.read (ssl.py:921) 1\n"
        "thread (8): frame-writer;FrameLog.append (exam_server/store/room.py:2) 9\n"
        f"{_MAIN};SSLObject.read (ssl.py:921; cut off here"
    )
    assert shares(read_samples(folded), thread="MainThread") == [("the room", 0.75), ("TLS", 0.25)]


def test_nothing_seen_is_no_share(tmp_path: Path) -> None:
    """An empty file gives an empty table."""
    folded = tmp_path / "samples.folded"
    folded.touch()
    assert shares(read_samples(folded), thread="MainThread") == []
