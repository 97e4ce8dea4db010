"""The room's commands: what their arguments promise, and that they overwrite nothing."""

import json
from pathlib import Path

import pytest

from exam_core.crypto.signing import key_id, public_key_of
from exam_core.errors import InputError, StateError
from exam_core.formats.audit_log import split_lines
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.officials import Official, open_official_key
from exam_core.formats.trust_root import encode_root, fingerprint
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.command_line import operator_name
from exam_server.room.cli import app
from exam_server.room.services.set_up import install_centre
from exam_server.tls import certificate_mark
from tests.support import builders
from tests.support.audit_logs import read_entries
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


def test_an_official_makes_the_key_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The room gets the public half alone, and prints the mark that the official saw."""
    folder, _ = initialise_room(tmp_path / "room")
    secret = tmp_path / "passphrase"
    secret.write_text("the official's own words\n")
    own = ["--out", str(tmp_path / "key"), "--passphrase-file", str(secret)]
    app(["official-key", *own, "--json"], standalone_mode=False)
    made = json.loads(capsys.readouterr().out)
    key = open_official_key((tmp_path / "key").read_bytes(), "the official's own words")
    assert made == {"public_key": public_key_of(key), "key_id": key_id(public_key_of(key))}
    with pytest.raises(InputError, match=r"data\.exists"):
        app(["official-key", *own], standalone_mode=False)

    words = ["add-official", "--data", str(folder.path), "--name", "赵敏", "--office", "监考"]
    app([*words, "--public-key", made["public_key"]], standalone_mode=False)

    assert made["key_id"] in capsys.readouterr().out
    assert folder.centre().officials[-1].signing_key == made["public_key"]
    for more, code in (
        ([], "official.source"),
        (["--key-out", str(tmp_path / "other")], "official.source"),
        (["--public-key", made["public_key"], "--key-out", "other"], "official.source"),
        (["--public-key", made["public_key"].upper()], "signing.key"),
    ):
        with pytest.raises(InputError, match=code):
            app([*words, *more], standalone_mode=False)


def test_the_log_names_who_sat_at_the_command_line(world: RoomWorld, tmp_path: Path) -> None:
    """Also where a command draws the forms; what the program signs by itself stays its own."""
    data = ["--data", str(world.folder.path)]
    (tmp_path / "r.xlsx").write_bytes(roster_file(builders.roster(3)))
    before = len(split_lines(world.folder.audit_file.read_bytes()))
    words = ["import-roster", str(tmp_path / "r.xlsx"), *data, "--replace"]
    app(words, standalone_mode=False)
    signed = sign_centre(world.folder.centre(), [builders.SETTER, builders.APPROVER])
    (tmp_path / "signed").write_bytes(signed)
    app(["install-centre", str(tmp_path / "signed"), *data], standalone_mode=False)

    lines = read_entries(split_lines(world.folder.audit_file.read_bytes()))[before:]

    actors = {one.action: one.actors for one in lines}
    for action in ("roster_replaced", "forms_assigned", "centre_installed"):
        assert actors[action] == (operator_name(),)


def test_init_prints_what_is_compared_on_paper(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The marks of headquarters' root and of the centre's certificate; the log names who did it."""
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    (tmp_path / "passphrase").write_text("the opening key's own words\n")
    data = tmp_path / "room"
    words = ["init", "--data", str(data), "--centre-id", "C01", "--name", "一中"]
    words += ["--root", str(tmp_path / "root.json"), "--address", "127.0.0.1"]
    words += ["--opening-key-out", str(tmp_path / "key"), "--machine", str(tmp_path / "machine")]
    words += ["--passphrase-file", str(tmp_path / "passphrase")]

    app(words, standalone_mode=False)

    told = capsys.readouterr().out
    assert fingerprint(builders.root()) in told
    assert certificate_mark((data / "ca.pem").read_bytes()) in told
    first, *_ = read_entries(split_lines((data / "audit.jsonl").read_bytes()))
    assert (first.action, first.actors) == ("room_initialised", (operator_name(),))
