"""The command line: every command end to end, and refusals without a traceback."""

import json
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exam_core.crypto.sealing import recipient_of
from exam_core.formats.centre_descriptor import encode_centre
from exam_core.formats.paper_package import verify_package
from exam_core.model.items import ItemType
from paper_builder import cli
from paper_builder.assembly import parse_draft, parse_record
from paper_builder.bank import write_items
from paper_builder.publish import read_root
from tests.support import builders
from tests.support.command_paths import paths_of
from tests.unit.paper_builder.bank_items import SEED, Stock

BLUEPRINT = """[paper]
title = "笔试"
total_items = 12
duration_minutes = 30
[domains]
"就业创业" = 1
"社会保险" = 1
[types]
single_choice = 4
multiple_choice = 2
true_false = 2
fill_blank = 2
short_answer = 1
case = 1
[points]
single_choice = 1
multiple_choice = 2
true_false = 1
fill_blank = 1
short_answer = 4
case = 6
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Said:
    """What a command said and how it ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_command(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["paper-builder", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        status = ended.value.code
        captured = capsys.readouterr()
        return Said(status if isinstance(status, int) else 0, captured.out, captured.err)

    return run_command


@pytest.fixture
def bank(tmp_path: Path, run: Run) -> Path:
    """A bank with six items in every cell, imported from a workbook; a blueprint beside it."""
    write_items(tmp_path / "items.xlsx", Stock().items())
    (tmp_path / "plan.toml").write_text(BLUEPRINT)
    said = run("import", "items.xlsx", "--bank", "bank.db", "--json")
    assert said.status == 0
    assert json.loads(said.out)["added"] == 6 * 6 * 3
    return tmp_path / "bank.db"


@pytest.fixture
def drawn(bank: Path, run: Run) -> Path:
    """A drawn paper of two forms."""
    said = run(
        *("draw", "--bank", bank, "--blueprint", "plan.toml", "--seed", SEED),
        *("--forms", 2, "--out", "draw"),
    )
    assert said.status == 0
    return Path("draw")


def test_every_command_has_chinese_help(run: Run) -> None:
    """The list of commands, and each command's own page."""
    listed = run("--help")
    assert listed.status == 0
    names = [
        "template",
        "import",
        "export",
        "coverage",
        "draw",
        "print",
        "keys",
        "sign-centre",
        "seal",
    ]
    for name in names:
        assert name in listed.out
        page = run(name, "--help")
        assert page.status == 0
        assert any("\u4e00" <= char <= "\u9fff" for char in page.out)


def test_template_import_export_coverage(bank: Path, run: Run) -> None:
    """The commands about the bank say what they did, as text and as JSON."""
    assert "t.xlsx" in run("template", "t.xlsx").out
    assert json.loads(run("template", "u.xlsx", "--json").out) == {"file": "u.xlsx"}
    assert "未变 108 题" in run("import", "items.xlsx", "--bank", bank).out
    assert "108 题" in run("export", "out.xlsx", "--bank", bank).out
    said = run("export", "more.xlsx", "--bank", bank, "--json")
    assert json.loads(said.out) == {"file": "more.xlsx", "items": 108}
    assert "未变 108 题" in run("import", "out.xlsx", "--bank", bank).out
    table = run("coverage", "--bank", bank).out
    assert "就业创业" in table
    assert "108" in table
    counts = json.loads(run("coverage", "--bank", bank, "--json").out)
    assert counts["total"] == 108
    assert counts["counts"]["社会保险"]["case"] == 6


def test_no_command_overwrites_a_file(bank: Path, run: Run, tmp_path: Path) -> None:
    """Above all not the bank that is exported, nor a key: status 2, nothing touched."""
    run("keys", "--out", "hq")
    (tmp_path / "centre.json").write_bytes(encode_centre(builders.centre()))
    signers = ("--key", "hq/setter.key", "--key", "hq/approver.key", "--root", "hq/root.json")
    for words, target in (
        (("export", bank, "--bank", bank), bank),
        (("export", "hq/setter.key", "--bank", bank), Path("hq/setter.key")),
        (("template", "hq/setter.key"), Path("hq/setter.key")),
        (("sign-centre", "centre.json", *signers, "--out", "plan.toml"), Path("plan.toml")),
    ):
        before = target.read_bytes()
        said = run(*words)
        assert (said.status, said.out) == (2, "")
        assert "builder.output_exists" in said.err
        assert target.read_bytes() == before


def test_the_programs_own_refusals_answer_for_files() -> None:
    """No argument leaves the check of its file to the library, which answers in English."""
    for path in paths_of(cli.app):
        assert not path.exists, path.name
        assert not path.readable, path.name


def test_an_import_reports_and_skips(run: Run, tmp_path: Path) -> None:
    """Problems and mended items are listed with lines; the good ones come in."""
    good = "1．题一（）\nA．甲\nB．乙\n答案：Ａ\n"
    bad = "".join(f"{n}．题{n}（）\nA．甲\nB．乙\n答案：D\n" for n in range(2, 60))
    (tmp_path / "bank.txt").write_text("一单选题\n" + good + bad)
    said = run("import", "bank.txt", "--bank", "b.db", "--domain", "就业创业")
    assert said.status == 0
    assert "新增 1 题" in said.out
    assert "略过 58 题" in said.out
    assert "超出选项范围" in said.out
    assert "已按“A”理解" in said.out
    assert "--json" in said.out
    said = run("import", "bank.txt", "--bank", "b.db", "--domain", "就业创业", "--json")
    report = json.loads(said.out)
    assert report["skipped"] == len(report["problems"]) == 58
    assert report["problems"][0]["row"] == 6
    assert report["notes"][0]["row"] == 2


def test_a_file_with_nothing_good_is_refused(run: Run, tmp_path: Path) -> None:
    """The report is shown, the status is 2, and no bank is made."""
    (tmp_path / "bank.txt").write_text("一单选题\n1．题（）\nA．甲\nB．乙\n")
    said = run("import", "bank.txt", "--bank", "b.db", "--domain", "就业创业")
    assert said.status == 2
    assert "没有答案" in said.out
    assert "import.nothing" in said.err
    assert not (tmp_path / "b.db").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("import", "none.xlsx", "--bank", "b.db"), "builder.file"),
        (("import", "x.txt", "--bank", "b.db"), "import.kind"),
        (("export", "x.xlsx", "--bank", "none.db"), "bank.file"),
        (("coverage", "--bank", "none.db"), "bank.file"),
        (("draw", "--bank", "b", "--blueprint", "x.toml", "--out", "d"), "builder.file"),
        (("draw", "--bank", "b", "--blueprint", "fujian-2024", "--out", "d"), "blueprint.open"),
        (("print", "none", "--out", "p"), "builder.file"),
        (("keys", "--out", "k", "--office", "a", "--office", "a"), "publish.offices"),
        (("keys", "--out", "k", "--threshold", "3"), "publish.threshold"),
        (("keys", "--out", "k", "--threshold", "1"), "publish.threshold"),
    ],
)
def test_refusals_are_one_sentence_with_code_and_advice(
    run: Run, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    """Status 2, code, message and advice on stderr, no traceback, nothing written."""
    (tmp_path / "x.txt").write_text("一单选题")
    before = _names(tmp_path)
    said = run(*words)
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith(f"错误 {code}：")
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 2
    assert _names(tmp_path) == before


def test_draw_writes_record_pool_and_draft_in_private(drawn: Path, bank: Path, run: Run) -> None:
    """Three files for the owner alone; a second draw with the same words gives the same bytes."""
    assert _names(drawn) == ["draw.json", "paper.draft", "pool.jsonl"]
    for path in drawn.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    record = parse_record((drawn / "draw.json").read_bytes())
    assert record.seed == SEED
    assert len(parse_draft((drawn / "paper.draft").read_bytes()).forms) == 2
    words = ("draw", "--bank", bank, "--blueprint", "plan.toml", "--seed", SEED, "--forms", 2)
    said = run(*words, "--out", "again", "--json")
    summary = json.loads(said.out)
    assert summary["table"]["就业创业"].keys() == {kind.value for kind in ItemType}
    assert (summary["paper_id"], summary["forms"]) == (record.paper_id, 2)
    assert SEED not in said.out
    for name in _names(drawn):
        assert (drawn / name).read_bytes() == (Path("again") / name).read_bytes()
    said = run(*words, "--out", "again")
    assert (said.status, "builder.output_exists" in said.err) == (2, True)


def test_a_draw_without_a_seed_draws_one(bank: Path, run: Run) -> None:
    """Two draws without a seed differ, and each record has its seed."""
    for out in ("one", "two"):
        said = run("draw", "--bank", bank, "--blueprint", "plan.toml", "--out", out)
        assert "业" in said.out
        assert said.status == 0
    seeds = {parse_record((Path(out) / "draw.json").read_bytes()).seed for out in ("one", "two")}
    assert len(seeds) == 2


def test_a_draw_that_cannot_be_made_writes_nothing(bank: Path, run: Run) -> None:
    """draw.infeasible names cells, and no folder appears."""
    said = run("draw", "--bank", bank, "--blueprint", "baicheng-2019", "--out", "big")
    assert said.status == 2
    assert "draw.infeasible" in said.err
    assert "需要" in said.err
    assert not Path("big").exists()


def test_print_writes_pdfs(drawn: Path, run: Run) -> None:
    """Paper and answers of the forms asked for; an unknown form is refused."""
    said = run("print", drawn, "--out", "pdf", "--form", 2, "--banner", "内部", "--json")
    assert json.loads(said.out)["files"] == ["answers-form-002.pdf", "paper-form-002.pdf"]
    for path in Path("pdf").iterdir():
        assert path.read_bytes().startswith(b"%PDF")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "2 个 PDF" in run("print", drawn / "paper.draft", "--out", "pdf1").out
    said = run("print", drawn, "--out", "pdf3", "--form", 3)
    assert (said.status, "publish.form" in said.err) == (2, True)


def test_keys_sign_centre_and_seal(drawn: Path, run: Run, tmp_path: Path) -> None:
    """From keys to a package that verifies; each code is on a sheet of its own, elsewhere."""
    assert "指纹" in run("keys", "--out", "hq").out
    assert json.loads(run("keys", "--out", "hq2", "--json").out)["fingerprint"]
    (tmp_path / "centre.json").write_bytes(encode_centre(builders.centre()))
    (tmp_path / "grading.pub").write_text(recipient_of(builders.GRADING_IDENTITY) + "\n")
    signers = ("--key", "hq/setter.key", "--key", "hq/approver.key", "--root", "hq/root.json")
    said = run("sign-centre", "centre.json", *signers, "--out", "centre.signed")
    assert "第一考点" in said.out
    said = run("sign-centre", "centre.json", *signers, "--out", "again.signed", "--json")
    assert json.loads(said.out)["centre_id"] == "C01"
    words = ("seal", drawn, *signers, "--sitting", "S1")
    said = run(
        *words,
        *("--centre", "centre.signed=1-2", "--grading-recipient", "grading.pub", "--json"),
        *("--code", f"C01={builders.OPENING_CODE}", "--out", "sealed", "--codes-out", "codes"),
    )
    assert said.status == 0
    answer = json.loads(said.out)
    assert answer["codes"] == {"C01": builders.OPENING_CODE}
    assert len(set(answer["envelopes"]["C01"])) == 3
    assert _names(Path("codes")) == [
        *(f"envelope-C01-{number}.pdf" for number in (1, 2, 3)),
        "slip-C01.pdf",
    ]
    for path in Path("codes").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    package = (Path("sealed") / "paper.exampkg").read_bytes()
    verified = verify_package(package, read_root(Path("hq/root.json")))
    assert verified.manifest_sha256 == answer["manifest_sha256"]
    recipient = recipient_of(builders.GRADING_IDENTITY)
    to_all = (
        *("--centre", "centre.signed", "--grading-recipient", recipient),
        *("--out", "never", "--codes-out", "never-codes"),
    )
    said = run(*words, *to_all, "--sequence", 0)
    assert (said.status, "publish.sequence" in said.err) == (2, True)
    said = run("seal", drawn, *signers[:2], *signers[:2], *signers[4:], "--sitting", "S1", *to_all)
    assert (said.status, "publish.signers" in said.err) == (2, True)
    assert not Path("never").exists()
    said = run(
        *(*words, "--centre", "centre.signed", "--grading-recipient", recipient),
        *("--out", "sealed2", "--codes-out", "codes2"),
    )
    assert "opening-C01.examopen" in said.out
    assert "envelope-C01-3.pdf" in said.out
    assert not re.search(r"\d{5} \d{5}", said.out)
    said = run(
        *(*words, "--centre", "centre.signed", "--grading-recipient", recipient),
        *("--out", "sealed4", "--codes-out", "sealed4/codes"),
    )
    assert (said.status, "publish.codes" in said.err) == (2, True)
    said = run(
        *words,
        *(
            "--centre",
            "centre.signed",
            "--grading-recipient",
            recipient,
            "--out",
            "sealed3",
            "--codes-out",
            "codes3",
        ),
        *("--code", f"C09={builders.OPENING_CODE}"),
    )
    assert (said.status, "publish.centre" in said.err) == (2, True)
    assert not Path("sealed3").exists()
