"""What the programs on one machine tell each other: which exam rooms are here, and their state.

Each room's data folder has a number and keeps a small status file in one folder of the machine;
the grading site reads them and takes no answer key while a sitting here is not closed. Nothing
secret stands there: centre, sitting, state. The list of rooms only grows, so that a status that
vanished is missed: silence is never a yes.
"""

import fcntl
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exam_core.errors import InputError, StateError, StorageError, declare
from exam_core.formats.canonical import encode_canonical
from exam_core.model.states import SittingState
from exam_server import limits
from exam_server.folder import read_input, sync_folder, write_atomically

MACHINE_REGISTRY = declare(
    "machine.registry",
    "请检查本机登记文件夹（--machine）是否存在、是否可写，或重新运行安装脚本 install-server.sh。",
)

DEFAULT_MACHINE = Path("/var/lib/gongyuan/machine")
MACHINE_VARIABLE = "GONGYUAN_MACHINE"
"""The environment variable that names another folder, for tests and for the demo."""

_LIST = "rooms"
_ROOM_ID = re.compile(r"[0-9a-f]{16}")
_PUBLIC = 0o644  # the grading site runs as another user; no secret stands here


class RoomStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a room says of itself; `sitting_id` is empty before a package was imported."""

    centre_id: str
    sitting_id: str
    state: SittingState


@dataclass(frozen=True, slots=True)
class Machine:
    """The folder where the rooms of this machine are known."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder if it is not there.

        Raises:
            StorageError: `machine.registry`.
        """
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not (self.folder / _LIST).exists():
                self._append(b"")
        except OSError as error:
            raise _failed(self.folder, error) from error

    def register(self, room_id: str, status: RoomStatus) -> None:
        """Name a room and its state; from now on its status is expected here.

        Raises:
            StorageError: `machine.registry`; then the room must not go on.
        """
        if not _ROOM_ID.fullmatch(room_id):
            raise ValueError("a room's number has 16 hexadecimal digits")
        self.prepare()
        file = self._status_file(room_id)
        try:
            if room_id not in self._rooms():
                self._append(f"{room_id}\n".encode())
            write_atomically(file, encode_canonical(status), mode=_PUBLIC)
            file.chmod(_PUBLIC)  # whatever the umask
        except (OSError, StorageError) as error:
            raise _failed(self.folder, error) from error

    def refuse_open_sittings(self, code: str) -> None:
        """Refuse, with `code`, while any room that was ever named here is not closed.

        Raises:
            StateError: `code`, naming centre and sitting, or the room whose status is missing or
                unreadable.
            StorageError: `machine.registry`, when the list itself cannot be read.
        """
        try:
            rooms = self._rooms()
        except OSError as error:
            raise _failed(self.folder, error) from error
        for room_id in rooms:
            status = self._status(room_id)
            if status is None:
                raise StateError(code, f"本机考场 {room_id} 的状态读不到", room_id=room_id)
            if status.state is not SittingState.CLOSED:
                sitting = f"场次 {status.sitting_id}" if status.sitting_id else "尚未导入试卷包"
                raise StateError(
                    code,
                    f"本机考场 {status.centre_id}（{sitting}）尚未关闭",
                    room_id=room_id,
                )

    def _status(self, room_id: str) -> RoomStatus | None:
        try:
            data = read_input(
                self._status_file(room_id), bytes_max=limits.config_bytes_max, name="考场状态"
            )
            return msgspec.json.decode(data, type=RoomStatus)
        except (InputError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _status_file(self, room_id: str) -> Path:
        return self.folder / f"{room_id}.json"

    def _rooms(self) -> list[str]:
        with (self.folder / _LIST).open("rb") as file:
            data = file.read(limits.machine_list_bytes_max)
        lines = data.decode("ascii", "replace").splitlines()
        # A status that is there counts, even if its line in the list is gone.
        present = [file.stem for file in self.folder.glob("*.json")]
        return list(dict.fromkeys([*filter(None, lines), *sorted(present)]))

    def _append(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.folder / _LIST, flags, _PUBLIC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.fchmod(descriptor, _PUBLIC)
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self.folder)


def draw_room_id() -> str:
    """A number for a new room's data folder."""
    return secrets.token_hex(8)


def _failed(folder: Path, error: Exception) -> StorageError:
    return StorageError(MACHINE_REGISTRY, f"不能使用本机登记文件夹 {folder}", reason=str(error))
