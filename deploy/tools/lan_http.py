"""Writes docs/spec/lan-http.json: the HTTP part of the LAN protocol as OpenAPI.

The bodies are those of `exam_core.protocol.http`; a test compares the paths with the routes, and
the fuzzer of the tests makes its requests from this table.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from exam_core.protocol import VERSION
from exam_core.protocol.http import (
    CompareReply,
    CompareRequest,
    CompareResult,
    CompareReveal,
    CompareWait,
    EnrolReply,
    EnrolRequest,
    LogInReply,
    LogInRequest,
    Problem,
    RoomReply,
)

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "spec" / "lan-http.json"
KIOSK, CONSOLE = "kiosk", "console"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One request of a kiosk: at which port, with which body, answered by what."""

    port: str
    method: str
    path: str
    says: str
    body: type[msgspec.Struct] | None = None
    reply: type[msgspec.Struct] | None = None


OPERATIONS = (
    Operation(
        port=KIOSK,
        method="GET",
        path="/v1/room",
        says="What a kiosk may know before anybody logged in.",
        reply=RoomReply,
    ),
    Operation(
        port=KIOSK,
        method="POST",
        path="/v1/log-in",
        says="A session for the candidate at this seat.",
        body=LogInRequest,
        reply=LogInReply,
    ),
    Operation(
        port=KIOSK,
        method="GET",
        path="/v1/package",
        says="The sealed package, or one range of it; conditional by its SHA-256 as ETag.",
    ),
    Operation(
        port=CONSOLE,
        method="POST",
        path="/v1/enrol",
        says="The certificate of a seat, for its one-time join code.",
        body=EnrolRequest,
        reply=EnrolReply,
    ),
    Operation(
        port=CONSOLE,
        method="POST",
        path="/v1/enrol/commit",
        says="A kiosk begins to compare a number.",
        body=CompareRequest,
        reply=CompareReply,
    ),
    Operation(
        port=CONSOLE,
        method="POST",
        path="/v1/enrol/reveal",
        says="What the kiosk committed to.",
        body=CompareReveal,
    ),
    Operation(
        port=CONSOLE,
        method="POST",
        path="/v1/enrol/result",
        says="The certificate, once a person has compared.",
        body=CompareWait,
        reply=CompareResult,
    ),
)


def page_text() -> str:
    """The page as it should be."""
    kinds: list[type[msgspec.Struct]] = [Problem]
    kinds += [one for each in OPERATIONS for one in (each.body, each.reply) if one]
    bodies, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    reference = dict(zip(kinds, bodies, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, reference)
    page = {
        "openapi": "3.1.0",
        "info": {"title": "Gongyuan LAN protocol, HTTP part", "version": str(VERSION)},
        "paths": paths,
        "components": {"schemas": components},
    }
    return json.dumps(page, ensure_ascii=False, indent=1) + "\n"


def _operation(one: Operation, reference: dict[type[msgspec.Struct], Any]) -> dict[str, Any]:
    def content(kind: type[msgspec.Struct]) -> dict[str, Any]:
        return {"application/json": {"schema": reference[kind]}}

    if one.reply:
        good: dict[str, Any] = {"description": "Done.", "content": content(one.reply)}
    elif one.body:
        good = {"description": "Done."}
    else:
        good = {"description": "The file.", "content": {"application/octet-stream": {}}}
    operation: dict[str, Any] = {
        "summary": one.says,
        "x-port": one.port,
        "responses": {
            "200": good,
            "4XX": {"description": "A refusal with a code.", "content": content(Problem)},
        },
    }
    if one.body:
        operation["requestBody"] = {"required": True, "content": content(one.body)}
    return operation


def main() -> None:
    """Write the page."""
    PAGE.write_text(page_text())


if __name__ == "__main__":
    main()
