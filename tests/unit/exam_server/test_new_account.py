"""The third administrator is an act of two administrators."""

import json
from pathlib import Path

import pytest

from exam_core.errors import ExamError
from exam_server.accounts.people import People
from exam_server.clock import SystemClock
from exam_server.room.cli import app
from exam_server.room.serve import open_store
from exam_server.store.accounts import list_accounts
from tests.support.room_world import PASSWORD, RoomWorld


def secret(folder: Path, text: str = PASSWORD) -> str:
    """A password file."""
    path = folder / f"secret-{len(text)}"
    path.write_text(text)
    return str(path)


def add(world: RoomWorld, name: str, roles: str, file: str, *approvals: tuple[str, str]) -> None:
    """The command, with these approvers and their password files."""
    words = ["add-account", "--data", str(world.folder.path), "--name", name, "--roles", roles]
    words += ["--password-file", file]
    for approver, approval in approvals:
        words += ["--approved-by", approver, "--approval-file", approval]
    app(words, standalone_mode=False)


def last_line(world: RoomWorld) -> dict[str, object]:
    """Of the log."""
    line: dict[str, object] = json.loads(world.folder.audit_file.read_bytes().splitlines()[-1])
    return line


def test_two_administrators_approve_a_third(world: RoomWorld, tmp_path: Path) -> None:
    """The line has both names, and the new account works."""
    file = secret(tmp_path)
    add(world, "zhou", "chief", file, ("zhang", file), ("li", file))

    line = last_line(world)
    assert (line["action"], line["subject"]) == ("account_added", "zhou")
    assert line["actors"] == ["zhang", "li"]
    store = open_store(world.folder)
    assert People(store, SystemClock()).sign_in("zhou", PASSWORD, "test")
    store.close()


@pytest.mark.parametrize(
    ("approvers", "code"),
    [
        ((), "account.approval"),
        (("zhang",), "pair.same_person"),
        (("zhang", "zhang"), "pair.same_person"),
        (("zhang", "wang"), "pair.role"),
        (("zhang", "nobody"), "access.refused"),
        (("zhang", "li", "both"), "pair.same_person"),
    ],
)
def test_without_two_administrators_there_is_no_third(
    world: RoomWorld, tmp_path: Path, approvers: tuple[str, ...], code: str
) -> None:
    """One, the same one twice, another role or a stranger: no account, and no line."""
    file = secret(tmp_path)
    before = world.folder.audit_file.read_bytes()

    with pytest.raises(ExamError) as caught:
        add(world, "zhou", "it", file, *((name, file) for name in approvers))

    assert caught.value.code == code
    assert world.folder.audit_file.read_bytes() == before


def test_an_approvers_wrong_password_refuses(world: RoomWorld, tmp_path: Path) -> None:
    """Knowing a name is not approving."""
    file, wrong = secret(tmp_path), secret(tmp_path, "not the password of anybody")

    with pytest.raises(ExamError, match=r"access\.refused"):
        add(world, "zhou", "it", file, ("zhang", file), ("li", wrong))


def test_each_approver_has_a_file(world: RoomWorld, tmp_path: Path) -> None:
    """As many files as names."""
    file = secret(tmp_path)
    words = ["add-account", "--data", str(world.folder.path), "--name", "zhou", "--roles", "it"]
    words += ["--password-file", file, "--approved-by", "zhang"]
    with pytest.raises(ExamError, match=r"account\.approval"):
        app(words, standalone_mode=False)


def test_others_and_the_first_two_need_nobody(world: RoomWorld, tmp_path: Path) -> None:
    """A proctor is no administrator; who sets up makes the first two."""
    file = secret(tmp_path)
    add(world, "zhou", "proctor", file)
    assert last_line(world)["actors"] != ["zhang", "li"]
    with open_store(world.folder).transaction() as db:
        for row in list_accounts(db)[1:]:
            db.delete(row)

    add(world, "wu", "it", file)
    with pytest.raises(ExamError, match=r"account\.approval"):
        add(world, "zheng", "chief", file)
