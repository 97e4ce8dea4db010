"""`exam-server` as a command: every bad input ends with one clear sentence and status 2."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import encode_root
from exam_server.room.folder import RoomFolder
from tests.support import builders
from tests.support.audit_logs import read_entries
from tests.support.room_world import (
    PASSPHRASE,
    PASSWORD,
    RoomWorld,
    deliver,
    initialise_room,
    roster_file,
    running,
)

pytestmark = pytest.mark.faults


def exam_server(
    *arguments: str | Path | int, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exam_server.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=before,
    )


def assert_refused(result: subprocess.CompletedProcess[str], code: str) -> None:
    """Status 2, the code, a sentence and the advice; no traceback."""
    assert result.returncode == 2, result.stderr
    assert f"错误 {code}：" in result.stderr
    assert "怎么办：" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def written(path: Path, data: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(data)
    return path


def test_a_centre_is_set_up_from_the_command_line(tmp_path: Path) -> None:
    """init, add-official, install-centre, add-account, the imports, as the manual says."""
    data = tmp_path / "data"
    secret = written(tmp_path / "passphrase", PASSPHRASE.encode() + b"\n")
    made = exam_server(
        "init",
        *("--data", data, "--centre-id", "C01", "--name", "第一考点"),
        *("--root", written(tmp_path / "root.json", encode_root(builders.root()))),
        *("--address", "127.0.0.1", "--address", "exam.lan"),
        *("--opening-key-out", tmp_path / "opening.key", "--passphrase-file", secret, "--json"),
    )
    assert made.returncode == 0, made.stderr
    assert len(json.loads(made.stdout)["root_fingerprint"].split()) == 16
    assert data.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in data.rglob("*") if file.is_file())
    assert (tmp_path / "opening.key").stat().st_mode & 0o777 == 0o600

    for name in ("王建国", "李秀英"):
        key = tmp_path / f"{name}.key"
        named = exam_server(
            *("add-official", "--data", data, "--name", name, "--office", "主考"),
            *("--key-out", key, "--passphrase-file", secret),
        )
        assert named.returncode == 0, named.stderr
        assert key.stat().st_mode & 0o777 == 0o600
    centre = RoomFolder(data).centre()
    signed = sign_centre(centre, [builders.SETTER, builders.APPROVER])
    delivery = deliver(centre, forms=5)
    roster = written(tmp_path / "roster.xlsx", roster_file(builders.roster(4)))
    password = written(tmp_path / "password", PASSWORD.encode())
    for arguments in (
        ("install-centre", written(tmp_path / "centre.signed", signed)),
        ("add-account", "--name", "zhang", "--roles", "chief,it", "--password-file", password),
        (
            "import-package",
            written(tmp_path / "p.exampkg", delivery.package),
            written(tmp_path / "o.age", delivery.opening),
        ),
        ("import-roster", roster, "--seed", "22" * 32),
    ):
        done = exam_server(*arguments, "--data", data)
        assert done.returncode == 0, done.stderr
    with running(RoomFolder(data)) as server:
        assert server.console_url.startswith("https://127.0.0.1:")
        busy = exam_server("import-roster", "--data", data, roster)
        assert_refused(busy, "data.in_use")
        assert server.stop() == 0
    assert not RoomFolder(data).ready_file.exists()


def test_bad_files_are_refused_with_their_code(world: RoomWorld, tmp_path: Path) -> None:
    """A wrong kind of file, a truncated and an altered package, a wrong root, a bad roster."""
    data = world.folder.path
    package, opening = world.delivery.package, written(tmp_path / "o.age", world.delivery.opening)
    flipped = package[:-1] + bytes([package[-1] ^ 1])
    for content, code in (
        (b"nonsense", "package.malformed"),
        (package[:-1], "package.size"),
        (flipped, "package.altered"),
    ):
        file = written(tmp_path / "p.exampkg", content)
        assert_refused(exam_server("import-package", "--data", data, file, opening), code)
    for arguments, code in (
        (("import-roster", "--data", data, opening), "roster.file"),
        (("import-package", "--data", data, tmp_path / "none", opening), "file.unreadable"),
        (("serve", "--data", tmp_path), "data.missing"),
        (("install-centre", "--data", data, opening), "signature.malformed"),
        (
            (
                *("add-account", "--data", data, "--name", "x", "--roles", "king"),
                *("--password-file", opening),
            ),
            "account.role",
        ),
        (
            ("export-results", "--data", data, "--out", tmp_path / "r"),
            "results.no_official",
        ),
    ):
        assert_refused(exam_server(*arguments), code)


def test_a_room_without_package_does_not_serve(tmp_path: Path) -> None:
    """It says what to import first."""
    folder, _ = initialise_room(tmp_path / "data")
    assert_refused(exam_server("serve", "--data", folder.path), "sitting.state")


def test_a_busy_port_is_named(world: RoomWorld) -> None:
    """The server does not start on a port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(
            exam_server("serve", "--data", world.folder.path, "--kiosk-port", port), "serve.port"
        )


def test_a_full_disk_at_import_leaves_the_room_as_it_was(world: RoomWorld, tmp_path: Path) -> None:
    """The package does not fit: nothing half-written, the former package stays."""
    newer = deliver(world.folder.centre(), forms=40, sequence=2)
    package = written(tmp_path / "p.exampkg", newer.package)
    opening = written(tmp_path / "o.age", newer.opening)
    before = sorted((world.folder.path / "packages").iterdir())

    def only_30_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    if os.getuid() == 0 and _has_mounts():
        result = _import_on_small_disk(world.folder, package, opening, tmp_path)
    else:
        result = exam_server(
            "import-package", "--data", world.folder.path, package, opening, before=only_30_kb
        )
    assert_refused(result, "storage.full")
    assert sorted((world.folder.path / "packages").iterdir()) == before
    again = exam_server("import-package", "--data", world.folder.path, package, opening)
    assert again.returncode == 0, again.stderr


def _has_mounts() -> bool:
    probe = subprocess.run(
        ["unshare", "--mount", "true"], check=False, capture_output=True, timeout=10
    )
    return probe.returncode == 0


def _import_on_small_disk(
    folder: RoomFolder, package: Path, opening: Path, tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """Import with the package folder on a 64 KiB tmpfs, seen by this one process only."""
    packages = folder.path / "packages"
    kept = tmp_path / "kept"
    script = (
        'cp -a "$1" "$2" && mount -t tmpfs -o size=64k tmpfs "$1" && cp -a "$2"/. "$1"/ '
        '&& shift 2 && "$@"; status=$?; exit $status'
    )
    command = [sys.executable, "-m", "exam_server.cli", "import-package", "--data"]
    return subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", script, "sh", str(packages), str(kept)),
            *(*command, str(folder.path), str(package), str(opening)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_answer_key_has_no_business_in_the_room(world: RoomWorld, tmp_path: Path) -> None:
    """Refused by a code of its own wherever it is offered, and no copy of it is kept."""
    secret = b"EXKY1\n" + b"the answer to everything " * 40
    key = written(tmp_path / "answers.examkey", secret)
    package = written(tmp_path / "p.exampkg", world.delivery.package)
    opening = written(tmp_path / "o.examopen", world.delivery.opening)
    data = ("--data", world.folder.path)
    for arguments in (
        ("import-package", *data, key, opening),
        ("import-package", *data, package, key),
        ("import-roster", *data, key),
    ):
        assert_refused(exam_server(*arguments), "key.not_here")
        last = read_entries(world.folder.audit_file.read_bytes().splitlines())[-1]
        assert (last.action, last.details) == ("package_refused", {"code": "key.not_here"})
    for file in world.folder.path.rglob("*"):
        assert not file.is_file() or b"the answer to everything" not in file.read_bytes()
