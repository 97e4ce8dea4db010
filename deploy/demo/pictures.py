"""Screenshots of the pages, taken by a real browser that signs in as a person would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
SIZE = (1366, 768)
_SETTLE_MS = 400  # live views fill themselves from their first event
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks at the pages."""

    name: str
    password: str


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def take(url: str, visitor: Visitor, files: Mapping[str, Path], *, is_whole: bool = False) -> None:
    """Take a picture of each path into its file; `is_whole` takes the full length of the page."""
    with chromium() as browser:
        page = signed_in(browser, url, visitor.name, visitor.password)
        for path, file in files.items():
            page.goto(url + path, wait_until="domcontentloaded")
            page.wait_for_timeout(_SETTLE_MS)
            page.screenshot(path=file, full_page=is_whole)


def signed_in(browser: Browser, url: str, name: str, password: str) -> Page:
    """A page of a new browser profile in which this person is signed in."""
    width, height = SIZE
    context = browser.new_context(
        # The centre's own CA is not in the browser's list; the demo installs nothing there.
        ignore_https_errors=True,
        viewport={"width": width, "height": height},
        locale="zh-CN",
    )
    page = context.new_page()
    page.goto(url + "/log-in")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "/log-in" not in address)
    return page
