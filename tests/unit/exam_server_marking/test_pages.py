"""The pages: who may use which, what a marker sees and does not see, and what a refusal keeps."""

import re
from typing import Any

import msgspec
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from exam_core.crypto.sealing import recipient_of
from exam_server.accounts.roles import Role
from exam_server.marking.services.anomalies import anomalous_sessions
from exam_server.marking.services.results_import import import_results
from exam_server.marking.web.application import MENU
from exam_server.web.permissions import GuardedRoute
from tests.support.marking_pages import ROLES, SignIn, csrf_of, post
from tests.support.marking_world import World, world_results, world_roster, world_session

MARKER, LEAD, STAFF, AUDITOR = Role.MARKER, Role.LEAD, Role.STAFF, Role.AUDITOR
EVERYBODY = {*ROLES, None}
MATRIX: dict[tuple[str, str], set[Role | None]] = {
    ("GET", "/"): EVERYBODY,
    ("GET", "/log-in"): EVERYBODY,
    ("POST", "/log-in"): EVERYBODY,
    ("POST", "/log-out"): EVERYBODY,
    ("GET", "/mark"): {MARKER, LEAD, AUDITOR},
    ("POST", "/mark/next"): {MARKER},
    ("GET", "/mark/tasks/{task_id:str}"): {MARKER, LEAD, AUDITOR},
    ("POST", "/mark/tasks/{task_id:str}"): {MARKER},
    ("POST", "/mark/tasks/{task_id:str}/keep"): {MARKER},
    ("GET", "/lead"): {LEAD, AUDITOR},
    ("GET", "/results"): {STAFF, LEAD, AUDITOR},
    ("GET", "/results/candidates/{admission_number:str}"): {STAFF, LEAD, AUDITOR},
    ("POST", "/results/exports/{export:str}"): {STAFF, LEAD},
    ("GET", "/audit"): {LEAD, AUDITOR},
}
"""Who may use which route; None is nobody signed in."""


def _task(client: TestClient) -> str:
    """Take the next response, as the button does; its page's address."""
    reply = post(client, "/mark/next")
    assert reply.status_code == 303
    return str(reply.headers["location"])


def _fields(page: str, score: str = "0") -> dict[str, str]:
    """What the form of a page posts when every marking point gets `score`."""
    sequence = re.search(r'name="sequence" value="(\d+)"', page)
    assert sequence
    points = re.findall(r'name="(point_\d+)"', page)
    return {"sequence": sequence[1], "comment": "", **dict.fromkeys(points, score)}


def _mark_everything(client: TestClient) -> None:
    path = _task(client)
    while path.startswith("/mark/tasks/"):
        reply = post(client, path, **_fields(client.get(path).text))
        assert reply.status_code == 303
        path = reply.headers["location"]


def test_every_route_says_who_may_use_it(application: Any) -> None:
    """The matrix above lists every route, and every route has a permission."""
    routes = [route for route in application.routes if isinstance(route, Route)]
    assert all(isinstance(route, GuardedRoute) for route in routes)
    listed = {
        (method, route.path)
        for route in routes
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert listed == set(MATRIX)


@pytest.mark.parametrize("role", [*ROLES, None], ids=lambda role: role or "nobody")
@pytest.mark.parametrize(("method", "path"), MATRIX, ids=lambda part: part)
def test_each_role_reaches_its_routes_and_no_other(
    sign_in: SignIn, method: str, path: str, role: Role | None
) -> None:
    """Allowed roles are never told no; the others are, and change nothing."""
    client = sign_in(role or "")
    address = re.sub(r"\{[^}]+\}", "0" * 32, path)
    token = {"x-csrf-token": csrf_of(client)} if role else {}
    reply = client.request(method, address, headers=token)
    is_let_in = role in MATRIX[method, path]
    if method == "GET" and role is None and not is_let_in:
        assert reply.status_code == 303
        assert reply.headers["location"].startswith("/log-in")
    elif address == "/log-in" and method == "POST":
        assert "access.refused" in reply.text
    else:
        assert (reply.status_code in {401, 403}) is not is_let_in


@pytest.mark.parametrize("name", ["marker", "lead", "staff", "auditor"])
def test_a_change_without_token_or_from_elsewhere_is_refused(sign_in: SignIn, name: str) -> None:
    """Neither a missing token nor a foreign origin gets through."""
    client = sign_in(name)
    for path in ("/mark/next", "/results/exports/workbook"):
        assert client.post(path).status_code == 403
        headers = {"origin": "https://elsewhere", "x-csrf-token": csrf_of(client)}
        assert client.post(path, headers=headers).status_code == 403


def test_the_menu_leads_everybody_home(sign_in: SignIn) -> None:
    """After log-in each role lands on a page that it may open."""
    for role, home in ((MARKER, "/mark"), (LEAD, "/lead"), (STAFF, "/results"), (AUDITOR, "/mark")):
        client = sign_in(str(role))
        assert client.get("/").headers["location"] == home
        assert client.get(home).status_code == 200
    assert {entry.path for entry in MENU} <= {path for _, path in MATRIX}


def test_no_byte_of_the_marker_pages_tells_who_wrote(sign_in: SignIn) -> None:
    """Name, numbers, unit, team, seat, centre, session and times of no candidate are there."""
    client = sign_in("marker")
    pages = [client.get("/mark").content]
    path = _task(client)
    while path.startswith("/mark/tasks/"):
        page = client.get(path)
        pages += [page.content, str(page.headers).encode()]
        reply = post(client, path, **_fields(page.text))
        pages.append(reply.content)
        path = reply.headers["location"]
        pages.append(client.get("/mark").content)
    assert len(pages) == 1 + 20 * 4
    everything = b"".join(pages)
    secrets = {"第一考点", ">C01<", '"C01"', "S2026-1"}
    for person in world_roster():
        secrets |= {
            person.name,
            person.admission_number,
            person.id_number,
            person.unit,
            person.seat_id,
            person.team,
        }
    for serial in range(1, 8):
        session = world_session(serial)
        secrets |= {session.session_id, session.receipt, session.segments[0].segment_id}
        secrets.add(f"{session.working_ms}")
    assert [secret for secret in secrets if secret.encode() in everything] == []


def test_a_marker_sees_all_that_marking_needs(sign_in: SignIn) -> None:
    """Material, stem, response, every marking point with its points, progress and pseudonym."""
    client = sign_in("marker")
    reply = post(client, "/mark/next", place="4")
    page = client.get(reply.headers["location"]).text
    for text in (
        "王某入职某公司四个月",
        "窗口人员应当怎样答复和引导？",
        "3：用人单位自用工之日起",
        "告知维权途径：协商、调解、仲裁、监察投诉",
        "0.5 分",
        "本题 0 / 6",
        "全部 0 / 20",
        reply.headers["location"].rsplit("/", 1)[1][:8],
    ):
        assert text in page


def test_the_plain_form_marks_without_a_script(sign_in: SignIn) -> None:
    """A form post saves and leads to the next response of the same part."""
    client = sign_in("marker")
    reply = post(client, "/mark/next", place="4")
    path = reply.headers["location"]
    after = post(client, path, place="4", **_fields(client.get(path).text, "0.5"))
    assert after.status_code == 303
    assert after.headers["location"].startswith("/mark/tasks/")
    assert after.headers["location"] != path
    page = client.get("/mark").text
    assert "2 / 5" in page  # the mark given: four half points
    assert "1 / 6" in page


def test_a_script_is_told_where_to_go_on(sign_in: SignIn) -> None:
    """With Accept: application/json the reply is the next address, and a refusal is a Problem."""
    client = sign_in("marker")
    path = _task(client)
    fields = _fields(client.get(path).text)
    headers = {"accept": "application/json", "x-csrf-token": csrf_of(client)}
    refused = client.post(path, data={**fields, "point_1": "x"}, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["code"] == "mark.number"
    reply = client.post(path, data=fields, headers=headers)
    assert reply.json()["next"].startswith("/mark/tasks/")
    assert client.post(f"{path}/keep", headers=headers).status_code == 204


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"point_1": ""}, "第 1 个采分点还没有给分"),
        ({"point_1": "一"}, "第 1 个采分点的得分不是数字"),
        ({"point_1": "9"}, "第 1 个采分点的得分应在 0 到 1 分之间"),
        ({"total": "3"}, "直接给总分没有写理由"),
        ({"comment": "长" * 501}, "评语超过 500 字"),
        ({"sequence": "0"}, "评分序号不对"),
        ({"sequence": "9" * 5_000}, "评分序号不对"),
    ],
)
def test_a_refused_form_comes_back_with_everything_typed(
    sign_in: SignIn, changed: dict[str, str], sentence: str
) -> None:
    """Nothing typed is lost: the page shows the sentence and the fields as they were."""
    client = sign_in("marker")
    reply = post(client, "/mark/next", place="2")
    path = reply.headers["location"]
    fields = {**_fields(client.get(path).text, "1"), "comment": "要点不全", **changed}
    refused = post(client, path, **fields)
    assert refused.status_code == 400
    assert sentence in refused.text
    assert fields["comment"] in refused.text
    for number in (2, 3):
        assert f'name="point_{number}" inputmode="decimal" size="4" maxlength="7" value="1"' in (
            refused.text
        )


def test_a_stale_save_is_shown_as_a_conflict(sign_in: SignIn) -> None:
    """A page overtaken in another window gets 409, its own entries, and the mark in force."""
    client = sign_in("marker")
    path = _task(client)
    stale = _fields(client.get(path).text, "0")
    first = post(client, path, **_fields(client.get(path).text, "0.5"))
    assert first.status_code == 303
    refused = post(client, path, **{**stale, "comment": "旧页面"})
    assert refused.status_code == 409
    assert "刚被另一次评分改动过" in refused.text
    assert "旧页面" in refused.text
    assert 'name="sequence" value="2"' in refused.text


def test_who_was_too_late_is_told_so_and_keeps_the_text(sign_in: SignIn, world: World) -> None:
    """When another marker took over, the refusal still shows what was typed."""
    first, second = sign_in("marker"), sign_in("marker2")
    path = _task(first)
    fields = _fields(first.get(path).text)
    world.clock.advance(10 * 60_000)
    while (taken := _task(second)) != path:
        done = post(second, taken, **_fields(second.get(taken).text))
        assert done.status_code == 303
    refused = post(first, path, **{**fields, "comment": "写了很久的评语"})
    assert refused.status_code == 409
    assert "已转给另一位阅卷员" in refused.text
    assert "写了很久的评语" in refused.text
    assert first.get(path).status_code == 409


def test_a_direct_total_needs_and_keeps_its_reason(sign_in: SignIn) -> None:
    """A total past the marking points counts with its reason and is shown again."""
    client = sign_in("marker")
    path = _task(client)
    done = post(client, path, sequence="1", total="1.5", reason="换一种说法，意思都在", comment="")
    assert done.status_code == 303
    page = client.get(path).text
    assert "换一种说法，意思都在" in page
    assert "已评 <strong>1.5</strong> 分" in page


def test_lead_and_auditor_read_without_claiming(sign_in: SignIn) -> None:
    """They see a response that a marker holds, and the marker keeps it."""
    marker = sign_in("marker")
    path = _task(marker)
    for name in ("lead", "auditor"):
        page = sign_in(name).get(path)
        assert page.status_code == 200
        assert "提交并下一份" not in page.text
    done = post(marker, path, **_fields(marker.get(path).text))
    assert done.status_code == 303


def test_results_appear_when_the_last_mark_is_given(sign_in: SignIn) -> None:
    """Before: how many are left, no export. After: ranks, teams, candidates, downloads."""
    staff, marker = sign_in("staff"), sign_in("marker")
    assert "还有 20 份作答没有评分" in staff.get("/results").text
    early = post(staff, "/results/exports/archive")
    assert early.status_code == 409
    _mark_everything(marker)
    page = staff.get("/results").text
    for person in world_roster():
        assert person.name in page
    assert "缺考" in page
    assert "第1队" in page
    candidate = staff.get("/results/candidates/20260001").text
    assert "劳动关系" in candidate
    assert "案例分析题" in candidate
    for export, magic in (
        ("workbook", b"PK"),
        ("ranking", b"%PDF"),
        ("teams", b"%PDF"),
        ("reports", b"%PDF"),
        ("archive", b"EXAR1"),
    ):
        reply = post(staff, f"/results/exports/{export}")
        assert reply.status_code == 200
        assert reply.content.startswith(magic)
        assert reply.headers["content-disposition"].startswith("attachment")
    unknown = post(staff, "/results/exports/other")
    assert unknown.status_code == 400
    assert staff.get("/results/candidates/nobody").status_code == 400


def test_the_lead_sees_progress_by_item_and_marker(sign_in: SignIn) -> None:
    """Counts and means of each marker stand beside each part."""
    marker = sign_in("marker")
    path = _task(marker)
    post(marker, path, **_fields(marker.get(path).text, "0.5"))
    page = sign_in("lead").get("/lead").text
    assert "1 / 20" in page
    assert "marker" in page
    assert "1.50" in page


def test_the_audit_page_shows_the_log(sign_in: SignIn) -> None:
    """The lines, newest first, and the head of the chain."""
    page = sign_in("auditor").get("/audit").text
    assert "results_imported" in page
    assert page.index("results_imported") < page.index("site_made")


def test_records_that_do_not_hold_are_shown_as_the_role_allows(
    sign_in: SignIn, world: World
) -> None:
    """Staff see whose they are, the lead's page gives a reference, the marker's pages nothing."""
    frames = world_session(1).segments[0].frames
    segment = msgspec.structs.replace(world_session(1).segments[0], frames=(*frames[:-1], b"x"))
    sessions = (
        world_session(1, segments=(segment,)),
        world_session(2, receipt="0000"),
        *(world_session(serial) for serial in range(3, 8)),
    )
    for name in ("lead", "staff"):
        assert (
            "异常记录" not in sign_in(name).get({"lead": "/lead", "staff": "/results"}[name]).text
        )
    data = world_results(recipient=recipient_of(world.identity), sequence=2, sessions=sessions)
    import_results(world.site, data, world.identity, actor="t")

    references = [one.reference for one in anomalous_sessions(world.site)]
    lead, staff = sign_in("lead").get("/lead").text, sign_in("staff").get("/results").text
    for page in (lead, staff):
        assert "2 名考生的交卷记录缺失" in page
        assert "results.receipt" in page
        assert "journal.frame" in page
        assert all(reference in page for reference in references)
    for person in world_roster():
        assert person.admission_number not in lead
        assert person.seat_id not in lead + staff
    assert '<td rowspan="2">20260001</td>' in staff
    assert "作答记录有异常" in sign_in("lead").get("/audit").text
    marker = sign_in("marker")
    assert not any(ref in marker.get("/mark").text for ref in references)
