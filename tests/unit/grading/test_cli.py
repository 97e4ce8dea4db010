"""The command line: digest, tables, files, and one sentence for each error."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from grading import encode_archive, write_archive
from grading.cli import app, main
from grading.ranking import CutLine, RankingPolicy
from grading.reporting import REPORT_FILES
from tests.support.command_paths import paths_of
from tests.unit.grading import archives


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An archive of three candidates, one of them absent, with a tie on a cut line."""
    policy = RankingPolicy(cut_lines=(CutLine(name="知识通", places=1),))
    sessions = [archives.session(serial) for serial in (1, 2)]
    path = tmp_path / "a.examarchive"
    write_archive(path, archives.archive(sessions, candidates=3, policy=policy))
    return path


def run(*arguments: str | Path) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_recompute_prints_the_digest(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest alone goes to standard output."""
    status = run("recompute", file)

    assert status == 0
    assert len(capsys.readouterr().out) == 65


def test_rank_shows_both_lists(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Candidates, teams, policy, ties and digest are on the screen."""
    assert run("rank", file) == 0

    text = capsys.readouterr().out
    for words in ("考生1", "缺考", "团体排名", "第1队", "知识通", "30:00.000", "SHA-256"):
        assert words in text


def test_rank_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script gets everything, with the digest."""
    assert run("rank", "--json", file) == 0

    statement = json.loads(capsys.readouterr().out)
    assert len(statement["results_sha256"]) == 64
    assert [row["rank"] for row in statement["results"]["candidates"]] == [1, 1, None]


def test_report_writes_the_documents(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file is written and named on a line of its own."""
    assert run("report", file, "--out", tmp_path / "out") == 0

    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert names == list(REPORT_FILES)


def test_report_overwrites_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A document of that name may have been signed or commented: it is left, nothing is added."""
    name = list(REPORT_FILES)[1]
    (tmp_path / name).write_bytes(b"signed")

    assert run("report", file, "--out", tmp_path) == 2

    assert "report.exists" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == b"signed"
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([file.name, name])


@pytest.mark.parametrize("kind", ["/dev/zero", "pipe"])
def test_only_a_regular_file_is_read(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device or a pipe, which says that it has no size and never ends, is refused at once."""
    path = Path(kind)
    if kind == "pipe":
        path = tmp_path / kind
        os.mkfifo(path)

    assert run("recompute", path) == 2

    assert "archive.unreadable" in capsys.readouterr().err


def test_own_refusals_answer_for_files() -> None:
    """No argument leaves the check of its file to the library, which answers in English."""
    for path in paths_of(app):
        assert not path.exists, path.name
        assert not path.readable, path.name


@pytest.mark.parametrize("command", ["recompute", "rank"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "archive.malformed"),
        (None, "archive.unreadable"),
        (
            encode_archive(msgspec.structs.replace(archives.archive(), results_sha256="00" * 32)),
            "results.digest",
        ),
    ],
)
def test_refusal_is_one_sentence_with_status_2(
    command: str,
    data: bytes | None,
    code: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Code, message and advice on standard error, no traceback, nothing on standard output."""
    path = tmp_path / "a.examarchive"
    if data is not None:
        path.write_bytes(data)

    assert run(command, path) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"错误 {code}：")
    assert len(captured.err.splitlines()) == 1


def test_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped command exits with status 2."""
    assert run("rnak") == 2
    assert capsys.readouterr().err
