"""A backup is made while kiosks write, and put back: every frame acknowledged before is there."""

import asyncio
import json
import shutil
import socket
from pathlib import Path

import pytest

from exam_core.errors import InputError, IntegrityError, StateError, StorageError
from exam_server import limits
from exam_server.folder import only_user
from exam_server.room.backup.copying import MANIFEST_NAME, back_up
from exam_server.room.backup.restoring import restore
from exam_server.room.backup.talk import SOCKET_NAME, short_path
from exam_server.room.cli import app
from exam_server.room.folder import RoomFolder
from exam_server.store.engine import Store
from tests.support.audit_logs import read_entries
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.live_room import LiveRoom, live_room
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld
from tests.support.scenes import until
from tests.support.writing_room import WritingRoom, acknowledged_frames, missing_from

pytestmark = pytest.mark.faults


def copied(folder: RoomFolder, out: Path) -> dict[str, object]:
    """What the command line says about a backup."""
    app(["backup", "--data", str(folder.path), "--out", str(out), "--json"], standalone_mode=False)
    return json.loads((out / MANIFEST_NAME).read_bytes())  # type: ignore[no-any-return]


def test_a_backup_under_load_has_every_frame_acknowledged_before_it(
    world: RoomWorld, fork_server: ForkServer, tmp_path: Path
) -> None:
    """Saves go on meanwhile; the restored room starts, and kiosks bring what came later."""
    server = ForkedServer(world.folder, fork_server)
    room = WritingRoom(world, server)
    out, put_back = tmp_path / "stick" / "backup", tmp_path / "restored" / "data"

    async def play() -> None:
        await room.everybody_writes()
        load = [asyncio.create_task(room.write_until_cut(one)) for one in room.drivers]
        await until(lambda: room.acknowledged > 150)
        before = acknowledged_frames(room.drivers)
        manifest = await asyncio.to_thread(copied, world.folder, out)
        after = room.acknowledged
        await until(lambda: room.acknowledged > after)  # saves go on
        server.kill()
        await asyncio.gather(*load)

        restore(out, put_back)
        assert sum(before.values()) <= manifest["frames"]  # type: ignore[operator]
        store = Store(RoomFolder(put_back).database_url())
        assert missing_from(store, room.drivers, acknowledged=before) == 0
        store.close()

        shutil.rmtree(world.folder.path)
        put_back.rename(world.folder.path)
        await room.start()
        await room.open()
        for driver in room.drivers:
            driver.saved.clear()  # what was acknowledged after the backup is at the kiosk alone
            await room.attached(driver)
            await room.hand_in(driver)
            await driver.close()

    try:
        asyncio.run(play())
        assert server.stop() == 0
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
    lines = read_entries(world.folder.audit_file.read_bytes().splitlines())
    assert "backup_made" not in [one.action for one in lines]  # the copy was whole before


def set_database(room: RoomFolder, url: str) -> None:
    """Write another database into the room's configuration."""
    config = room.path / "config.json"
    settings = {**json.loads(config.read_bytes()), "database_url": url}
    config.write_bytes(json.dumps(settings).encode())


def test_answers_elsewhere_are_not_said_to_be_copied(
    world: RoomWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A PostgreSQL has tools of its own, which are named; a SQLite file outside is refused."""
    set_database(world.folder, "postgresql+psycopg://exam@/exam")
    out = tmp_path / "backup"
    app(["backup", "--data", str(world.folder.path), "--out", str(out)], standalone_mode=False)
    assert "pg_dump" in capsys.readouterr().out
    assert json.loads((out / MANIFEST_NAME).read_bytes())["database"] == ""
    words = ["restore", str(out), "--data", str(tmp_path / "new")]
    app(words, standalone_mode=False)
    assert "pg_restore" in capsys.readouterr().out
    set_database(world.folder, f"sqlite:///{tmp_path / 'elsewhere.db'}")
    with refuses(InputError, "backup.database"):
        back_up(world.folder, tmp_path / "second", made_utc_ms=0)


@pytest.fixture
def stopped(world: RoomWorld, tmp_path: Path) -> tuple[RoomFolder, Path]:
    """A room whose server does not run, with a backup of it."""
    out = tmp_path / "backup"
    copied(world.folder, out)
    return world.folder, out


def test_a_folder_without_a_server_is_copied_whole(stopped: tuple[RoomFolder, Path]) -> None:
    """Every file but those of a running program, readable for nobody else."""
    room, out = stopped

    def names(folder: Path) -> set[str]:
        return {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}

    left_out = {"lock", "room.db-wal", "room.db-shm", "reserve"}
    assert names(out) - {MANIFEST_NAME} == names(room.path) - left_out
    assert {oct(one.stat().st_mode & 0o777) for one in out.rglob("*") if one.is_file()} == {"0o600"}


def test_a_backup_overwrites_nothing(stopped: tuple[RoomFolder, Path]) -> None:
    """Neither a backup nor a data folder."""
    room, out = stopped
    with refuses(InputError, "output.exists"):
        back_up(room, out, made_utc_ms=0)
    with refuses(InputError, "data.exists"):
        restore(out, room.path)


def test_a_damaged_backup_is_not_restored(stopped: tuple[RoomFolder, Path], tmp_path: Path) -> None:
    """A byte that changed on the stick is found; so is a list that names files elsewhere."""
    _, out = stopped
    manifest = json.loads((out / MANIFEST_NAME).read_bytes())
    file = out / "config.json"
    good = file.read_bytes()
    file.write_bytes(good.replace(b"room.db", b"ROOM.db"))
    with refuses(IntegrityError, "backup.damaged"):
        restore(out, tmp_path / "new")
    file.write_bytes(good)
    for change in (
        {"version": 2},
        {"database": "other.db"},
        {"files": [{"path": "../x", "size_bytes": 0, "sha256": ""}]},
        {"more": 1},
    ):
        (out / MANIFEST_NAME).write_bytes(json.dumps({**manifest, **change}).encode())
        with refuses(InputError, "backup.malformed"):
            restore(out, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_database_that_does_not_hold_is_no_backup(world: RoomWorld, tmp_path: Path) -> None:
    """What was written is read again before anybody relies on it."""
    database = world.folder.path / "room.db"
    content = bytearray(database.read_bytes())
    content[5_000:9_000] = b"x" * 4_000
    database.write_bytes(content)
    with pytest.raises((IntegrityError, StorageError)):
        back_up(world.folder, tmp_path / "backup", made_utc_ms=0)
    assert not (tmp_path / "backup").exists()


def test_a_folder_that_another_command_uses_is_not_copied(world: RoomWorld, tmp_path: Path) -> None:
    """Nobody there can hold the database still."""
    with only_user(world.folder.path), refuses(StateError, "data.in_use"):
        back_up(world.folder, tmp_path / "backup", made_utc_ms=0)


def test_the_server_says_why_it_does_not_wait_longer(
    world: RoomWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second backup, one that takes too long, and a program that says something else."""
    monkeypatch.setattr(limits, "backup_look_s", 0.01)

    async def say(live: LiveRoom, *words: bytes) -> list[dict[str, str]]:
        folder = live.world.folder.path / "run"
        with socket.socket(socket.AF_UNIX) as end:
            with short_path(folder) as path:
                end.connect(path)
            reader, writer = await asyncio.open_unix_connection(sock=end)
            answers = [json.loads(await reader.readline())]
            for word in words:
                writer.write(word)
            if not words:
                writer.write_eof()
            answers += [json.loads(line) for line in (await reader.read()).splitlines()]
            writer.close()
        return answers

    def codes(answers: list[dict[str, str]]) -> list[str]:
        return [one["code"] for one in answers]

    async def play() -> None:
        with only_user(world.folder.path):
            async with live_room(world) as live, live.room.backups.life():
                assert codes(await say(live)) == [""]
                assert codes(await say(live, b"{}\n")) == ["", "backup.talk"]
                live.room.store.hold_file()
                assert codes(await say(live)) == ["backup.running"]
                with refuses(StateError, "backup.running"):
                    await asyncio.to_thread(
                        back_up, world.folder, tmp_path / "second", made_utc_ms=0
                    )
                live.room.store.release_file()
                monkeypatch.setattr(limits, "backup_log_bytes_max", -1)
                assert codes(await say(live, b"")) == ["", "backup.lapsed"]
                with refuses(StateError, "backup.lapsed"):
                    await asyncio.to_thread(
                        back_up, world.folder, tmp_path / "second", made_utc_ms=0
                    )
                monkeypatch.undo()
                made = await asyncio.to_thread(
                    back_up, world.folder, tmp_path / "third", made_utc_ms=0
                )
                assert made.database == "room.db"
                actions = [one.action for one in read_entries(live.room.trail.lines())]
                assert actions.count("backup_made") == 1
        assert not (world.folder.path / "run" / SOCKET_NAME).exists()

    asyncio.run(play())
    assert not (tmp_path / "second").exists()


def test_the_button_makes_a_backup_in_another_process(world: RoomWorld, tmp_path: Path) -> None:
    """Staff see on their page what became of it; the log names who asked."""

    async def play() -> None:
        with only_user(world.folder.path):
            async with live_room(world) as live, live.room.backups.life():
                async with live.signed_in("li") as http:
                    reply = await http.post("/staff/backup")
                    assert (reply.status_code, reply.json()["code"]) == (409, "backup.place")
                    config = live.world.folder.path / "config.json"
                    settings = {**json.loads(config.read_bytes()), "backup_folder": str(tmp_path)}
                    config.write_bytes(json.dumps(settings).encode())
                    assert "现在备份" in (await http.get("/staff")).text
                    out = Path((await http.post("/staff/backup")).json()["out"])
                    reply = await http.post("/staff/backup")
                    assert reply.json()["code"] == "backup.running"
                    assert "正在备份" in (await http.get("/staff")).text
                    await until(lambda: not live.room.backups.is_running)
                    assert "已备份到" in live.room.backups.last
                    assert (out / MANIFEST_NAME).is_file()
                    assert "已备份到" in (await http.get("/staff")).text
                made = [
                    one
                    for one in read_entries(live.room.trail.lines())
                    if one.action == "backup_made"
                ]
                assert [one.actors for one in made] == [("li",)]

    asyncio.run(play())
