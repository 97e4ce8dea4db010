"""Runs the grading site's pages over TLS 1.3 until it is told to stop."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from exam_core.errors import ExamError
from exam_server import limits
from exam_server.accounts.people import People
from exam_server.clock import Clock
from exam_server.command_line import say
from exam_server.folder import write_atomically
from exam_server.hardening import Protection
from exam_server.marking.site import (
    READY,
    SERVER_CERTIFICATE,
    GradingSite,
    open_site,
)
from exam_server.marking.web.application import build_grading_application
from exam_server.serving import Listener, bind, serve_until_stopped
from exam_server.tls import server_context

_log = logging.getLogger(__name__)

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  recognised here, not bound


def serve(folder: Path, protection: Protection, *, host: str, port: int, clock: Clock) -> None:
    """Serve until SIGTERM or SIGINT; `run/ready.json` tells when and where.

    Raises:
        InputError: `data.missing`.
        StateError: `data.in_use`, `serve.port`.
    """
    with open_site(folder, clock) as site:
        application = build_grading_application(site, People(site.store, clock))
        context = server_context(
            certificate_file=folder / SERVER_CERTIFICATE,
            client_authority_file=None,
        )
        listening = bind(host, port)
        listener = Listener(application=application, listening=listening, context=context)
        ready = folder / READY
        ready.unlink(missing_ok=True)

        def on_ready() -> None:
            url = f"https://{_reached_by(site, host)}:{listener.port}"
            site.audit.record(
                "serving_started",
                url=url,
                core_dumps=protection.core_dumps,
                memory=protection.memory,
            )
            say(protection.sentence())
            facts = {"console_url": url, "pid": os.getpid()}
            write_atomically(ready, json.dumps(facts).encode())

        try:
            serve_until_stopped(
                [listener], life=_signing(site), on_ready=on_ready, on_stop=lambda: None
            )
        finally:
            listening.close()
            ready.unlink(missing_ok=True)
        site.audit.record("serving_stopped")


def _signing(site: GradingSite) -> Callable[[], AbstractAsyncContextManager[None]]:
    """The life of the pages: the state of the log is signed every five minutes."""

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        signer = asyncio.create_task(_sign_now_and_then(site))
        try:
            yield
        finally:
            signer.cancel()
            await asyncio.gather(signer, return_exceptions=True)

    return life


async def _sign_now_and_then(site: GradingSite) -> None:
    while True:
        await asyncio.sleep(limits.checkpoint_interval_ms / 1000)
        try:
            await asyncio.to_thread(site.audit.take_checkpoint, "interval", only_if_grown=True)
        except ExamError as error:  # what is marked meanwhile fails by itself, and says so
            _log.error("log_not_signed", extra={"code": error.code})


def _reached_by(site: GradingSite, host: str) -> str:
    name = site.config.addresses[0] if host in _EVERYWHERE else host
    return f"[{name}]" if ":" in name else name
