"""A person at a browser, without the browser: log-in, pages, forms, over real TLS."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from deploy.demo.processes import DemoError


class Person:
    """Somebody with an account, signed in to one of the servers.

    Args:
        url: The server's console address.
        ca: The server's CA certificate, the only one trusted.
        name: The account.
        password: Its password.
        patience_s: How long an answer may take.
    """

    def __init__(
        self, url: str, ca: Path, *, name: str, password: str, patience_s: float = 30
    ) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        self.url = url
        self._http = httpx2.Client(
            base_url=url,
            verify=context,
            headers={"Origin": url, "Accept": "text/html"},
            timeout=patience_s,
        )
        self._sign_in(name, password)

    def __enter__(self) -> Self:
        """Use the session in a block; it is closed at its end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """What a page's script is told as it happens, in the pieces in which it comes."""
        with self._http.stream("GET", path) as answer:
            yield answer.iter_raw()

    def get(self, path: str) -> str:
        """A page.

        Raises:
            DemoError: It was refused.
        """
        return self._page(self._http.get(path, follow_redirects=True), path)

    def get_json(self, path: str) -> Any:
        """What a page's script would read."""
        answer = self._http.get(path, headers={"Accept": "application/json"})
        if answer.status_code != httpx2.codes.OK:
            message = f"GET {path}: {answer.status_code} {answer.text[:400]}"
            raise DemoError(message)
        return answer.json()

    def post(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *,
        files: dict[str, Any] | None = None,
        page: str | None = None,
    ) -> str:
        """Submit a form that stands on `page` (or on `path`), with the token it carries.

        Raises:
            DemoError: It was refused.
        """
        return self._page(self._post(path, fields, files, page, "text/html"), path)

    def post_json(self, path: str, fields: dict[str, Any], *, page: str) -> Any:
        """Submit a form as the page's script does, and read its answer.

        Raises:
            DemoError: It was refused.
        """
        answer = self._post(path, fields, None, page, "application/json")
        self._page(answer, path)
        return answer.json()

    def post_for_file(self, path: str, fields: dict[str, Any], *, page: str) -> bytes:
        """Submit a form that answers with a download.

        Raises:
            DemoError: It was refused.
        """
        answer = self._post(path, fields, None, page, "text/html")
        self._page(answer, path)
        return answer.content

    def _post(
        self,
        path: str,
        fields: dict[str, Any] | None,
        files: dict[str, Any] | None,
        page: str | None,
        accept: str,
    ) -> httpx2.Response:
        data = {"csrf_token": csrf_token(self.get(page or path)), **(fields or {})}
        headers = {"Accept": accept}
        return self._http.post(path, data=data, files=files, headers=headers, follow_redirects=True)

    def _sign_in(self, name: str, password: str) -> None:
        self._page(self._http.get("/log-in"), "/log-in")
        fields = {"name": name, "password": password, "next": "/"}
        self._page(self._http.post("/log-in", data=fields, follow_redirects=True), "/log-in")

    def _page(self, answer: httpx2.Response, path: str) -> str:
        if answer.status_code != httpx2.codes.OK:
            message = f"{path}: {answer.status_code} {answer.text[-800:]}"
            raise DemoError(message)
        return answer.text


def csrf_token(page: str) -> str:
    """The form token of a page.

    Raises:
        DemoError: The page has none.
    """
    found = re.search(r'name="csrf[_-]token"\s+(?:value|content)="([^"]+)"', page)
    if not found:
        message = "the page carries no form token"
        raise DemoError(message)
    return found[1]
