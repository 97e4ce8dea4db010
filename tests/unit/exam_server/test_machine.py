"""An answer key waits for every room on the machine, and silence is never a yes."""

import os
import stat
from pathlib import Path

import pytest

from exam_core.errors import ExamError, StateError, StorageError
from exam_core.model.states import SittingState
from exam_server.machine import Machine, RoomStatus, draw_room_id
from exam_server.marking.services.keys import KEY_SITTING_OPEN
from exam_server.room.folder import RoomFolder
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld, initialise_room

CODE = KEY_SITTING_OPEN


def status(state: SittingState, sitting_id: str = "S1") -> RoomStatus:
    """What a room of centre C01 says."""
    return RoomStatus(centre_id="C01", sitting_id=sitting_id, state=state)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without rooms."""
    made = Machine(tmp_path / "below" / "machine")
    made.prepare()
    return made


def test_a_machine_without_rooms_has_no_open_sitting(machine: Machine) -> None:
    """A grading site on its own box takes keys; preparing again changes nothing."""
    machine.refuse_open_sittings(CODE)
    machine.prepare()
    assert (machine.folder / "rooms").read_bytes() == b""


@pytest.mark.parametrize("state", [one for one in SittingState if one is not SittingState.CLOSED])
def test_every_state_but_closed_is_open(machine: Machine, state: SittingState) -> None:
    """Of two rooms one that is not closed is enough, and it is named."""
    machine.register("00" * 8, status(SittingState.CLOSED))
    machine.register("11" * 8, status(state))
    with refuses(StateError, CODE) as caught:
        machine.refuse_open_sittings(CODE)
    assert "S1" in caught.value.message
    machine.register("11" * 8, status(SittingState.CLOSED))
    machine.refuse_open_sittings(CODE)


def test_a_room_without_a_package_counts(machine: Machine) -> None:
    """Its paper may come at any time."""
    machine.register("00" * 8, status(SittingState.PREPARED, ""))
    with refuses(StateError, CODE) as caught:
        machine.refuse_open_sittings(CODE)
    assert "尚未导入试卷包" in caught.value.message


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b"\xff", b'{"state":"closed"}', b'["closed"]']
)
def test_a_vanished_or_unreadable_status_is_no_yes(machine: Machine, content: bytes | None) -> None:
    """A file that was removed is missed, since the list of rooms only grows."""
    machine.register("00" * 8, status(SittingState.CLOSED))
    file = machine.folder / f"{'00' * 8}.json"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with refuses(StateError, CODE):
        machine.refuse_open_sittings(CODE)


def test_a_status_without_its_line_counts_too(machine: Machine) -> None:
    """Shortening the list hides no room."""
    machine.register("00" * 8, status(SittingState.RUNNING))
    (machine.folder / "rooms").write_bytes(b"")
    with refuses(StateError, CODE):
        machine.refuse_open_sittings(CODE)


def test_the_status_is_readable_for_another_user_and_the_list_has_no_doubles(
    machine: Machine,
) -> None:
    """The grading site runs as a user of its own; our umask does not matter."""
    former = os.umask(0o077)
    try:
        for state in (SittingState.PREPARED, SittingState.CLOSED):
            machine.register("00" * 8, status(state))
    finally:
        os.umask(former)
    assert (machine.folder / "rooms").read_text() == f"{'00' * 8}\n"
    for file in machine.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_registry_that_cannot_be_used_is_a_clear_refusal(tmp_path: Path) -> None:
    """No folder, no list, a file in its place: neither a room nor a grading site goes on."""
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with refuses(StorageError, "machine.registry"):
            Machine(folder).prepare()
        with refuses(StorageError, "machine.registry"):
            Machine(folder).register(draw_room_id(), status(SittingState.PREPARED))
        with refuses(StorageError, "machine.registry"):
            Machine(folder).refuse_open_sittings(CODE)
    with refuses(StorageError, "machine.registry"):
        Machine(tmp_path / "none").refuse_open_sittings(CODE)
    with pytest.raises(ValueError, match="16"):
        Machine(tmp_path).register("../x", status(SittingState.PREPARED))


def test_a_status_that_cannot_be_written_is_a_clear_refusal(machine: Machine) -> None:
    """As on a full or broken disk."""
    (machine.folder / f"{'00' * 8}.json").mkdir()
    with refuses(StorageError, "machine.registry"):
        machine.register("00" * 8, status(SittingState.PREPARED))


def test_a_room_registers_itself(tmp_path: Path) -> None:
    """From `init` on, without anybody naming its folder."""
    folder, _ = initialise_room(tmp_path / "data")
    config = folder.config()
    assert Path(config.machine) == tmp_path / "machine"
    with refuses(StateError, CODE) as caught:
        Machine(tmp_path / "machine").refuse_open_sittings(CODE)
    assert "C01" in caught.value.message
    folder.report_state("S1", SittingState.CLOSED)
    Machine(tmp_path / "machine").refuse_open_sittings(CODE)


def test_a_room_that_cannot_register_is_not_made(tmp_path: Path) -> None:
    """Neither its folder nor its opening key is left."""
    (tmp_path / "machine").write_text("in the way")
    with pytest.raises(ExamError, match=r"machine\.registry"):
        initialise_room(tmp_path / "data")
    assert [file.name for file in tmp_path.iterdir()] == ["machine"]


def test_a_copied_room_is_the_same_room(world: RoomWorld) -> None:
    """A folder that was moved or restored from a backup keeps its number."""
    moved = world.folder.path.rename(world.folder.path.with_name("moved"))
    folder = RoomFolder(moved)
    folder.report_state("S1", SittingState.RUNNING)
    folder.report_state("S1", SittingState.CLOSED)
    machine = Machine(Path(folder.config().machine))
    machine.refuse_open_sittings(CODE)
    assert len(list(machine.folder.glob("*.json"))) == 1
