"""The room's commands: what their arguments promise, and that they overwrite nothing."""

from pathlib import Path

import pytest

from exam_core.crypto.signing import public_key_of
from exam_core.errors import InputError, StateError
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.officials import Official, open_official_key
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.room.cli import app
from exam_server.room.services.set_up import install_centre
from tests.support import builders
from tests.support.command_paths import paths_of
from tests.support.room_world import RoomWorld, initialise_room, roster_file


def test_own_refusals_answer_for_files() -> None:
    """No argument leaves the check of its file to the library, and each says what it is."""
    for path in paths_of(app):
        assert not path.exists, path.name
        assert not path.readable, path.name
        assert path.help, path.name


def test_results_overwrite_no_file(world: RoomWorld, tmp_path: Path) -> None:
    """Refused before the sitting is closed."""
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    words = ["export-results", "--data", str(world.folder.path), "--out", str(key)]
    with pytest.raises(InputError, match=r"output\.exists"):
        app(words, standalone_mode=False)
    assert key.read_bytes() == b"secret"


def test_the_number_of_candidates_is_told(
    world: RoomWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a sheet that was cut is noticed; and of the bundle what was not checked."""
    data = ["--data", str(world.folder.path)]
    (tmp_path / "r.xlsx").write_bytes(roster_file(builders.roster(3)))
    words = ["import-roster", str(tmp_path / "r.xlsx"), *data]
    with pytest.raises(StateError, match=r"roster\.exists"):
        app(words, standalone_mode=False)
    app([*words, "--replace"], standalone_mode=False)
    told = capsys.readouterr().out
    assert "共 3 名考生，备用卷 2 份" in told
    assert "分卷表摘要" in told
    (tmp_path / "p").write_bytes(world.delivery.package)
    (tmp_path / "o").write_bytes(world.delivery.opening)
    words = ["import-package", str(tmp_path / "p"), str(tmp_path / "o"), *data]
    app(words, standalone_mode=False)
    assert "启封密钥才能检验" in capsys.readouterr().out


def test_officials_are_named_before_headquarters_signs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each gets a key file that their passphrase opens; nobody is named after the signature."""
    folder, _ = initialise_room(tmp_path / "room")
    secret = tmp_path / "passphrase"
    secret.write_text("the official's own words\n")

    def add(name: str, out: Path) -> None:
        words = ["add-official", "--data", str(folder.path), "--name", name, "--office", "监考"]
        paths = ["--key-out", str(out), "--passphrase-file", str(secret)]
        app([*words, *paths], standalone_mode=False)

    add("赵敏", tmp_path / "key")
    assert "现有 4 名" in capsys.readouterr().out
    key = open_official_key((tmp_path / "key").read_bytes(), "the official's own words")
    assert folder.centre().officials[-1] == Official(
        name="赵敏", office="监考", signing_key=public_key_of(key)
    )
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    for name, out, code in (
        ("孙丽", tmp_path / "key", "data.exists"),
        ("赵敏", tmp_path / "other", "centre.officials"),
    ):
        with pytest.raises(InputError, match=code):
            add(name, out)
    secret.write_text("short\n")
    with pytest.raises(InputError, match=r"passphrase\.short"):
        add("孙丽", tmp_path / "other")
    secret.write_text("the official's own words\n")
    signed = sign_centre(folder.centre(), [builders.SETTER, builders.APPROVER])
    install_centre(folder, signed, AuditTrail(folder.audit_file, SystemClock()))
    with pytest.raises(StateError, match=r"centre\.signed"):
        add("孙丽", tmp_path / "other")
    assert not (tmp_path / "other").exists()
