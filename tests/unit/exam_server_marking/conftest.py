"""A grading site with its pages in process, and one signed-in client for each role."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from exam_server.accounts.roles import Role
from exam_server.marking.web.application import build_grading_application
from tests.support.marking_pages import HTML, ORIGIN, ROLES, SignIn
from tests.support.marking_world import PASSWORD, World, filled_site


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A grading site with an account for each role, named like it, and a second marker."""
    with filled_site(tmp_path) as made:
        for role in ROLES:
            made.add(str(role), role)
        made.add("marker2", Role.MARKER)
        yield made


@pytest.fixture
def application(world: World) -> object:
    """The pages."""
    return build_grading_application(world.site, world.people)


@pytest.fixture
def sign_in(application: object) -> SignIn:
    """Gives a client of the person with this name, as a browser would be; "" signs nobody in."""

    def make(name: str) -> TestClient:
        client = TestClient(application, base_url=ORIGIN, follow_redirects=False)  # type: ignore[arg-type]
        client.headers.update({"origin": ORIGIN, **HTML})
        if name:
            form = {"name": name, "password": PASSWORD, "next": "/"}
            assert client.post("/log-in", data=form).status_code == 303
        return client

    return make
