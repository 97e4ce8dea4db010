"""HTTP on one connection, with limits on what a peer may send and how long it may take.

WORKAROUND(uvicorn pull requests 3132, 3133): uvicorn does not hand the peer's certificate to the
application; our protocol puts it into `scope["state"]["peer_certificate"]`, also for WebSockets,
and beside it who it is as `"visitor"`.
uvicorn itself bounds neither the head of a request nor the time that a peer takes for it.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from exam_core.errors import InputError, declare
from exam_core.protocol.http import encode_body, problem_of
from exam_server import limits
from exam_server.doorway import Visitor

NET_REQUEST = declare(
    "net.request", "有设备发来残缺、过大或过慢的请求；请技术人员按地址找到并断开该设备。"
)
REQUEST_MALFORMED = declare("request.malformed", "请求格式不对；请检查是否用了本系统的程序。")
REQUEST_HEAD = declare("request.head", "请求头过大；请清除浏览器的 Cookie 后重试。")
REQUEST_SLOW = declare("request.slow", "请求没有在限定时间内发完；请检查网络后重试。")

_MALFORMED = (HTTPStatus.BAD_REQUEST, REQUEST_MALFORMED, "请求格式不对")
_HEAD = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, REQUEST_HEAD, "请求头过大")
_SLOW = (HTTPStatus.REQUEST_TIMEOUT, REQUEST_SLOW, "请求发得太慢")


class GuardedHttp(HttpToolsProtocol):
    """HTTP over TLS; what breaks a limit is answered with a code, noted, and closed."""

    def __init__(self, visitor: Visitor, **fields: Any) -> None:
        super().__init__(**fields)
        self._visitor = visitor
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_from = 0.0
        self._is_in_head = True
        self._is_over = False
        self._refusal = _MALFORMED
        self._wait: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Note the certificate before the first request, which must come in time."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(True) if tls else None
        self.app_state = {
            **self.app_state,
            "peer_certificate": der,
            "visitor": self._visitor,
        }
        self._visitor.known_as(der)
        self._wait_for(limits.request_head_wait_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._is_over = True
        self._wait_no_more()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as the head they belong to is of a bounded size."""
        if self._is_over:
            return
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._wait is None:
                self._wait_for(limits.request_head_wait_s)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > limits.request_head_bytes_max:
            self._refuse(_HEAD)

    # What the parser finds

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Its head is whole; the body must come in time."""
        self._is_in_head = False
        self._head_bytes = 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        is_crowded = len(self.headers) > limits.request_headers_max
        if size > limits.request_head_bytes_max or is_crowded:
            self._refusal = _HEAD
            raise InputError(REQUEST_HEAD, "请求头过大")  # the parser ends in `send_400_response`
        if len(self.pipeline) >= limits.pipelined_max:
            raise InputError(REQUEST_MALFORMED, "一次发来的请求过多")
        self._body_bytes = 0
        self._body_from = self.loop.time()
        self._wait_no_more()
        self._wait = self.loop.call_later(limits.request_body_wait_s, self._judge_body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._is_in_head = True
        self._wait_no_more()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  as uvicorn's own
        """What uvicorn calls for bytes that are no request."""
        self._refuse(self._refusal)

    def handle_websocket_upgrade(self) -> None:
        """From here on it is no HTTP."""
        self._wait_no_more()
        super().handle_websocket_upgrade()

    # A peer that does not read

    def pause_writing(self) -> None:
        """So much is unread that the answer waits; not for ever."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(limits.answer_stall_s, self._cut)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def _cut(self) -> None:
        self._visitor.strike(NET_REQUEST)
        self.transport.abort()

    # Refusing

    def _wait_for(self, seconds: float) -> None:
        self._wait_no_more()
        self._wait = self.loop.call_later(seconds, self._refuse, _SLOW)

    def _judge_body(self) -> None:
        """A large body has the time that its bytes need on a slow line; a trickle has not."""
        allowed_s = limits.request_body_wait_s + self._body_bytes / limits.request_body_bytes_s_min
        left_s = self._body_from + allowed_s - self.loop.time()
        if left_s > 0:
            self._wait = self.loop.call_later(left_s, self._judge_body)
        else:
            self._refuse(_SLOW)

    def _wait_no_more(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    def _refuse(self, refusal: tuple[HTTPStatus, str, str]) -> None:
        """Answer, unless an answer is under way, and close."""
        if self._is_over:
            return
        self._is_over = True
        self._wait_no_more()
        self._visitor.strike(NET_REQUEST)
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            self.transport.abort()
            return
        status, code, message = refusal
        body = encode_body(problem_of(InputError(code, message)))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
