"""The room's commands: what their arguments promise, and that they overwrite nothing."""

from pathlib import Path

import pytest

from exam_core.errors import InputError
from exam_server.room.cli import app
from tests.support import builders
from tests.support.command_paths import paths_of
from tests.support.room_world import RoomWorld, roster_file


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
    app(["import-roster", str(tmp_path / "r.xlsx"), *data], standalone_mode=False)
    assert "共 3 名考生" in capsys.readouterr().out
    (tmp_path / "p").write_bytes(world.delivery.package)
    (tmp_path / "o").write_bytes(world.delivery.opening)
    words = ["import-package", str(tmp_path / "p"), str(tmp_path / "o"), *data]
    app(words, standalone_mode=False)
    assert "启封密钥才能检验" in capsys.readouterr().out
