"""The room's pages: who may do what, headers, forms from elsewhere; all on the real application."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from starlette.routing import Mount, WebSocketRoute

from exam_core.errors import CODES
from exam_core.formats.resume_file import CODES_OF_SEAT, resume_code
from exam_server.accounts.roles import ROOM_ROLES, Role
from exam_server.room.services.opening import OpenedPaper
from exam_server.room.web.applications import build_kiosk_application
from exam_server.room.web.staff import ACTION_TITLES
from exam_server.web.permissions import READING, GuardedRoute
from exam_server.web.security import CONTENT_POLICY
from tests.support import builders
from tests.support.room_pages import WEB_PAGE, Pages
from tests.support.room_world import PASSWORD, PEOPLE, RoomWorld


@pytest.fixture
def pages(world: RoomWorld) -> Iterator[Pages]:
    """The pages of a prepared room."""
    one = Pages(world)
    yield one
    one.store.close()


def test_every_route_says_who_may_use_it(pages: Pages) -> None:
    """Besides static files, the route types are ours, which ask for a permission."""
    kiosk = build_kiosk_application(pages.room)
    for route in (*pages.application.routes, *kiosk.routes):
        is_static = isinstance(route, Mount) and route.path.startswith("/static")
        is_socket = isinstance(route, WebSocketRoute) and route.path == "/v1/session"
        assert is_static or is_socket or isinstance(route, GuardedRoute)


def test_the_resume_sheet_shows_the_codes_of_every_seat_to_the_chief(pages: Pages) -> None:
    """Only once the paper is open; each showing is in the audit log, the codes are not."""
    shut = pages.request("POST", "/opening/resume-sheet", "zhang", headers=WEB_PAGE)
    assert shut.status_code == HTTPStatus.CONFLICT
    assert "opening.never" in shut.text
    secret = bytes(32)
    pages.room.hub.state.opened = OpenedPaper(
        manifest_sha256="ab" * 32, journal_secret=secret, identities={}, shapes={}
    )

    sheet = pages.request("POST", "/opening/resume-sheet", "zhang", headers=WEB_PAGE)

    assert sheet.status_code == HTTPStatus.OK
    assert sheet.headers["cache-control"] == "no-store"
    codes = {
        resume_code(secret, sitting_id=builders.SITTING_ID, seat_id=seat_id, number=number)
        for seat_id in pages.room.hub.state.seats
        for number in range(1, CODES_OF_SEAT + 1)
    }
    assert all(code in sheet.text for code in codes)
    lines = [line.decode() for line in pages.room.trail.lines()]
    assert sum("resume_sheet_printed" in line for line in lines) == 1
    assert not any(code in line for code in codes for line in lines)


def test_the_auditor_reads_every_page_and_may_change_nothing(pages: Pages) -> None:
    """Said by the permissions, for each route with roles."""
    for route in pages.routes:
        roles, methods = route.permission.roles, route.methods or set()
        if roles is not None:
            is_reading = methods <= READING
            assert (Role.AUDITOR in roles) == is_reading, route.path


@pytest.mark.parametrize("who", [name for name in PEOPLE if name != "both"])
def test_each_role_gets_exactly_what_its_routes_say(pages: Pages, who: str) -> None:
    """The whole matrix of routes and roles, by real requests."""
    roles = PEOPLE[who]
    for route in pages.routes:
        if route.permission.roles is None or route.path == "/proctor/events":
            continue
        method = "GET" if "GET" in (route.methods or ()) else "POST"
        reply = pages.request(method, route.path, who)
        is_denied = reply.status_code == HTTPStatus.FORBIDDEN
        assert is_denied != bool(roles & route.permission.roles), (who, route.path, reply.text)
        if is_denied:
            assert reply.json()["code"] == "access.denied"


def test_nobody_gets_in_without_log_in(pages: Pages) -> None:
    """A person is led to the log-in page, a script is told; a change is never taken."""
    for route in pages.routes:
        if route.permission.roles is None:
            continue
        if "GET" in (route.methods or ()):
            reply = pages.request("GET", route.path, headers=WEB_PAGE)
            assert reply.headers["location"].startswith("/log-in?next=")
            assert pages.request("GET", route.path).status_code == HTTPStatus.UNAUTHORIZED
        else:
            reply = pages.request("POST", route.path)
            assert reply.json()["code"] == "access.sign_in"


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({"Origin": "https://evil.test"}, {}),
        ({"Origin": "null"}, {}),
        ({"Origin": "", "Sec-Fetch-Site": "cross-site"}, {}),
        ({}, {"csrf_token": "wrong"}),
        ({}, {"csrf_token": ""}),
        ({"X-CSRF-Token": "wrong"}, {}),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(
    pages: Pages, headers: dict[str, str], form: dict[str, str]
) -> None:
    """Another origin, or without the session's own token."""
    reply = pages.request("POST", "/proctor/unlock", "wang", form=form, headers=headers)
    assert reply.status_code == HTTPStatus.FORBIDDEN
    assert reply.json()["code"] == "access.origin"


def test_a_browser_without_origin_header_is_known_by_fetch_site(pages: Pages) -> None:
    """Same-origin by the browser's own word."""
    reply = pages.request(
        "POST",
        "/proctor/unlock",
        "wang",
        form={"seat_id": "A01"},
        headers={"Origin": "", "Sec-Fetch-Site": "same-origin"},
    )
    assert reply.status_code == HTTPStatus.OK


def test_every_answer_has_the_security_headers(pages: Pages) -> None:
    """Pages, refusals, missing pages, static files."""
    for path in ("/log-in", "/proctor", "/nowhere", "/static/site.css", "/static/own/proctor.js"):
        headers = pages.request("GET", path, headers=WEB_PAGE).headers
        assert headers["content-security-policy"] == CONTENT_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_pages_load_nothing_from_elsewhere_and_have_no_inline_script(pages: Pages) -> None:
    """Every source is a path of our own; what the policy forbids is not there."""
    for path in ("/proctor", "/opening", "/staff", "/staff/audit", "/log-in"):
        html = pages.request("GET", path, "zhang", headers=WEB_PAGE).text
        assert "http://" not in html
        assert "https://" not in html
        assert "<script>" not in html
        assert " style=" not in html
        assert "onclick" not in html


def test_logging_in_sets_a_host_cookie_and_goes_on_locally(pages: Pages) -> None:
    """Secure, HttpOnly, SameSite=Strict; a foreign way on is not taken."""
    form = {"name": "wang", "password": PASSWORD, "next": "//evil.test/"}
    reply = pages.request("POST", "/log-in", form=form)

    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("__Host-gongyuan=")
    for attribute in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert attribute.lower() in cookie.lower()
    assert reply.headers["location"] == "/"
    assert "signed_in" in pages.room.folder.audit_file.read_text()


def test_a_wrong_password_shows_the_page_again_and_is_logged(pages: Pages) -> None:
    """With the name kept and the reason; a script gets the code."""
    form = {"name": "wang", "password": "wrong", "next": "/"}
    page = pages.request("POST", "/log-in", form=form, headers=WEB_PAGE)
    told = pages.request("POST", "/log-in", form=form)

    assert page.status_code == told.status_code == HTTPStatus.UNAUTHORIZED
    assert 'value="wang"' in page.text
    assert told.json()["code"] == "access.refused"
    assert "sign_in_refused" in pages.room.folder.audit_file.read_text()


def test_log_out_ends_the_session(pages: Pages) -> None:
    """The cookie is taken back."""
    reply = pages.request("POST", "/log-out", "wang")
    assert reply.headers["location"] == "/log-in"
    assert 'gongyuan=""' in reply.headers["set-cookie"]


def test_a_missing_page_and_a_wrong_method_say_what_to_do(pages: Pages) -> None:
    """In the words of the person who reads it."""
    page = pages.request("GET", "/nowhere", "wang", headers=WEB_PAGE)
    assert page.status_code == HTTPStatus.NOT_FOUND
    assert "没有这个页面" in page.text
    assert pages.request("GET", "/proctor/start", "wang").json()["code"] == "page.refused"


def test_a_body_beyond_the_limit_is_refused(pages: Pages) -> None:
    """Before it fills the memory."""
    reply = pages.request("POST", "/log-in", form={"name": "x" * 2_000_000})
    assert reply.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_names_are_shown_as_text_only(pages: Pages) -> None:
    """A candidate whose name is markup changes no page."""
    seat = next(iter(pages.room.hub.state.seats.values()))
    seat.name = "<b>考生</b>"
    html = pages.request("GET", "/proctor", "wang", headers=WEB_PAGE).text
    assert "<b>考生</b>" not in html
    assert "&lt;b&gt;考生&lt;/b&gt;" in html


def test_no_page_shows_identity_numbers(pages: Pages) -> None:
    """They are for log-in and results only."""
    numbers = [one.id_number for one in builders.roster(4)]
    for path in ("/proctor", "/proctor/state", "/staff", "/staff/audit"):
        html = pages.request("GET", path, "zhang", headers=WEB_PAGE).text
        assert not any(number in html for number in numbers)


def test_presence_extra_time_and_codes_check_their_fields(pages: Pages) -> None:
    """Every wrong field has a stable code."""
    for path, form, code in (
        ("/proctor/present", {}, "seat.unknown"),
        ("/proctor/present", {"seat_id": "Z1"}, "seat.unknown"),
        ("/proctor/unlock", {"seat_id": "Z1"}, "seat.unknown"),
        ("/proctor/join-codes", {"seat_id": "Z1"}, "seat.unknown"),
        ("/proctor/extra-time", {"minutes": "x"}, "extra_time.range"),
        ("/proctor/extra-time", {"seat_id": "A01", "minutes": "5"}, "presence.no_session"),
        ("/proctor/end", {}, "page.confirm"),
        ("/proctor/start", {}, "opening.never"),
        ("/proctor/hold", {}, "sitting.state"),
    ):
        reply = pages.request("POST", path, "wang", form=form)
        assert reply.json()["code"] == code, path
        assert reply.json()["advice"] == CODES[code]


def test_join_codes_are_made_for_every_seat_without_a_kiosk(pages: Pages) -> None:
    """As JSON for scripts, as a list to print for people; and logged without the codes."""
    codes = pages.request("POST", "/proctor/join-codes", "li", form={"all": "1"}).json()["codes"]
    html = pages.request(
        "POST", "/proctor/join-codes", "wang", form={"seat_id": "A02"}, headers=WEB_PAGE
    ).text

    assert sorted(codes) == ["A01", "A02", "A03", "A04"]
    assert all(len(code) == 8 for code in codes.values())
    assert "<td>A02</td>" in html
    log = pages.room.folder.audit_file.read_text()
    assert "join_codes_made" in log
    assert not any(code in log for code in codes.values())


def test_the_audit_page_has_words_for_every_action(pages: Pages) -> None:
    """No action shows by its code alone in a prepared room."""
    html = pages.request("GET", "/staff/audit", "sun", headers=WEB_PAGE).text
    assert "导入试卷包" in html
    for action in ACTION_TITLES:
        assert action.isascii()
    lines = pages.request("GET", "/staff/audit.jsonl", "sun").content.splitlines()
    assert lines == pages.room.trail.lines()


def test_every_role_of_the_room_has_somebody() -> None:
    """The matrix above covers all roles."""
    assert set().union(*PEOPLE.values()) == set(ROOM_ROLES)


def test_the_opening_page_warns_before_the_planned_time(pages: Pages) -> None:
    """What headquarters planned is shown, and said loudly while this clock is before it."""
    state = pages.room.hub.state
    now = pages.room.clock.utc_ms()
    for planned, is_shown, is_early in (
        (None, False, False),
        (now - 60_000, True, False),
        (now + 3_600_000, True, True),
    ):
        state.not_before_utc_ms = planned
        page = pages.request("GET", "/opening", "zhang", headers=WEB_PAGE).text
        assert ("planned-time" in page) is is_shown
        assert ('data-early="1"' in page) is is_early
