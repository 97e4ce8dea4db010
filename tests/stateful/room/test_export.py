"""The export of a running room: all that was acknowledged is in it, for the readers signed in."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from exam_core.crypto.sealing import SealingIdentity, generate_identity
from exam_core.errors import InputError, IntegrityError, StateError, StorageError
from exam_core.formats.audit_log import AuditEntry
from exam_core.formats.canonical import decode_canonical
from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.results_bundle import (
    open_results,
    seal_results,
)
from exam_core.formats.results_content import (
    ResultsContent,
    ResultsManifest,
)
from exam_core.model.states import SittingEvent, SittingState
from exam_core.protocol.messages import Refused, Saved
from exam_server import limits
from exam_server.folder import STORAGE_FULL
from exam_server.machine import Machine
from exam_server.room.services import results
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld, deliver
from tests.support.scenes import closed_with, run, state_of, stored, until
from tests.support.signed_results import close, export, fix, make_draft, sign


def opened(
    live: LiveRoom, bundle: bytes, identity: SealingIdentity = builders.GRADING_IDENTITY
) -> tuple[ResultsManifest, ResultsContent]:
    """What the grading site reads."""
    return open_results(bundle, identity, live.room.folder.centre())


async def late_kiosk(live: LiveRoom, serial: int = 1) -> KioskDriver:
    """A kiosk that was away when time was up and is back: its session is closed, it still sends."""
    await live.start()
    driver = await live.writing(serial)
    await driver.save(builders.response_recorded("i1.1"))
    await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
    live.clock.advance(limits.grace_ms)
    await live.room.hub.course.tick()
    await live.room.hub.core.finish()
    return driver


class Gate:
    """Lets a thread come to a place and stand there until the test lets it go on."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._go_on = threading.Event()

    def stop_here(self) -> None:
        """Called by the thread."""
        self._reached.set()
        assert self._go_on.wait(20)

    async def reached(self) -> None:
        """Wait until the thread stands there."""
        await until(self._reached.is_set)

    def open(self) -> None:
        """Let it go on."""
        self._go_on.set()


class GatedStore:
    """A store that stops before each commit of frames."""

    def __init__(self, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Stops first, so that the database stays free."""
        self._gate.stop_here()
        with self._store.connection() as connection:
            yield connection


def gate_at_sealing(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The next export stands still once it has read what is in the database."""
    gate = Gate()

    def seal_later(*arguments: Any) -> tuple[bytes, bytes]:
        gate.stop_here()
        return seal_results(*arguments)

    monkeypatch.setattr(f"{results.__name__}.seal_results", seal_later)
    return gate


def test_nothing_is_acknowledged_while_the_export_runs(
    any_world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save that comes when the results are being made is refused, and is not on disk."""
    gate = gate_at_sealing(monkeypatch)

    async def scene(live: LiveRoom) -> None:
        driver = await late_kiosk(live)
        exporting = asyncio.create_task(export(live))
        await gate.reached()
        driver.append(builders.response_recorded("i1.1", "B"))
        await driver.send_frames(driver.segment_id, 2)
        try:
            assert (await driver.expect(Refused)).code == "sitting.state"
        finally:
            gate.open()
        _, content = opened(live, await exporting)
        (session,) = content.sessions
        assert session.segments[0].frames == tuple(driver.frames[driver.segment_id][:2])
        assert stored(live, driver) == driver.frames[driver.segment_id][:2]
        assert state_of(live) is SittingState.CLOSED

    run(any_world, scene)


def test_what_was_taken_before_the_export_is_in_it(any_world: RoomWorld) -> None:
    """Frames that wait for their commit, with a submit entry: saved, receipt given, exported."""

    async def scene(live: LiveRoom) -> None:
        driver = await late_kiosk(live)
        gate = Gate()
        live.room.hub.writer._store = GatedStore(live.room.store, gate)  # type: ignore[assignment]
        driver.append(builders.response_recorded("i1.1", "B"))
        driver.append(builders.session_submitted(reason=SubmitReason.PROCTOR))
        await driver.send_frames(driver.segment_id, 2)
        await gate.reached()
        exporting = asyncio.create_task(export(live))
        await until(lambda: state_of(live) is SittingState.SEALED)
        assert not exporting.done()
        gate.open()
        assert (await driver.expect(Saved)).frames == 4
        manifest, content = opened(live, await exporting)
        (session,) = content.sessions
        assert session.segments[0].frames == tuple(driver.frames[driver.segment_id])
        assert session.receipt
        assert (manifest.counts.submitted, manifest.counts.unsubmitted) == (1, 0)
        assert await driver.send_submit() == session.receipt

    run(any_world, scene)


def test_an_export_that_fails_closes_nothing(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sitting is ended as before, kiosks come again, and the next export has it all."""

    def full(*_arguments: object) -> None:
        raise StorageError(STORAGE_FULL, "磁盘空间不足")

    async def scene(live: LiveRoom) -> None:
        driver = await late_kiosk(live)
        with monkeypatch.context() as broken, refuses(StorageError, "storage.full"):
            broken.setattr(f"{results.__name__}.write_atomically", full)
            await export(live)
        assert state_of(live) is SittingState.ENDED
        assert await closed_with(driver) == 1013
        driver.append(builders.response_recorded("i1.1", "B"))
        await driver.reattach()
        await driver.wait_saved()
        _, content = opened(live, await export(live))
        assert content.sessions[0].segments[0].frames == tuple(driver.frames[driver.segment_id])

    run(world, scene)


def test_a_sitting_that_is_closed_on_disk_stays_closed(
    world: RoomWorld,
) -> None:
    """When only the last small file could not be written, the next call goes on."""
    machine = Path(world.folder.config().machine)
    shutil.rmtree(machine, ignore_errors=True)

    async def scene(live: LiveRoom) -> None:
        driver = await late_kiosk(live)

        machine.write_text("no folder")  # noqa: ASYNC240  the test is alone in its loop
        with refuses(StorageError, "machine.registry"):
            await export(live)
        machine.unlink()  # noqa: ASYNC240  likewise
        driver.append(builders.response_recorded("i1.1", "B"))
        await driver.send_frames(driver.segment_id, 2)
        assert (await driver.expect(Refused)).code == "sitting.state"
        assert await export(live) == live.room.folder.results_file.read_bytes()
        assert state_of(live) is SittingState.CLOSED

    run(world, scene)
    Machine(machine).refuse_open_sittings("key.sitting_open")
    assert len(list(machine.glob("*.json"))) == 1


def test_results_that_are_fixed_on_disk_stay_fixed(world: RoomWorld) -> None:
    """A fault after the commit does not open the room again: what came later would be lost."""

    async def scene(live: LiveRoom) -> None:
        driver = await late_kiosk(live)

        def make_and_fail() -> None:
            make_draft(live)
            raise StorageError(STORAGE_FULL, "磁盘空间不足")

        with refuses(StorageError, "storage.full"):
            await live.room.hub.steering.fix_results(make_and_fail)
        assert state_of(live) is SittingState.SEALED
        driver.append(builders.response_recorded("i1.1", "B"))
        await driver.send_frames(driver.segment_id, 2)
        assert (await driver.expect(Refused)).code == "sitting.state"

    run(world, scene)


def test_two_officials_sign_before_there_is_a_file(world: RoomWorld) -> None:
    """One is not enough, the same one is not two, and one person brings one key only."""

    async def scene(live: LiveRoom) -> None:
        await late_kiosk(live)
        room = live.room
        with refuses(StateError, "sitting.state"):
            sign(live, "", 0)
        draft = await fix(live)
        assert state_of(live) is SittingState.SEALED
        with refuses(StateError, "results.digest_shown"):
            sign(live, "00" * 32, 0)
        with refuses(StateError, "sitting.state"):
            await close(live)
        assert [one.official.name for one in sign(live, draft.digest, 0).signed_by] == ["王建国"]
        with refuses(StateError, "official.signed"):
            sign(live, draft.digest, 0)
        with refuses(StateError, "sitting.state"):
            await close(live)
        assert not room.folder.results_file.exists()
        for signer in (
            results.Signer(account="zhang", session_key="another browser"),
            results.Signer(account="another", session_key="session of zhang"),
        ):
            with refuses(StateError, "official.same_person"):
                results.add_signature(
                    room.store,
                    room.folder,
                    room.trail,
                    signer,
                    digest=draft.digest,
                    key=builders.OFFICIAL_KEYS[1],
                )
        with refuses(StateError, "official.unknown"):
            results.add_signature(
                room.store,
                room.folder,
                room.trail,
                results.Signer(account="zhao", session_key="b"),
                digest=draft.digest,
                key=builders.STRANGER,
            )
        sign(live, draft.digest, 1)
        bundle = await close(live)
        manifest, _ = opened(live, bundle)
        assert manifest == draft.manifest
        assert state_of(live) is SittingState.CLOSED
        with refuses(StateError, "sitting.state"):
            sign(live, draft.digest, 2)

    run(world, scene)


def test_a_crash_between_the_steps_loses_nothing(world: RoomWorld) -> None:
    """A restarted room has the draft and its first signature, and goes on to the same file."""

    async def first(live: LiveRoom) -> None:
        await late_kiosk(live)
        draft = await fix(live)
        sign(live, draft.digest, 0)

    async def second(live: LiveRoom) -> None:
        assert state_of(live) is SittingState.SEALED
        draft = await fix(live)
        assert [one.account for one in draft.signed_by] == ["zhang"]
        sign(live, draft.digest, 1)
        bundle = await close(live)
        assert opened(live, bundle)[0] == draft.manifest
        assert await export(live) == bundle

    run(world, first)
    run(world, second)


@pytest.mark.parametrize("name", ["draft.json", "sealed.age"])
def test_a_draft_that_was_changed_is_not_signed_out(world: RoomWorld, name: str) -> None:
    """Whoever writes into the folder between the steps gets no signed file."""

    async def scene(live: LiveRoom) -> None:
        await late_kiosk(live)
        draft = await fix(live)
        sign(live, draft.digest, 0)
        sign(live, draft.digest, 1)
        file = live.room.folder.path / "results" / name
        data = file.read_bytes()
        file.write_bytes(data[:-20] + b"x" * 20)
        with refuses(IntegrityError, "results.altered"):
            await close(live)
        file.write_bytes(data)
        opened(live, await close(live))

    run(world, scene)


def test_a_running_or_collecting_room_is_not_disturbed(world: RoomWorld) -> None:
    """An export that comes too early refuses no save."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        with refuses(StateError, "sitting.state"):
            await export(live)
        await driver.save(builders.response_recorded("i1.1"))
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        with refuses(StateError, "session.state"):
            await export(live)
        await driver.submit(SubmitReason.PROCTOR)
        assert state_of(live) is SittingState.ENDED

    run(world, scene)


def test_the_store_takes_no_frame_of_a_closed_sitting(any_world: RoomWorld) -> None:
    """Whoever asks: the sitting's state is read in the transaction of the frames."""

    async def scene(live: LiveRoom) -> None:
        driver = await late_kiosk(live)
        await export(live)
        store, row = live.room.store, (1, 2, b"frame", 0, bytes(32))
        with refuses(StorageError, "storage.failed"), store.connection() as connection:
            FrameLog({}).append(connection, [row], [])
        assert len(stored(live, driver)) == 2

    run(any_world, scene)


def test_the_results_are_sealed_to_whom_headquarters_named(world: RoomWorld) -> None:
    """To the recipients in the signed package, whoever exports; the audit log names them."""

    async def scene(live: LiveRoom) -> None:
        await late_kiosk(live)
        bundle = await export(live)
        assert opened(live, bundle)[0].counts.rostered == 4
        with refuses(IntegrityError, "seal.open"):
            opened(live, bundle, generate_identity())
        entries = [
            decode_canonical(line, AuditEntry, "audit.malformed", "")
            for line in live.room.trail.lines()
        ]
        fixed, *signed, exported = [one for one in entries if one.action.startswith("results_")]
        assert fixed.details["recipients"] == builders.recipient()
        assert [one.subject for one in signed] == ["王建国", "李秀英"]
        assert exported.actors == ("zhang", "zhao")
        assert await export(live) == bundle

    run(world, scene)


def test_another_package_on_disk_chooses_no_reader(world: RoomWorld) -> None:
    """Damaged, or well signed but not the one that was imported: no results, nothing closed."""

    async def scene(live: LiveRoom) -> None:
        await late_kiosk(live)
        folder = live.room.folder
        file = folder.package_file(live.room.hub.state.package_sha256)
        package = file.read_bytes()
        file.write_bytes(package[:-1])
        with refuses(InputError, "package.size"):
            await export(live)
        file.write_bytes(deliver(folder.centre(), forms=5).package)
        with refuses(IntegrityError, "package.altered"):
            await export(live)
        assert state_of(live) is SittingState.ENDED
        file.write_bytes(package)
        opened(live, await export(live))

    run(world, scene)
