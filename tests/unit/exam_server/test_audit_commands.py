"""`exam-server audit`: names the place of a change, and goes on only when two people say so."""

import json
from pathlib import Path

import msgspec
import pytest

from exam_core.errors import ExamError
from exam_core.formats.audit_log import split_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import encode_root
from exam_server.room.cli import app
from exam_server.room.room_log import open_room_log
from exam_server.room.serve import open_store
from tests.support import builders
from tests.support.audit_logs import chained, read_entries
from tests.support.fake_clock import FakeClock
from tests.support.room_world import PASSWORD, RoomWorld


def audit(*words: str) -> None:
    """The command."""
    app(["audit", *words], standalone_mode=False)


def rewrite(world: RoomWorld, number: int) -> None:
    """Change a line and chain all after it anew, as whoever owns the disk can do."""
    file = world.folder.audit_file
    lines = split_lines(file.read_bytes())
    entry = read_entries(lines)[number - 1]
    lines[number - 1] = encode_canonical(msgspec.structs.replace(entry, subject="X"))
    file.write_bytes(b"".join(line + b"\n" for line in chained(lines, number)))


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The password file of everybody."""
    path = tmp_path / "secret"
    path.write_text(PASSWORD)
    return str(path)


def files_of(world: RoomWorld, tmp_path: Path) -> list[str]:
    """The words by which somebody elsewhere verifies copies of the room's files."""
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    signed = sign_centre(world.folder.centre(), [builders.SETTER, builders.APPROVER])
    (tmp_path / "centre.signed").write_bytes(signed)
    return [
        "verify",
        str(world.folder.audit_file),
        *("--checkpoints", str(world.folder.checkpoints_file)),
        *("--centre", str(tmp_path / "centre.signed")),
        *("--root", str(tmp_path / "root.json")),
        *("--sitting", builders.SITTING_ID),
    ]


def test_a_log_that_holds_is_reported_with_what_is_not_covered(
    world: RoomWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its folder, and by copies of its files with what headquarters signed."""
    audit("verify", "--data", str(world.folder.path))
    told = capsys.readouterr().out
    audit(*files_of(world, tmp_path))
    same = capsys.readouterr().out
    audit("verify", "--data", str(world.folder.path), "--json")
    facts = json.loads(capsys.readouterr().out)

    assert told == same
    assert "没有发现改动" in told
    assert "没有检查点可证" in told
    assert facts["findings"] == []
    assert facts["origin"] == f"gongyuan/{builders.CENTRE_ID}/{builders.SITTING_ID}/room"
    assert 0 < facts["covered"] < facts["lines"]
    assert len(facts["head"]) == 64


def test_a_change_is_named_with_line_action_and_time(
    world: RoomWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the command fails."""
    rewrite(world, 2)
    for words in (["verify", "--data", str(world.folder.path)], files_of(world, tmp_path)):
        with pytest.raises(ExamError) as caught:
            audit(*words)
        told = capsys.readouterr().out
        assert caught.value.code == "audit.checkpoint"
        assert caught.value.exit_status == 2
        assert "第 1 行 room_initialised" in told
        assert "UTC" in told


def test_log_and_checkpoints_cut_together_are_found_by_what_was_kept(
    world: RoomWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder alone looks whole; a note or a head from the record sheet says where it ends."""
    store = open_store(world.folder)
    trail = open_room_log(world.folder, store, FakeClock())
    for number in range(4):
        trail.record("signed_in", actors=(f"wang{number}",))
    kept = trail.take_checkpoint("sitting_ended")
    store.close()
    lines, notes = world.folder.audit_file, world.folder.checkpoints_file
    words = ["verify", "--data", str(world.folder.path)]
    audit(*words, "--json")
    last = json.loads(capsys.readouterr().out)["heads"][-1]
    assert kept is not None
    note = tmp_path / "note.txt"
    note.write_text(kept)
    grouped = " ".join(last["head"][at : at + 8] for at in range(0, 64, 8))
    evidence = (["--note", str(note)], ["--paper-head", f"{last['size']}:{grouped}"])
    for more in evidence:
        audit(*words, *more)
    assert grouped in capsys.readouterr().out
    notes.write_text(notes.read_text().removesuffix(kept))
    lines.write_bytes(b"".join(one + b"\n" for one in split_lines(lines.read_bytes())[:-3]))
    audit(*words)
    assert "没有发现改动" in capsys.readouterr().out

    for more in evidence:
        with pytest.raises(ExamError, match=r"audit\.contradicted"):
            audit(*words, *more)
        assert "被截去过" in capsys.readouterr().out


def test_what_was_kept_must_be_readable(world: RoomWorld, tmp_path: Path) -> None:
    """A slip of the pen is named instead of proving nothing in silence."""
    words = ["verify", "--data", str(world.folder.path)]
    note = tmp_path / "note.txt"
    kept = world.folder.checkpoints_file.read_text()
    note.write_text(kept.replace("head ", "head 0", 1))
    with pytest.raises(ExamError, match=r"note\.signature"):
        audit(*words, "--note", str(note))
    for text in ("44", "44:abc", "x:" + "0" * 64, "0:" + "0" * 64):
        with pytest.raises(ExamError, match=r"audit\.head"):
            audit(*words, "--paper-head", text)


@pytest.mark.parametrize("missing", ["--checkpoints", "--centre", "--root", "--sitting"])
def test_it_must_be_known_whose_log_it_is(world: RoomWorld, tmp_path: Path, missing: str) -> None:
    """Without one of the files nothing is verified."""
    words = files_of(world, tmp_path)
    at = words.index(missing)
    del words[at : at + 2]

    with pytest.raises(ExamError, match=r"audit\.whose"):
        audit(*words)


def test_a_log_of_another_sitting_is_none_of_this_one(world: RoomWorld, tmp_path: Path) -> None:
    """Its checkpoints have another name."""
    words = files_of(world, tmp_path)
    words[-1] = "S2026-9"

    with pytest.raises(ExamError, match=r"checkpoint\.origin"):
        audit(*words)


def test_two_administrators_set_a_log_aside(world: RoomWorld, secret: str) -> None:
    """The old one is kept untouched, and the new one begins with what was done and by whom."""
    rewrite(world, 2)
    before = world.folder.audit_file.read_bytes()
    words = ["set-aside", "--data", str(world.folder.path), "--reason", "磁盘更换"]

    audit(*words, *("--approved-by", "zhang", "--approval-file", secret),
          *("--approved-by", "li", "--approval-file", secret))  # fmt: skip

    kept = world.folder.path / "audit-set-aside-1"
    assert (kept / "audit.jsonl").read_bytes() == before
    assert (kept / "checkpoints.txt").exists()
    first, second = read_entries(split_lines(world.folder.audit_file.read_bytes()))
    assert (first.n, first.action, first.actors) == (1, "log_set_aside", ("zhang", "li"))
    assert first.details["reason"] == "磁盘更换"
    assert first.details["finding"].startswith("audit.checkpoint")
    assert second.details["reason"] == "log_set_aside"
    store = open_store(world.folder)
    assert open_room_log(world.folder, store, FakeClock()).examine().findings == ()
    store.close()


@pytest.mark.parametrize(
    ("is_changed", "reason", "approvers", "code"),
    [
        (False, "想重来", ("zhang", "li"), "audit.holds"),
        (True, "", ("zhang", "li"), "audit.reason"),
        (True, "磁盘更换", ("zhang",), "pair.same_person"),
        (True, "磁盘更换", (), "account.approval"),
        (True, "磁盘更换", ("zhang", "wang"), "pair.role"),
    ],
)
def test_a_log_is_not_set_aside_by_one_alone_or_without_need(
    world: RoomWorld,
    secret: str,
    *,
    is_changed: bool,
    reason: str,
    approvers: tuple[str, ...],
    code: str,
) -> None:
    """Nothing is moved."""
    if is_changed:
        rewrite(world, 2)
    before = world.folder.audit_file.read_bytes()
    words = ["set-aside", "--data", str(world.folder.path), "--reason", reason]
    for name in approvers:
        words += ["--approved-by", name, "--approval-file", secret]

    with pytest.raises(ExamError) as caught:
        audit(*words)

    assert caught.value.code == code
    assert world.folder.audit_file.read_bytes() == before
    assert not list(world.folder.path.glob("audit-set-aside-*"))
