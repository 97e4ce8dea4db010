"""The OpenAPI page of the LAN protocol's HTTP part."""

from deploy.tools.lan_http import CONSOLE, KIOSK, OPERATIONS, PAGE, page_text
from exam_server.room.web.compare_api import compare_routes
from exam_server.room.web.kiosk_api import enrol_routes, kiosk_routes
from exam_server.web.permissions import GuardedRoute


def test_the_page_is_fresh() -> None:
    """`python -m deploy.tools.generate_docs` was run after the last change."""
    assert PAGE.read_text() == page_text()


def test_the_page_has_every_route_of_machines() -> None:
    """Each path with its method, at its port, and no other."""
    told = {(one.port, one.method, one.path) for one in OPERATIONS}
    served = set()
    for port, routes in ((KIOSK, kiosk_routes()), (CONSOLE, [*enrol_routes(), *compare_routes()])):
        for route in routes:
            if isinstance(route, GuardedRoute) and route.permission.is_machine:
                methods = set(route.methods or ()) - {"HEAD"}
                served |= {(port, method, route.path) for method in methods}
    assert told == served
