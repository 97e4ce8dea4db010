"""The web application of the grading site."""

from pathlib import Path

from starlette.applications import Starlette

from exam_server.accounts.people import People
from exam_server.accounts.roles import Role
from exam_server.marking.services.outcome import Outcome
from exam_server.marking.services.queue import MarkingQueue
from exam_server.marking.site import GradingSite
from exam_server.marking.web.audit import audit_routes
from exam_server.marking.web.lead import lead_routes
from exam_server.marking.web.marker import marker_routes
from exam_server.marking.web.results import results_routes
from exam_server.marking.web.shown import half_of, mean_text, steps_of
from exam_server.web.application import build_application
from exam_server.web.pages import MenuEntry
from grading.scoring.outcome import points_text

MENU = (
    MenuEntry(path="/mark", label="阅卷", roles=frozenset({Role.MARKER})),
    MenuEntry(path="/lead", label="进度", roles=frozenset({Role.LEAD})),
    MenuEntry(path="/results", label="成绩", roles=frozenset({Role.STAFF, Role.LEAD})),
    MenuEntry(path="/audit", label="审计日志", roles=frozenset({Role.LEAD})),
)


def build_grading_application(site: GradingSite, people: People) -> Starlette:
    """The pages of an open grading site."""
    application = build_application(
        title="贡院 · 阅卷点",
        people=people,
        menu=MENU,
        routes=[*marker_routes(), *lead_routes(), *results_routes(), *audit_routes()],
        folder=Path(__file__).parent,
    )
    application.state.grading = site
    application.state.queue = MarkingQueue(site)
    application.state.outcome = Outcome(site)
    application.state.site.pages.filters.update(
        points=points_text, mean=mean_text, half=half_of, steps=steps_of
    )
    return application
