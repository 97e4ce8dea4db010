"""`verify-package` says what a file is before its use; `install-root` changes whom to trust."""

import json
from pathlib import Path

import pytest

from exam_core.crypto.signing import public_key_of
from exam_core.errors import ExamError, IntegrityError, StateError
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import (
    Office,
    TrustRoot,
    encode_root,
    fingerprint,
    sign_root_update,
)
from exam_core.model.states import SittingState
from exam_server import limits
from exam_server.room.cli import app
from exam_server.room.serve import open_store
from exam_server.store import room as tables
from tests.support import builders
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld, initialise_room

NEW = [builders.signing_key("new setter"), builders.signing_key("new approver")]
OLD = [builders.SETTER, builders.APPROVER]


def run(*words: str | Path) -> None:
    """One command."""
    app([str(word) for word in words], standalone_mode=False)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package file of two forms with a planned beginning."""
    data = builders.package(
        builders.form(1), builders.form(2), not_before_utc_ms=1_795_395_600_000, sequence=3
    )
    (tmp_path / "p.exampkg").write_bytes(data)
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    return tmp_path / "p.exampkg"


def test_the_certificate_names_all_that_was_checked(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Title, ids, sequence, time, content, digests, signers by office, and the root to compare."""
    run("verify-package", package, "--root", package.with_name("root.json"))

    told = capsys.readouterr().out
    for text in (
        "有效",
        "业务技能比武笔试",
        "E2026",
        "S2026-1",
        "P2026A",
        "2 卷，0 张图片",
        "2026-11-23 09:00",
        "命题签名",
        "审批签名",
        fingerprint(builders.root()),
    ):
        assert text in told


def test_the_certificate_is_for_scripts_too(
    package: Path, world: RoomWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON, and by the root of a room's data folder."""
    run("verify-package", package, "--data", world.folder.path, "--json")

    facts = json.loads(capsys.readouterr().out)
    assert facts["valid"] is True
    assert facts["sequence"] == 3
    assert facts["forms"] == 2
    assert facts["bytes"] == package.stat().st_size
    assert {signer["office"] for signer in facts["signers"]} == {"setter", "approver"}
    assert facts["root_fingerprint"] == fingerprint(builders.root())


def test_a_file_that_does_not_hold_has_no_certificate(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal says what and where, and a script reads the same."""
    data = bytearray(package.read_bytes())
    data[-1] ^= 1
    package.write_bytes(data)
    words = ("verify-package", package, "--root", package.with_name("root.json"))

    with refuses(IntegrityError, "package.altered") as caught:
        run(*words)
    assert "第 2 卷" in caught.value.message
    assert caught.value.exit_status == 2
    assert capsys.readouterr().out == ""
    with refuses(IntegrityError, "package.altered"):
        run(*words, "--json")
    assert json.loads(capsys.readouterr().out) == {
        "valid": False,
        "code": "package.altered",
        "message": "第 2 卷的内容被改动过",
    }


def test_a_file_that_is_not_there_is_said(package: Path) -> None:
    """And one must say whom to trust, once."""
    root = package.with_name("root.json")
    for words, code in (
        (("none", "--root", root), "file.unreadable"),
        ((package,), "verify.root"),
        ((package, "--root", root, "--data", package.parent), "verify.root"),
        ((package, "--data", package.parent), "data.missing"),
        ((package, "--root", package), "root.malformed"),
    ):
        with pytest.raises(ExamError) as caught:
            run("verify-package", *words)
        assert caught.value.code == code


def test_a_large_file_shows_progress(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only on a terminal; the bar itself changes nothing."""
    monkeypatch.setattr(limits, "progress_bytes_min", 1)
    run("verify-package", package, "--root", package.with_name("root.json"))


def next_root() -> TrustRoot:
    """Version 2 with two new people."""
    keys = dict(zip(map(public_key_of, NEW), (Office.SETTER, Office.APPROVER), strict=True))
    return builders.root(version=2, keys=keys)


def test_a_root_is_replaced_and_its_fingerprint_shown(
    world: RoomWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log keeps it; what the new people have not signed is named."""
    (tmp_path / "root.update").write_bytes(sign_root_update(next_root(), [*OLD, *NEW]))
    folder = world.folder
    folder.signed_centre_file.write_bytes(sign_centre(folder.centre(), OLD))

    run("install-root", tmp_path / "root.update", "--data", folder.path)

    told = capsys.readouterr().out
    assert fingerprint(next_root()) in told
    assert "考点签名文件" in told
    assert "试卷包" in told
    assert folder.root() == next_root()
    log = folder.audit_file.read_bytes().splitlines()
    assert b"root_installed" in log[-1]
    verify_lines(log)


def test_an_empty_room_and_a_centre_signed_by_both_lack_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A descriptor that old and new people signed holds under either root."""
    folder, _ = initialise_room(tmp_path / "room")
    (tmp_path / "root.update").write_bytes(sign_root_update(next_root(), [*OLD, *NEW]))
    folder.signed_centre_file.write_bytes(sign_centre(folder.centre(), [*OLD, *NEW]))

    run("install-root", tmp_path / "root.update", "--data", folder.path, "--json")

    facts = json.loads(capsys.readouterr().out)
    assert (facts["version"], facts["centre_holds"], facts["package_holds"]) == (2, True, True)


def test_a_root_that_one_side_did_not_sign_is_not_installed(
    world: RoomWorld, tmp_path: Path
) -> None:
    """The present root stays, byte for byte."""
    before = (world.folder.path / "root.json").read_bytes()
    for signers, code in ((OLD, "root.successors"), (NEW, "signature.unknown_key")):
        (tmp_path / "u").write_bytes(sign_root_update(next_root(), signers))
        with refuses(IntegrityError, code):
            run("install-root", tmp_path / "u", "--data", world.folder.path)
    assert (world.folder.path / "root.json").read_bytes() == before


def test_an_opened_paper_keeps_its_root(world: RoomWorld, tmp_path: Path) -> None:
    """The package that the sitting runs on stays what it was verified as."""
    (tmp_path / "u").write_bytes(sign_root_update(next_root(), [*OLD, *NEW]))
    store = open_store(world.folder)
    with store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None
        row.state = str(SittingState.OPENED)
    store.close()
    with refuses(StateError, "sitting.state"):
        run("install-root", tmp_path / "u", "--data", world.folder.path)
