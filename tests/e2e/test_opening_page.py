"""The opening as two people do it: a real server, two real browsers, a wrong group while typing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.demo.pictures import chromium, signed_in
from tests.support.room_fixtures import prepared_room, world
from tests.support.room_world import PASSPHRASE, PASSWORD, RoomWorld, ServerProcess, running

__all__ = ["prepared_room", "world"]

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser; each person has a profile of their own in it."""
    with chromium() as started:
        yield started


@pytest.fixture
def server(world: RoomWorld) -> Iterator[ServerProcess]:
    """The room's server."""
    with running(world.folder) as started:
        yield started


def at_opening(browser: Browser, server: ServerProcess, name: str) -> Page:
    """This person's opening page."""
    page = signed_in(browser, server.console_url, name, PASSWORD)
    page.goto(f"{server.console_url}/opening")
    return page


def bring_key(page: Page, world: RoomWorld) -> None:
    """The technician's part."""
    page.set_input_files(
        "#key_file",
        {"name": "opening-key.age", "mimeType": "x/y", "buffer": world.opening_key},
    )
    page.fill("#passphrase", PASSPHRASE)
    page.click("text=提交密钥")
    expect(page.locator(".step.done")).to_be_visible()


def test_a_wrong_group_shows_while_it_is_typed(
    browser: Browser, server: ServerProcess, world: RoomWorld, tmp_path: Path
) -> None:
    """Each group is marked as soon as it has five digits, full-width ones too; then both open."""
    chief = at_opening(browser, server, "zhang")
    tags = chief.locator("#code-groups .tag")
    groups = world.delivery.code.split()
    wrong = groups[1][:-1] + str((int(groups[1][-1]) + 1) % 10)
    full_width = groups[2].translate({ord("0") + n: 0xFF10 + n for n in range(10)})

    chief.locator("#code").press_sequentially(f"{groups[0]} {wrong}{full_width}12")
    expect(tags).to_have_count(4)
    expect(tags.nth(0)).to_have_class("tag good")
    expect(tags.nth(1)).to_have_class("tag bad")
    expect(tags.nth(1)).to_contain_text("第 2 组有误")
    expect(tags.nth(2)).to_have_class("tag good")
    chief.screenshot(path=tmp_path / "opening-typing.png", full_page=True)
    expect(chief.get_by_role("button", name="启封", exact=True)).to_be_disabled()

    chief.fill("#code", "")
    bring_key(at_opening(browser, server, "li"), world)
    button = chief.get_by_role("button", name="启封", exact=True)
    expect(button).to_be_enabled()  # the other person's step shows up by itself
    chief.fill("#code", world.delivery.code)
    button.click()
    expect(chief.locator("#opening-state.good")).to_be_visible(timeout=20_000)


def test_two_envelopes_open_on_the_page(
    browser: Browser, server: ServerProcess, world: RoomWorld, tmp_path: Path
) -> None:
    """A wrong pair is refused in a sentence and the form stays open; the right pair opens."""
    bring_key(at_opening(browser, server, "li"), world)
    chief = at_opening(browser, server, "zhang")
    codes = world.delivery.codes.envelope_codes

    def fill(numbers: tuple[str, str]) -> None:
        if not chief.locator("#number_1").is_visible():
            chief.click("summary")
        for place, (number, official) in enumerate(zip(numbers, ("陈明", "林芳"), strict=True), 1):
            chief.select_option(f"#number_{place}", number)
            chief.fill(f"#official_{place}", official)
            chief.fill(f"#code_{place}", codes[(0, 2)[place - 1]])
            expect(chief.locator(f"#code_{place}-groups .tag.good")).to_have_count(6)
        chief.screenshot(path=tmp_path / f"envelopes-{numbers[1]}.png", full_page=True)
        chief.click("text=用两个信封启封")

    fill(("1", "2"))
    alert = chief.get_by_role("alert")
    expect(alert).to_have_attribute("data-code", "opening.envelopes", timeout=20_000)
    expect(chief.locator("#number_1")).to_be_visible()
    chief.screenshot(path=tmp_path / "envelopes-refused.png", full_page=True)
    fill(("1", "3"))
    expect(chief.locator("#opening-state.good")).to_be_visible(timeout=20_000)
    last = world.folder.audit_file.read_text()
    assert '"envelopes":"1+3"' in last
    assert "陈明、林芳" in last
