"""Space is kept back for answers, given back when it runs short, and kept back again."""

import os
from pathlib import Path

import pytest

from exam_core.limits import MIB
from exam_server import limits
from exam_server.room.reserve import RESERVE_NAME, DiskState, DiskWatch, free_bytes
from tests.support.fake_clock import FakeClock

RESERVE = 4 * MIB


class Disk:
    """A folder whose disk has as much space as the test says, less what the reserve holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.space = 100 * MIB
        self.watch = self.new_watch()

    def new_watch(self, reserve_bytes: int = RESERVE) -> DiskWatch:
        """The watch of a server that starts."""
        return DiskWatch(
            self.folder, self.clock, reserve_bytes=reserve_bytes, free_of=lambda _: self.free
        )

    @property
    def reserve(self) -> int:
        """What the file holds; 0 without one."""
        file = self.folder / RESERVE_NAME
        return file.stat().st_size if file.exists() else 0

    @property
    def free(self) -> int:
        """As the system would say."""
        return self.space - self.reserve


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """An empty folder."""
    return Disk(tmp_path)


def test_the_reserve_really_takes_up_the_space(disk: Disk) -> None:
    """A file with holes would keep nothing back."""
    assert disk.watch.check() is DiskState.OK

    assert disk.reserve == RESERVE
    assert (disk.folder / RESERVE_NAME).stat().st_blocks * 512 >= RESERVE
    assert disk.watch.words() == ""
    assert disk.watch.has_space_for_extras


def test_little_space_beside_the_reserve_is_told_early(disk: Disk) -> None:
    """The reserve stays: nothing is lost yet, and somebody may look."""
    disk.watch.check()
    disk.space = RESERVE + RESERVE * limits.reserve_low_times - 1

    assert disk.watch.check() is DiskState.LOW

    assert disk.reserve == RESERVE
    assert "还剩 12 MB" in disk.watch.words()
    assert disk.watch.has_space_for_extras


def test_the_reserve_is_given_back_before_a_write_fails(disk: Disk) -> None:
    """From then on what is no answer is left out."""
    disk.watch.check()
    disk.space = RESERVE + RESERVE // limits.reserve_released_share - 1

    assert disk.watch.check() is DiskState.RESERVE

    assert disk.reserve == 0
    assert "正在使用保留空间" in disk.watch.words()
    assert not disk.watch.has_space_for_extras


def test_a_write_that_found_no_space_gets_the_reserve_at_once(disk: Disk) -> None:
    """Once: the second time there is nothing to give."""
    disk.watch.check()

    assert disk.watch.give_back()
    assert disk.watch.state is DiskState.RESERVE
    assert disk.reserve == 0
    assert not disk.watch.give_back()


def test_the_reserve_used_up_is_told_as_such(disk: Disk) -> None:
    """Then nothing is promised any more."""
    disk.watch.check()
    disk.space = RESERVE
    disk.watch.check()
    disk.space = RESERVE // limits.reserve_full_share - 1

    assert disk.watch.check() is DiskState.FULL
    assert "保留空间也已用完" in disk.watch.words()


def test_with_space_again_the_reserve_is_made_anew(disk: Disk) -> None:
    """With a quarter more than it takes, so that it is not given back at the next look."""
    disk.watch.check()
    disk.space = 0
    disk.watch.check()
    disk.space = RESERVE + RESERVE // 4 - 1
    assert disk.watch.check() is DiskState.RESERVE

    disk.space += 1
    assert disk.watch.check() is DiskState.LOW
    assert disk.watch.check() is DiskState.LOW
    assert disk.reserve == RESERVE

    disk.space = 100 * MIB
    assert disk.watch.check() is DiskState.OK


def test_a_server_that_starts_takes_over_the_reserve(disk: Disk) -> None:
    """One of another size is made anew: it was cut short by a crash, or configured."""
    disk.watch.check()
    before = (disk.folder / RESERVE_NAME).stat().st_ino
    disk.new_watch().check()
    assert (disk.folder / RESERVE_NAME).stat().st_ino == before

    disk.new_watch(2 * MIB).check()
    assert disk.reserve == 2 * MIB


def test_without_a_reserve_no_disk_is_low(disk: Disk) -> None:
    """Who configures 0 is told of writes that fail, and of nothing before."""
    watch = disk.new_watch(0)
    disk.space = 0

    assert watch.check() is DiskState.OK
    assert disk.reserve == 0
    assert not watch.give_back()


def test_a_reserve_that_finds_no_space_is_not_there(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else was faster; the next look decides anew."""

    def full(_descriptor: int, _at: int, _size: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)

    assert disk.watch.check() is DiskState.RESERVE
    assert disk.reserve == 0


@pytest.mark.parametrize(
    ("used_a_second", "words"),
    [(10 * MIB, "不到 1 分钟"), (MIB // 10, "约可用 2 分钟"), (MIB // 1000, "约可用 3 小时")],
)
def test_it_tells_how_long_the_space_lasts(disk: Disk, used_a_second: int, words: str) -> None:
    """At the rate of the last minute; nothing is told while the disk does not fill."""
    disk.space = RESERVE * 3 - 1 + used_a_second
    disk.watch.check()
    disk.clock.advance(limits.disk_rate_window_ms + 1)
    disk.watch.check()
    still = disk.watch.lasts_s

    disk.clock.advance(1_000)
    disk.space -= used_a_second
    disk.watch.check()

    assert still is None
    assert disk.watch.lasts_s == disk.watch.left_bytes // used_a_second
    assert words in disk.watch.words()


def test_free_space_is_what_the_system_says(tmp_path: Path) -> None:
    """Of the disk on which the folder lies."""
    assert 0 < free_bytes(tmp_path) < 2**60
