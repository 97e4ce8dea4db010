"""A browser's part in tests of the grading site's pages: sign-in, token, forms."""

import re
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from exam_server.accounts.roles import Role

ORIGIN = "https://testserver"
HTML = {"accept": "text/html"}
ROLES = (Role.MARKER, Role.LEAD, Role.STAFF, Role.AUDITOR)

SignIn = Callable[[str], TestClient]
"""Gives a client of the person with this name; "" signs nobody in."""


def csrf_of(client: TestClient) -> str:
    """The token of the session, as a page carries it."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get("/log-in").text)
    assert found
    return found[1]


def post(client: TestClient, path: str, **fields: str) -> Any:
    """Post a form as the page would."""
    return client.post(path, data={"csrf_token": csrf_of(client), **fields})
