"""The rules, to be read to their end."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from exam_client.itemview.text_flow import TextFlow
from exam_client.session.snapshot import KioskSnapshot, SittingFacts
from exam_client.ui import object_names
from exam_client.ui.building_blocks import button, label
from exam_client.ui.wording import duration_text

_END_PX = 8
_TEXT_WIDTH_MAX_PX = 1000


class RulesScreen(QWidget):
    """“I have read” works only once the end of the text has been on the screen.

    Signals:
        rules_read: The candidate says so.
    """

    rules_read = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(object_names.SCREEN_RULES)
        self.setProperty("ground", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._sitting: SittingFacts | None = None
        self._was_read = False
        self._scroll = QScrollArea()
        self._scroll.setObjectName(object_names.RULES_TEXT)
        self._scroll.setAccessibleName(self.tr("考生须知"))
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._hint = label("", "soft")
        self._button = button(
            self.tr("我已阅读并遵守"), name=object_names.RULES_READ, is_primary=True, is_large=True
        )
        self._button.clicked.connect(self.rules_read)
        bar = self._scroll.verticalScrollBar()
        bar.valueChanged.connect(self._look)
        bar.rangeChanged.connect(self._look)
        self._lay_out()
        self._look()

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Write the rules with the facts of this sitting; unchanged facts move nothing."""
        if snapshot.sitting is None or snapshot.sitting == self._sitting:
            return
        self._sitting = snapshot.sitting
        page = QWidget()
        page.setProperty("page", True)
        page.setMaximumWidth(_TEXT_WIDTH_MAX_PX)
        page.setStyleSheet("* { font-size: 19px; }")
        column = QVBoxLayout(page)
        column.setContentsMargins(8, 4, 24, 16)
        column.setSpacing(10)
        for number, paragraph in enumerate(self._paragraphs(snapshot.sitting), 1):
            row = QHBoxLayout()
            ordinal = TextFlow([f"{number}."], bold=True)
            ordinal.setFixedWidth(36)
            row.addWidget(ordinal, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(TextFlow([paragraph]), 1)
            column.addLayout(row)
        column.addStretch(1)
        self._was_read = False
        self._scroll.setWidget(page)
        self._look()

    def focus_first(self) -> None:
        """Put the focus where the arrow keys scroll."""
        self._scroll.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        """What fits on the screen whole has been shown whole."""
        super().showEvent(event)
        self._look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The space bar turns a page, Home and End go to the ends."""
        bar = self._scroll.verticalScrollBar()
        if event.key() == Qt.Key.Key_Space:
            bar.setValue(bar.value() + bar.pageStep())
        elif event.key() == Qt.Key.Key_End:
            bar.setValue(bar.maximum())
        elif event.key() == Qt.Key.Key_Home:
            bar.setValue(bar.minimum())
        else:
            super().keyPressEvent(event)

    def _look(self) -> None:
        bar = self._scroll.verticalScrollBar()
        is_laid_out = self.isVisible() and self._sitting is not None and self._scroll.height() > 0
        if is_laid_out and bar.value() >= bar.maximum() - _END_PX:
            self._was_read = True
        self._button.setEnabled(self._was_read)
        self._hint.setText(
            self.tr("已阅读全部内容。")
            if self._was_read
            else self.tr("请向下滚动，阅读到最后（可按空格键翻页）。")
        )

    def _lay_out(self) -> None:
        card = QFrame()
        card.setProperty("card", True)
        card.setMaximumWidth(1120)
        column = QVBoxLayout(card)
        column.setContentsMargins(40, 28, 32, 28)
        column.setSpacing(14)
        column.addWidget(label(self.tr("考生须知"), "title"))
        column.addWidget(self._scroll, 1)
        row = QHBoxLayout()
        row.addWidget(self._hint)
        row.addStretch(1)
        row.addWidget(self._button)
        column.addLayout(row)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(32, 24, 32, 24)
        outer.addStretch(1)
        outer.addWidget(card, 100)
        outer.addStretch(1)

    def _paragraphs(self, sitting: SittingFacts) -> list[str]:
        duration = self.tr(
            "本场考试为“%1”，闭卷机考，答题时间 %2。监考老师宣布开考后试卷自动打开，"
            "剩余时间显示在屏幕右上角，以考场服务器的时间为准。"
        )
        texts = [
            duration.replace("%1", sitting.paper_title or sitting.title).replace(
                "%2", duration_text(sitting.duration_ms)
            ),
            self.tr(
                "每题一页。可用鼠标点选，也可按键盘 A、B、C、D 或 1、2、3、4 选择；按 PgUp、PgDn 或"
                "点击右侧题号换题；没有把握的题可按 F 键或点击“待检查”做标记，标记不影响得分。"
            ),
            self.tr(
                "多选题再点一次可取消选择。填空题、简答题和案例题请在输入框内作答，"
                "换题时输入的内容自动保存。剪切、复制、粘贴只在本场考试的答题框之间有效。"
            ),
            self.tr(
                "作答内容随时自动保存，屏幕上方如实显示保存状态：“已保存到服务器”表示服务器已经收妥；"
                "“已保存到本机”表示已写入本机，将自动上传；“未保存”时请立即举手报告。"
            ),
            self.tr(
                "网络中断时请继续作答，恢复后系统自动上传。机器出现故障时请举手，由监考老师处理，"
                "不要自行关机或重启；需要换机的，已保存到服务器的答案和剩余时间都会恢复。"
            ),
            self.tr(
                "考试时间到，系统自动交卷，正在输入的内容一并收取。提前交卷须经两次确认，"
                "交卷后不能再修改答案。交卷成功后屏幕显示交卷回执，请核对后安静离场。"
            ),
            self.tr(
                "考试期间不得携带、查阅任何书籍、资料和通信设备，不得交谈、抄袭或者帮助他人作答。"
                "违反考场纪律的，按有关规定处理。"
            ),
        ]
        if sitting.scoring_note:
            texts.append(self.tr("评分说明：%1").replace("%1", sitting.scoring_note))
        return texts
