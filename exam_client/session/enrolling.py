"""Waits for the seat's certificate, and meanwhile shows a number that staff can compare.

Both ways are open at once: a technician with a join code may be quicker; whichever comes first.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable

from exam_client import limits
from exam_client.config import KioskConfig
from exam_client.enrolment import enrol_by_comparison, is_enrolled
from exam_client.journal.files import FileSystem
from exam_client.kiosk_key import kiosk_signing_key
from exam_client.session.view import SeatState
from exam_client.sync.tls import kiosk_trust
from exam_core.crypto.signing import Signer
from exam_core.errors import ExamError

_REFUSED = "compare.refused"

_log = logging.getLogger("exam_client.session")


class Enrolling:
    """The time before a kiosk has its certificate.

    Args:
        files: How files are written.
        config: The kiosk.
        seat: Told of the number to show, and of what is wrong.
        changed: Called when a screen may have to be drawn anew.
    """

    def __init__(
        self,
        files: FileSystem,
        config: KioskConfig,
        seat: SeatState,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._files = files
        self._config = config
        self._seat = seat
        self._changed = changed

    async def wait(self) -> tuple[ssl.SSLContext, Signer]:
        """Return when certificate and key can be used: the trust of this seat, and its signer."""
        comparing: asyncio.Task[None] | None = None
        try:
            while True:
                credentials = self._credentials()
                if credentials is not None:
                    return credentials
                if comparing is None or comparing.done():
                    comparing = asyncio.create_task(self._compare())
                self._changed()
                await asyncio.sleep(limits.room_poll_s)
        finally:
            if comparing is not None:
                comparing.cancel()
                await asyncio.gather(comparing, return_exceptions=True)

    def _credentials(self) -> tuple[ssl.SSLContext, Signer] | None:
        self._seat.is_enrolled = is_enrolled(self._files, self._config)
        if not self._seat.is_enrolled:
            return None
        try:
            signer = Signer(kiosk_signing_key(self._files, self._config.folder))
            trust = kiosk_trust(self._config.centre.ca_certificate, self._config.folder.credential)
        except ExamError as error:
            self._seat.is_enrolled = False
            self._seat.alarms[error.code] = error.message
            return None
        self._seat.alarms.clear()
        return trust, signer

    async def _compare(self) -> None:
        try:
            await enrol_by_comparison(self._files, self._config, self._show)
        except ExamError as error:
            _log.info("not_compared", extra={"code": error.code})
            if error.code == _REFUSED:
                self._seat.alarms[error.code] = error.message
                self._show("")
                await asyncio.sleep(limits.compare_pause_s)
        finally:
            self._show("")

    def _show(self, number: str) -> None:
        self._seat.enrol_number = number
        self._changed()
