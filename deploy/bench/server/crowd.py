"""All kiosks of one plan: their frames, their connections, and whether they were told the truth."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import tempfile
import time
from collections.abc import Callable
from typing import Any

import picows

from deploy.bench.server.kiosk import BenchKiosk, Tally
from deploy.bench.server.plan import Plan, PlannedKiosk
from exam_core.limits import heartbeat_interval_ms
from exam_core.protocol.acknowledgements import Acknowledged, check_proof
from exam_core.protocol.messages import HeldFrames

PATIENCE_S = 60.0
"""How long a kiosk waits for anything before it tries again."""

_ALL_CONNECTED_S = 300.0
_BEAT_STEP_S = 0.02
_LOOK_S = 0.005  # how often a condition is looked at


class Crowd:
    """The kiosks, in the order of the plan; phases use the first so many of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.kiosks = [BenchKiosk(plan, one, self.tally) for one in plan.kiosks]
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._first_measured = self._last_measured = 0
        self._cpu_s = 0.0

    # Before the measured time

    def prepare(self, *, kiosks: int, saves: int, payload_bytes: int) -> None:
        """Make frames and TLS contexts, so that the measured time has neither."""
        for one in self.kiosks[:kiosks]:
            one.prepare(saves, payload_bytes)
            self.context_of(one.planned)
        gc.freeze()

    def prepare_submit(self, *, kiosks: int, payload_bytes: int) -> None:
        """Make the last save and the submit of each."""
        for one in self.kiosks[:kiosks]:
            one.prepare_submit(payload_bytes)
            self.context_of(one.planned)
        gc.freeze()

    def context_of(self, planned: PlannedKiosk) -> ssl.SSLContext:
        """The TLS context with a kiosk's own certificate."""
        known = self._contexts.get(planned.seat_id)
        if known is None:
            known = self._contexts[planned.seat_id] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            known.minimum_version = ssl.TLSVersion.TLSv1_3
            known.load_verify_locations(self.plan.authority_file)
            with tempfile.NamedTemporaryFile(suffix=".pem") as file:
                file.write((self.plan.tls_key_pem + planned.certificate_pem).encode())
                file.flush()
                known.load_cert_chain(file.name)
        return known

    # Connections

    async def connect(
        self, *, kiosks: int, url: str, at_once: int = 200, within_s: float = _ALL_CONNECTED_S
    ) -> dict[str, Any]:
        """Connect and attach the first so many, each until it succeeds; how long all took.

        Those that are connected stay so.

        Raises:
            TimeoutError: Not all were connected in time.
        """
        began = time.perf_counter()
        gate = asyncio.Semaphore(at_once)
        took: list[float] = []
        tries = 0

        async def attach(kiosk: BenchKiosk) -> None:
            nonlocal tries
            async with gate:
                while time.perf_counter() - began < within_s:
                    tries += 1
                    with contextlib.suppress(OSError, picows.WSError, TimeoutError):
                        await self._connect(kiosk, url)
                        took.append(time.perf_counter() - began)
                        return
                    await asyncio.sleep(0.05)

        missing = [one for one in self.kiosks[:kiosks] if one.transport is None]
        await asyncio.gather(*(attach(one) for one in missing))
        if len(took) < len(missing):
            message = f"only {len(took)} of {len(missing)} were connected within {within_s:.0f} s"
            raise TimeoutError(message)
        return {"connected": len(took), "seconds": max(took, default=0.0), "tries": tries}

    async def beat(self) -> None:
        """Every kiosk's heartbeat each ten seconds, spread over them, for ever."""
        step = heartbeat_interval_ms / 1000 / len(self.kiosks)
        began, place = time.perf_counter(), 0
        while True:
            while began + place * step <= time.perf_counter():
                self.kiosks[place % len(self.kiosks)].beat()
                place += 1
            await asyncio.sleep(max(step, _BEAT_STEP_S))

    def forget_sent(self) -> None:
        """Free what is acknowledged and checked."""
        self.tally.saved.clear()
        self._first_measured = self._last_measured = 0
        for one in self.kiosks:
            one.forget_sent()

    def disconnect(self) -> None:
        """End every connection."""
        for one in self.kiosks:
            one.disconnect()

    def rewind(self) -> None:
        """Disconnect all, to send the same frames to another server."""
        for one in self.kiosks:
            one.rewind()
        self.tally.saved.clear()
        self._first_measured = self._last_measured = 0

    async def _connect(self, kiosk: BenchKiosk, url: str) -> None:
        kiosk.attached = asyncio.get_running_loop().create_future()
        await picows.ws_connect(
            lambda: kiosk,
            f"{url.replace('https', 'wss')}/v1/session",
            ssl_context=self.context_of(kiosk.planned),
            websocket_handshake_timeout=PATIENCE_S,
            ssl_handshake_timeout=PATIENCE_S,
        )
        await asyncio.wait_for(kiosk.attached, PATIENCE_S)

    # Measuring

    def begin_measuring(self) -> float:
        """Forget what was counted; returns the time."""
        del self.tally.latencies_s[:]
        self._first_measured = len(self.tally.saved)
        self._cpu_s = time.process_time()
        return time.perf_counter()

    def measured(self, began: float) -> dict[str, Any]:
        """What was counted since."""
        seconds = time.perf_counter() - began
        self._last_measured = len(self.tally.saved)
        return {
            "seconds": seconds,
            "saves": len(self.tally.latencies_s),
            "latencies_ms": sorted(round(1000 * one, 3) for one in self.tally.latencies_s),
            "generator_cpu": (time.process_time() - self._cpu_s) / seconds,
        }

    def check_measured(self) -> dict[str, Any]:
        """Check what was acknowledged in the measured time."""
        return self.check(first=self._first_measured, last=self._last_measured)

    def check(self, *, first: int = 0, last: int | None = None) -> dict[str, Any]:
        """Check acknowledgements as a kiosk does; returns how many there were, and of what kind.

        Each root's signature is checked once, and every fiftieth acknowledgement wholly.

        Raises:
            IntegrityError: `ack.signature`.
            AssertionError: A head was not the kiosk's own.
        """
        roots: set[tuple[int, int]] = set()
        chosen = self.tally.saved[first:last]
        for place, (kiosk, saved) in enumerate(chosen):
            root = (saved.proof.boot, saved.proof.number)
            if root in roots and place % 50:
                continue
            roots.add(root)
            held = HeldFrames(segment_id=saved.segment_id, frames=saved.frames, head=saved.head)
            check_proof(
                saved.proof,
                Acknowledged(kiosk.planned.session_id, held),
                sitting_id=self.plan.sitting_id,
                centre_key=self.plan.centre_key,
            )
        if self.tally.wrong_heads:
            message = f"{self.tally.wrong_heads} acknowledgements name another head"
            raise AssertionError(message)
        return {
            "acknowledgements": len(chosen),
            "commits": len(roots),
            "refused": self.tally.refused,
            "lost": self.tally.lost,
        }


async def until(holds: Callable[[], bool], within_s: float) -> bool:
    """Wait until something holds; whether it did in time."""
    deadline = time.perf_counter() + within_s
    while not holds():
        if time.perf_counter() > deadline:
            return False
        await asyncio.sleep(_LOOK_S)
    return True
