"""A segment on disk: kept means synced, and a failing disk never stops the candidate."""

import errno
from pathlib import Path

import pytest

from exam_client import limits
from exam_client.journal.segment_file import SegmentFile, segment_path
from exam_core.formats.journal import segment_header
from tests.support import builders
from tests.support.memory_files import MemoryFiles

FOLDER = Path("/session")
FRAMES = builders.frames()


def _segment_file(files: MemoryFiles, number: int = 1) -> SegmentFile:
    return SegmentFile(files, FOLDER, builders.SEGMENT_ID, number=number)


def _content(files: MemoryFiles, number: int = 1) -> bytes:
    return files.contents()[segment_path(FOLDER, builders.SEGMENT_ID, number)]


def _state(segment: SegmentFile) -> tuple[int, int | None]:
    """How many frames are kept, and the error number of the failure."""
    return segment.kept, segment.failure.errno if segment.failure else None


def _fail(*names: str, code: int = errno.EIO, until: int = 10**9) -> object:
    """Fail every call of these names, up to call number `until`."""

    def fault(call: int, name: str, _path: Path) -> OSError | None:
        return OSError(code, "made to fail") if name in names and call <= until else None

    return fault


def test_frames_are_kept_when_append_returns() -> None:
    """Header and frames are on disk, name included, as soon as append has returned."""
    files = MemoryFiles()
    segment = _segment_file(files)

    for count, frame in enumerate(FRAMES, 1):
        segment.append([frame], 0)
        assert segment.kept == count

    survived = files.power_off(files.rng)
    assert _content(survived) == segment_header(builders.SEGMENT_ID) + b"".join(FRAMES)
    assert segment.failure is None


def test_nothing_is_written_before_the_first_frame() -> None:
    """A segment that never gets a frame leaves no file."""
    files = MemoryFiles()

    _segment_file(files).close()

    assert files.contents() == {}


@pytest.mark.parametrize("name", ["write", "sync"])
def test_a_failed_file_is_given_up_for_a_fresh_one(name: str) -> None:
    """After a failed write or sync the whole segment goes to another file, and is kept there."""
    files = MemoryFiles()
    segment = _segment_file(files)
    segment.append(FRAMES[:1], 0)
    bad_call = files.calls + (1 if name == "write" else 2)
    files.fault = lambda call, _name, _path: OSError(errno.EIO, "") if call == bad_call else None

    segment.append(FRAMES[1:2], 0)

    assert segment.kept == 2
    assert segment.failure is None
    assert _content(files, 2) == segment_header(builders.SEGMENT_ID) + b"".join(FRAMES[:2])
    segment.append(FRAMES[2:], 0)
    assert _content(files, 2).endswith(FRAMES[-1])


@pytest.mark.parametrize("name", ["make_folder", "create", "write", "sync", "sync_folder"])
def test_a_disk_that_refuses_is_said_and_tried_again_later(name: str) -> None:
    """While nothing can be written the frames wait in memory; later tries bring them to disk."""
    files = MemoryFiles()
    files.fault = _fail(name, code=errno.ENOSPC)  # type: ignore[assignment]  # a plain function
    segment = _segment_file(files)

    segment.append(FRAMES[:1], 1_000)
    segment.append(FRAMES[1:2], 1_001)

    assert _state(segment) == (0, errno.ENOSPC)
    calls = files.calls
    segment.retry(1_000 + limits.rewrite_interval_ms - 1)
    assert files.calls == calls, "it is not tried again before the pause is over"
    files.fault = None
    segment.retry(1_000 + limits.rewrite_interval_ms)
    assert _state(segment) == (2, None)
    assert len(files.contents()) == 1, "failed copies are taken away"


def test_a_copy_that_cannot_be_removed_harms_nobody() -> None:
    """When even removing the failed copy fails, the next try takes another name."""
    files = MemoryFiles()
    files.fault = _fail("sync", "remove")  # type: ignore[assignment]  # a plain function
    segment = _segment_file(files)
    segment.append(FRAMES[:1], 0)

    files.fault = None
    segment.retry(limits.rewrite_interval_ms)

    assert segment.kept == 1
    assert _content(files, 2).endswith(FRAMES[0])


def test_retrying_without_need_does_nothing() -> None:
    """A segment that is kept is left alone."""
    files = MemoryFiles()
    segment = _segment_file(files)
    segment.append(FRAMES, 0)
    calls = files.calls

    segment.retry(10**9)

    assert files.calls == calls


def test_after_closing_the_next_append_takes_a_fresh_file() -> None:
    """Closing twice is allowed, and what comes after goes whole into the next file."""
    files = MemoryFiles()
    segment = _segment_file(files)
    segment.append(FRAMES[:1], 0)
    segment.close()
    segment.close()

    segment.append(FRAMES[1:], 0)

    assert _content(files, 2) == segment_header(builders.SEGMENT_ID) + b"".join(FRAMES)
