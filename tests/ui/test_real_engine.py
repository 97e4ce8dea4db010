"""A real window on the real engine and a real exam server on loopback, by mouse and keys alone."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from exam_client.app import KioskApp, build_app
from exam_client.config import DataFolder, KioskConfig, KioskFacts, install
from exam_client.enrolment import enrol
from exam_client.journal.files import RealFileSystem
from exam_client.session.snapshot import SavedState, Screen
from exam_client.ui import object_names as names
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import ChoiceId, PartId
from exam_core.model.responses import BlanksResponse, ChoiceResponse, TextResponse
from tests.support import builders
from tests.support.room_world import (
    Console,
    RoomWorld,
    ServerProcess,
    make_room,
    open_paper,
    running,
    sign_in,
)
from tests.ui.conftest import commit, compose

pytestmark = [
    pytest.mark.loopback,
    pytest.mark.kiosk,
    # ServerProcess leaves closing its log file to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file.*server.log:ResourceWarning"),
]

WAIT_MS = 30_000
JSON = {"Accept": "application/json"}


class Seat:
    """The real kiosk at seat A01, started again as often as a test likes."""

    def __init__(self, config: KioskConfig, qtbot: QtBot) -> None:
        self._config = config
        self._qtbot = qtbot
        self.app = self._start()

    def close(self) -> None:
        """Stop; harmless when it was stopped before."""
        self.app.close()

    def restart(self) -> None:
        """A new window and a new engine on the same data folder."""
        self.app.close()
        self.app = self._start()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait on a condition with a deadline."""
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def wait_screen(self, screen: Screen) -> None:
        """Wait until a screen is in front."""
        self.wait(lambda: self.app.window.screen_shown is screen)

    def find(self, name: str) -> QWidget:
        """A control by its name, once it is there."""
        self.wait(lambda: self.app.window.findChild(QWidget, name) is not None)
        found = self.app.window.findChild(QWidget, name)
        assert isinstance(found, QWidget)
        return found

    def click(self, name: str) -> None:
        """Click a control once it can be clicked."""
        control = self.find(name)
        self.wait(lambda: control.isVisible() and control.isEnabled())
        QTest.mouseClick(control, Qt.MouseButton.LeftButton)

    def type(self, name: str, text: str) -> None:
        """Type keys into a control."""
        QTest.keyClicks(self.find(name), text)

    def _start(self) -> KioskApp:
        app = build_app(self._config, is_windowed=True)
        self._qtbot.addWidget(app.window)
        app.window.resize(1366, 768)
        app.start()
        return app


def install_kiosk(folder: Path, world: RoomWorld, server: ServerProcess) -> KioskConfig:
    """Install and enrol the kiosk of seat A01 as a technician does."""
    files = RealFileSystem()
    centre = sign_centre(world.folder.centre(), [builders.SETTER, builders.APPROVER])
    facts = KioskFacts(
        kiosk_url=server.kiosk_url,
        console_url=server.console_url,
        seat_id=world.roster[0].seat_id,
    )
    config = install(
        files, DataFolder(folder), facts, root=encode_root(builders.root()), centre=centre
    )
    technician = sign_in(server, world, "li")
    fields = {"csrf_token": technician.csrf_token, "seat_id": facts.seat_id}
    reply = technician.http.post("/proctor/join-codes", data=fields, headers=JSON)
    assert reply.status_code == 200, reply.text
    technician.close()
    asyncio.run(enrol(files, config, reply.json()["codes"][facts.seat_id]))
    return config


def do(console: Console, path: str, **fields: str) -> None:
    """One action of the proctor."""
    reply = console.post(path, fields)
    assert reply.status_code in {200, 303}, reply.text


def test_a_candidate_sits_the_whole_exam_at_a_real_window(tmp_path: Path, qtbot: QtBot) -> None:
    """Log-in to receipt; the kiosk restarts in the middle and shows everything again."""
    world = make_room(tmp_path / "room", seats=2)
    person = world.roster[0]
    kiosk = tmp_path / "kiosk"
    with running(world.folder) as server, ExitStack() as stack:
        seat = stack.enter_context(closing(Seat(install_kiosk(kiosk, world, server), qtbot)))
        proctor = stack.enter_context(closing(sign_in(server, world, "wang")))
        room_code = proctor.http.get("/proctor/state", headers=JSON).json()["room_code"]

        _log_in(seat, person.admission_number, builders.id_number(2), room_code)
        seat.wait(seat.find(names.LOG_IN_REFUSAL).isVisible)
        _log_in(seat, person.admission_number, person.id_number, room_code)
        seat.wait_screen(Screen.CONFIRM)
        assert seat.find("confirm_name").property("text") == person.name
        _confirm_and_read(seat)
        assert seat.app.engine.snapshot.form is None

        open_paper(server, world)
        seat.wait(lambda: seat.app.engine.snapshot.has_package)
        do(proctor, "/proctor/present", all="1")
        do(proctor, "/proctor/start")
        seat.wait_screen(Screen.PAPER)
        _answer(seat)
        seat.wait(lambda: seat.app.engine.snapshot.saved is SavedState.ON_SERVER)

        seat.restart()
        seat.wait_screen(Screen.PAPER)
        assert dict(seat.app.engine.snapshot.responses) == _expected()
        seat.click("navigator_5")
        assert seat.find("text_i5.1").property("plainText") == "一、主体适格 社保"

        do(proctor, "/proctor/hold")
        seat.wait(seat.find(names.PAPER_PAUSED).isVisible)
        do(proctor, "/proctor/resume")
        seat.click(names.PAPER_SUBMIT)
        seat.click(names.CHECK_SUBMIT)
        seat.click(names.CHECK_REALLY)
        seat.wait_screen(Screen.RECEIPT)
        seat.wait(lambda: not seat.app.engine.snapshot.is_closed_offline)
        shown = str(seat.find(names.RECEIPT_TEXT).property("text"))
        assert " ".join(shown.split()) == seat.app.engine.snapshot.receipt
        assert "服务器已收到" in str(seat.find(names.RECEIPT_STATE).property("text"))


def test_time_up_takes_what_is_being_typed_and_composed(tmp_path: Path, qtbot: QtBot) -> None:
    """The end of time finds half a sentence in the box and a word in the input method."""
    world = make_room(tmp_path / "room", seats=1, duration_ms=6_000)
    person = world.roster[0]
    kiosk = tmp_path / "kiosk"
    with running(world.folder) as server, ExitStack() as stack:
        seat = stack.enter_context(closing(Seat(install_kiosk(kiosk, world, server), qtbot)))
        proctor = stack.enter_context(closing(sign_in(server, world, "wang")))
        room_code = proctor.http.get("/proctor/state", headers=JSON).json()["room_code"]
        _log_in(seat, person.admission_number, person.id_number, room_code)
        _confirm_and_read(seat)
        open_paper(server, world)
        do(proctor, "/proctor/present", all="1")
        do(proctor, "/proctor/start")
        seat.wait_screen(Screen.PAPER)
        seat.click("navigator_5")
        box = seat.find("text_i5.1")

        commit(box, "合同")
        compose(box, "无效")
        seat.wait_screen(Screen.RECEIPT)

        snapshot = seat.app.engine.snapshot
        assert snapshot.responses[PartId("i5.1")] == TextResponse(text="合同无效")
        assert "考试时间到" in str(seat.find("receipt_headline").property("text"))


def _answer(seat: Seat) -> None:
    seat.click("choice_i1.1-B")
    seat.click("navigator_2")
    seat.click("choice_i2.1-C")
    seat.click("choice_i2.1-A")
    seat.click("navigator_3")
    QTest.keyClick(seat.app.window.focusWidget(), Qt.Key.Key_1)
    seat.click("navigator_4")
    commit(seat.find("blank_i4.1_1"), "三十日")
    seat.click(names.PAPER_NEXT)
    seat.click(names.PAPER_FLAG)
    box = seat.find("text_i5.1")
    commit(box, "一、主体适格 ")
    compose(box, "社保")
    seat.click("navigator_6")
    seat.click("choice_i6.1-D")
    QApplication.processEvents()
    seat.wait(lambda: dict(seat.app.engine.snapshot.responses) == _expected())


def _expected() -> dict[PartId, ChoiceResponse | BlanksResponse | TextResponse]:
    return {
        PartId("i1.1"): ChoiceResponse(choice_ids=(ChoiceId("i1.1-B"),)),
        PartId("i2.1"): ChoiceResponse(choice_ids=(ChoiceId("i2.1-C"), ChoiceId("i2.1-A"))),
        PartId("i3.1"): ChoiceResponse(choice_ids=(ChoiceId("i3.1-A"),)),
        PartId("i4.1"): BlanksResponse(texts=("三十日",)),
        PartId("i5.1"): TextResponse(text="一、主体适格 社保"),
        PartId("i6.1"): ChoiceResponse(choice_ids=(ChoiceId("i6.1-D"),)),
    }


def _log_in(seat: Seat, admission_number: str, id_number: str, room_code: str) -> None:
    seat.wait_screen(Screen.LOG_IN)
    for name, text in (
        (names.LOG_IN_ADMISSION_NUMBER, admission_number),
        (names.LOG_IN_ID_NUMBER, id_number),
        (names.LOG_IN_ROOM_CODE, room_code),
    ):
        field = seat.find(name)
        seat.wait(field.isEnabled)
        QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(field, text)
    seat.click(names.LOG_IN_BUTTON)


def _confirm_and_read(seat: Seat) -> None:
    seat.click(names.CONFIRM_YES)
    seat.wait_screen(Screen.RULES)
    seat.wait(lambda: _scroll_down(seat))
    seat.click(names.RULES_READ)
    seat.wait_screen(Screen.WAITING)


def _scroll_down(seat: Seat) -> bool:
    scroll = seat.find(names.RULES_TEXT)
    assert isinstance(scroll, QScrollArea)
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())
    return seat.find(names.RULES_READ).isEnabled()
