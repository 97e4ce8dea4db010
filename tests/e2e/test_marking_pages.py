"""The grading site as people meet it: the real program, its command line, a real browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from exam_core.crypto.sealing import Recipient
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.trust_root import encode_root
from tests.support import builders
from tests.support.marking_world import write_world_files

PASSWORD = "correct horse battery"
PEOPLE = {"liyang": "marker", "wangjie": "marker", "zuzhang": "lead", "kaowu": "staff"}
DEADLINE_S = 30
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
]

pytestmark = pytest.mark.e2e


class Site:
    """A grading site's folder, driven from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "grading"
        self.files: dict[str, Path] = {}

    def command(self, *words: str | Path) -> list[str]:
        """The command line of `exam-server grade …`."""
        program = (
            "from exam_server import command_line; from exam_server.marking.cli import app;"
            "command_line.run(app)"
        )
        first, *rest = map(str, words)
        return [
            sys.executable,
            "-W",
            "error",
            "-c",
            program,
            first,
            "--data",
            str(self.data),
            *rest,
        ]

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    def facts(self, *words: str | Path) -> dict[str, object]:
        """The JSON that a command prints, once it ended well."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        assert isinstance(facts, dict)
        return facts

    def refusal(self, *words: str | Path) -> str:
        """What a refused command says; it ends with status 2 and without a traceback."""
        done = self.run(*words)
        assert done.returncode == 2, done.stdout
        assert "Traceback" not in done.stderr
        assert "怎么办：" in done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def first_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A grading site made on the command line, with everything imported."""
    folder = tmp_path_factory.mktemp("site")
    made = Site(folder)
    (folder / "root.json").write_bytes(encode_root(builders.root()))
    (folder / "password").write_text(PASSWORD + "\n")
    identity = folder / "grading.key"
    made.facts("init", "--root", folder / "root.json", "--identity-out", identity)
    recipient = Recipient((made.data / "recipient.txt").read_text().strip())
    made.files = write_world_files(folder, recipient)
    for name, roles in PEOPLE.items():
        secret = folder / "password"
        made.facts("add-account", "--name", name, "--roles", roles, "--password-file", secret)
    made.facts("import-centre", made.files["centre.signed"])
    made.facts("import-key", made.files["paper.examkey"], "--identity", identity)
    facts = made.facts("import-results", made.files["room.examresults"], "--identity", identity)
    assert facts["tasks"] == 20
    return made


@pytest.fixture
def site(first_site: Site, tmp_path: Path) -> Site:
    """A copy of that site for one test."""
    own = Site(tmp_path / "copy")
    shutil.copytree(first_site.folder, own.folder)
    own.files = {
        name: own.folder / file.relative_to(first_site.folder)
        for name, file in first_site.files.items()
    }
    return own


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    """The address of the running site; it stops cleanly on SIGTERM."""
    server = subprocess.Popen(site.command("serve", "--port", "0"))
    ready = site.data / "run" / "ready.json"
    end = time.monotonic() + DEADLINE_S
    while not ready.exists():
        assert server.poll() is None, "the server ended before it was ready"
        assert time.monotonic() < end, "the server was not ready in time"
        time.sleep(0.05)
    yield json.loads(ready.read_text())["console_url"]
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE_S) == 0
        assert not ready.exists()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield started
        started.close()


def _sign_in(browser: Browser, url: str, name: str) -> Page:
    context = browser.new_context(
        ignore_https_errors=True, locale="zh-CN", viewport={"width": 1366, "height": 768}
    )
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    page.goto(url)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click(".main-action")
    page.wait_for_url(lambda address: "log-in" not in address)
    return page


def _start(page: Page) -> None:
    page.click(".desk button")
    page.wait_for_url("**/mark/tasks/*")


def _submit(page: Page) -> None:
    before = page.url
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: address != before)


def _values(page: Page) -> list[str]:
    return [field.input_value() for field in page.locator(".points input").all()]


def test_keys_give_undo_and_submit(url: str, browser: Browser) -> None:
    """Number keys cycle, U undoes, 0 fills, Enter submits; in a text field they are only text."""
    page = _sign_in(browser, url, "liyang")
    _start(page)
    for key in "133":
        page.keyboard.press(key)
    assert _values(page) == ["1", "", "1"]
    expect(page.locator("#sum")).to_have_text("2")
    page.keyboard.press("u")
    assert _values(page) == ["1", "", "2"]
    page.keyboard.press("Enter")
    expect(page.locator("#banner")).to_contain_text("还有 1 个采分点没有给分")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("0")
    assert _values(page) == ["1", "0", "2"]
    page.keyboard.press("c")
    page.keyboard.type("1a0u?p")
    expect(page.locator("#comment")).to_have_value("1a0u?p")
    assert _values(page) == ["1", "0", "2"]
    page.keyboard.press("Escape")
    _submit(page)
    page.keyboard.press("p")
    page.wait_for_selector("text=这份您已评 3 分")
    page.keyboard.press("a")
    expect(page.locator("#sum")).to_have_text("4")
    _submit(page)


def test_two_markers_finish_and_results_come_out(site: Site, url: str, browser: Browser) -> None:
    """Nobody meets a response twice; the archive is the same from the page and the command line."""
    page, other = _sign_in(browser, url, "liyang"), _sign_in(browser, url, "wangjie")
    _start(page)
    _start(other)
    while "/mark/tasks/" in other.url:
        assert other.url != page.url
        other.keyboard.press("1")
        other.keyboard.press("0")
        _submit(other)
    page.keyboard.press("a")
    _submit(page)
    expect(page.locator(".desk")).to_contain_text("20 / 20")

    staff = _sign_in(browser, url, "kaowu")
    expect(staff.locator("table.ranking").first).to_contain_text("上官若兰")
    with staff.expect_download() as download:
        staff.click("text=成绩档案（可复算）")
    archive = site.folder / "downloaded.examarchive"
    download.value.save_as(archive)
    facts = site.facts("export", "--out", site.folder / "exported.examarchive")
    assert (site.folder / "exported.examarchive").read_bytes() == archive.read_bytes()
    expect(staff.locator(".digest code")).to_have_text(str(facts["results_sha256"]))
    site.facts("report", "--out", site.folder / "reports")
    assert len(list((site.folder / "reports").iterdir())) == 4
    with staff.expect_download():
        staff.click("text=个人排名（PDF）")
    lines = (site.data / "audit.jsonl").read_bytes().splitlines()
    verify_lines(lines)
    assert sum(b'"results_exported"' in line for line in lines) == 4


def test_nothing_typed_is_lost_when_the_server_is_away(
    site: Site, url: str, browser: Browser
) -> None:
    """A save that does not reach the server says so; scores and comment stay on the page."""
    page = _sign_in(browser, url, "liyang")
    _start(page)
    page.keyboard.press("a")
    page.fill("#comment", "写好的评语")
    os.kill(json.loads((site.data / "run" / "ready.json").read_text())["pid"], signal.SIGKILL)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#banner")).to_contain_text("连不上阅卷服务器")
    expect(page.locator("#comment")).to_have_value("写好的评语")
    assert "" not in _values(page)


def test_the_command_line_refuses_in_one_sentence(site: Site) -> None:
    """Unmarked responses and a wrong file: a code with a sentence and advice, status 2."""
    out = site.folder / "out"
    assert "results.unmarked：还有 20 份" in site.refusal("export", "--out", out)
    assert "signature." in site.refusal("import-centre", site.folder / "root.json")
    assert not out.exists()


def test_the_private_key_is_for_its_owner_alone(site: Site) -> None:
    """The sealing identity and the data folder are closed to others."""
    assert (site.folder / "grading.key").stat().st_mode & 0o077 == 0
    assert site.data.stat().st_mode & 0o077 == 0
    assert (site.data / "recipient.txt").read_text().startswith("age1")
