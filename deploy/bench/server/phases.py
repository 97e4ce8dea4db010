"""What a crowd of kiosks does while it is measured; each phase returns its facts for JSON.

Times named `…_at` are of the monotonic clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import picows

from deploy.bench.server.crowd import PATIENCE_S, Crowd, until
from deploy.bench.server.kiosk import BenchKiosk
from deploy.bench.server.log_in import log_in_all
from exam_core.formats.paper_package import PaperPackage, open_form, verify_package
from exam_core.formats.trust_root import parse_root
from exam_core.protocol.messages import Ordered
from exam_core.protocol.orders import Begin, open_order

_ALL_SENT_S = 300.0
_OPENED_FORMS = 50  # so many are really opened; each kiosk opens its own, on its own processor


async def closed_loop(
    crowd: Crowd, *, kiosks: int, seconds: float, warm_up_s: float
) -> dict[str, Any]:
    """Each kiosk sends its next save when the last was acknowledged; ends when one has no more."""
    chosen = crowd.kiosks[:kiosks]
    for one in chosen:
        one.is_closed_loop = True
        one.send_next()
    await asyncio.sleep(warm_up_s)
    began = crowd.begin_measuring()
    await until(lambda: any(one.is_exhausted for one in chosen), seconds)
    facts = crowd.measured(began)
    for one in chosen:
        one.is_closed_loop = False
    await _settled(chosen)
    return facts


async def send_all(crowd: Crowd, *, kiosks: int) -> dict[str, Any]:
    """Each kiosk sends all that it has, one save after another; until all is acknowledged."""
    chosen = crowd.kiosks[:kiosks]
    began = crowd.begin_measuring()
    for one in chosen:
        one.is_closed_loop = True
        one.send_next()
    is_done = await until(
        lambda: all(one.is_exhausted and one.is_settled for one in chosen), _ALL_SENT_S
    )
    if not is_done:
        message = f"not all was acknowledged within {_ALL_SENT_S} s"
        raise TimeoutError(message)
    facts = crowd.measured(began)
    for one in chosen:
        one.is_closed_loop = False
    return facts


async def paced(
    crowd: Crowd, *, kiosks: int, seconds: float, interval_s: float, warm_up_s: float
) -> dict[str, Any]:
    """Each kiosk sends a save each `interval_s`, evenly spread over the room.

    One whose last save is not acknowledged yet sends nothing, as the real ones do; it is counted.
    """
    chosen = crowd.kiosks[:kiosks]
    step = interval_s / len(chosen)
    begin = time.perf_counter()
    began, place, skipped = 0.0, 0, 0
    while (now := time.perf_counter()) < begin + warm_up_s + seconds:
        if not began and now - begin >= warm_up_s:
            began, skipped = crowd.begin_measuring(), 0
        while begin + place * step <= time.perf_counter():
            one = chosen[place % len(chosen)]
            if one.is_settled:
                one.send_next()
            else:
                skipped += 1
            place += 1
        await asyncio.sleep(min(step, 0.002))
    await _settled(chosen)
    return crowd.measured(began) | {"skipped": skipped}


async def submit(crowd: Crowd, *, kiosks: int, within_s: float) -> dict[str, Any]:
    """All hand in, spread over `within_s`: when all was durable, and when all had receipts."""
    chosen = crowd.kiosks[:kiosks]
    began = crowd.begin_measuring()
    for place, one in enumerate(chosen):
        await _sleep_until(began + within_s * place / len(chosen))
        one.send_next()
        _send_submit(one)
    sent_s = time.perf_counter() - began
    all_durable = await until(lambda: all(one.is_settled for one in chosen), PATIENCE_S)
    durable_s = time.perf_counter() - began
    facts = crowd.measured(began)
    for _ in range(12):
        if await until(lambda: all(one.submitted_at for one in chosen), PATIENCE_S / 12):
            break
        for one in chosen:  # what was refused because its entry was under way is sent again
            if not one.submitted_at:
                _send_submit(one)
    receipts = [one.submitted_at - began for one in chosen if one.submitted_at]
    return facts | {
        "sent_s": sent_s,
        "durable_s": durable_s if all_durable else PATIENCE_S,
        "receipts": len(receipts),
        "receipts_s": max(receipts, default=0.0),
    }


def expect_begin(crowd: Crowd, *, kiosks: int) -> dict[str, Any]:
    """From now on note when Begin comes; before the proctor's click."""
    for one in crowd.kiosks[:kiosks]:
        one.waits_for_begin = True
    return {}


async def wait_begin(crowd: Crowd, *, kiosks: int, clicked_at: float) -> dict[str, Any]:
    """Until every kiosk has its Begin; what opening a form takes is measured on a sample."""
    chosen = crowd.kiosks[:kiosks]
    await until(lambda: all(one.begun_at for one in chosen), PATIENCE_S)
    begun = sorted(one.begun_at - clicked_at for one in chosen if one.begun_at)
    messages = [one.begin for one in chosen[:_OPENED_FORMS] if one.begin]
    return {"begun": len(begun), "begun_s": begun, "opening_s": _openings_s(crowd, messages)}


async def log_in(crowd: Crowd, *, kiosks: int, url: str) -> dict[str, Any]:
    """All candidates log in at once, each over a new connection."""
    return await log_in_all(crowd, kiosks=kiosks, url=url)


def _openings_s(crowd: Crowd, messages: list[Ordered]) -> list[float]:
    package = verify_package(
        Path(crowd.plan.package_file).read_bytes(),
        parse_root(Path(crowd.plan.root_file).read_bytes()),
    )
    return sorted(_opening_s(crowd, package, one) for one in messages)


def _opening_s(crowd: Crowd, package: PaperPackage, message: Ordered) -> float:
    began = time.perf_counter()
    order = open_order(message, crowd.plan.centre_key).what
    if not isinstance(order, Begin):
        raise TypeError("it was found to be a begin")
    open_form(
        package.sealed_form(order.form_number),
        order.form_identity,
        paper_id=package.manifest.paper_id,
        form_number=order.form_number,
    )
    return time.perf_counter() - began


def _send_submit(kiosk: BenchKiosk) -> None:
    if kiosk.transport is not None:
        kiosk.transport.send(picows.WSMsgType.BINARY, kiosk.submit)


async def _settled(chosen: list[BenchKiosk]) -> None:
    await until(lambda: all(one.is_settled for one in chosen), PATIENCE_S)


async def _sleep_until(due: float) -> None:
    left = due - time.perf_counter()
    if left > 0:
        await asyncio.sleep(left)
