"""The kiosk's HTTP requests to the room, each one method; a refusal comes back as our error."""

import asyncio
import ssl
from types import TracebackType
from typing import Protocol, Self, TypeVar

import httpx2
import msgspec

from exam_client import limits
from exam_core import limits as core_limits
from exam_core.errors import (
    ExamError,
    InputError,
    IntegrityError,
    StateError,
    TransportError,
    declare,
)
from exam_core.protocol import VERSION
from exam_core.protocol.http import (
    STATUS_OF,
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
    decode_body,
    encode_body,
)

ROOM_AWAY = declare("room.away", "连不上考场服务器，正在自动重试；请检查网线，或告知监考人员。")
ROOM_STRANGER = declare(
    "room.stranger",
    "服务器证书不属于本场次，本机不与它通信；换过场次或重建过考场的，请重新登记本机位，否则检查网络。",
)
ROOM_ANSWER = declare("room.answer", "考场服务器的回答无法识别，请技术人员核对程序版本。")

_T = TypeVar("_T")


class PackageSink(Protocol):
    """Where a download goes; see `exam_client.package_cache`."""

    @property
    def start(self) -> int:
        """How many bytes are there already."""

    def restart(self) -> None:
        """Forget them."""

    def write(self, data: bytes) -> None:
        """Append what arrived."""


class RoomHttp:
    """Requests to one port of the room, over connections that are kept.

    Args:
        url: `https://host:port`.
        trust: The TLS context to use.
    """

    def __init__(self, url: str, trust: ssl.SSLContext) -> None:
        self._client = httpx2.AsyncClient(
            base_url=url,
            verify=trust,
            trust_env=False,  # no proxy and no certificate store of the machine
            timeout=limits.http_timeout_s,
            headers={"accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def enrol(self, request: EnrolRequest) -> EnrolReply:
        """Ask for the certificate of a seat.

        Raises:
            ExamError: The room's refusal, or TransportError `room.away`.
        """
        return await self._ask("POST", "/v1/enrol", EnrolReply, request)

    async def commit(self, request: CompareRequest) -> CompareReply:
        """Begin to compare; raises as `enrol`."""
        return await self._ask("POST", "/v1/enrol/commit", CompareReply, request)

    async def reveal(self, request: CompareReveal) -> None:
        """Say what was committed to; raises as `enrol`."""
        await self._ask("POST", "/v1/enrol/reveal", CompareResult, request)

    async def compared(self, request: CompareWait) -> CompareResult:
        """Whether a person has compared; raises as `enrol`."""
        return await self._ask("POST", "/v1/enrol/result", CompareResult, request)

    async def room(self) -> RoomReply:
        """What a kiosk may know before log-in; raises as `enrol`."""
        reply = await self._ask("GET", "/v1/room", RoomReply)
        if reply.protocol != VERSION:
            raise InputError(ROOM_ANSWER, "服务器的协议版本不同", protocol=reply.protocol)
        return reply

    async def log_in(self, request: LogInRequest) -> LogInReply:
        """Log the candidate in; raises as `enrol`."""
        return await self._ask("POST", "/v1/log-in", LogInReply, request)

    async def package(self, sink: PackageSink, *, sha256: str) -> None:
        """Bring the package file into `sink`, from where it stands; nothing of it is verified.

        When the room has another file by now, or cannot send a part, it sends all of it.

        Raises:
            ExamError: As `enrol`, or the sink's own; what has arrived stays in the sink.
        """
        headers = {"range": f"bytes={sink.start}-", "if-range": f'"{sha256}"'}
        size = sink.start
        try:
            async with self._client.stream(
                "GET",
                "/v1/package",
                timeout=limits.package_timeout_s,
                headers=headers if size else {},
            ) as response:
                if response.status_code == httpx2.codes.RANGE_NOT_SATISFIABLE:
                    return  # nothing is missing; whether it holds is seen when it is verified
                if response.status_code == httpx2.codes.OK:
                    if size:
                        await asyncio.to_thread(sink.restart)
                    size = 0
                elif response.status_code != httpx2.codes.PARTIAL_CONTENT or not size:
                    raise _refusal(response.status_code, await response.aread())
                async for chunk in response.aiter_bytes(limits.package_block_bytes):
                    size += len(chunk)
                    if size > limits.package_bytes_max:
                        raise InputError(ROOM_ANSWER, "试卷包过大", bytes=size)
                    await asyncio.to_thread(sink.write, chunk)
        except httpx2.HTTPError as error:
            raise TransportError(ROOM_AWAY, "试卷包下载中断", kind=type(error).__name__) from error

    async def _ask(
        self, method: str, path: str, kind: type[_T], body: msgspec.Struct | None = None
    ) -> _T:
        content = None if body is None else encode_body(body)
        try:
            response = await self._client.request(
                method, path, content=content, headers={"content-type": "application/json"}
            )
        except httpx2.HTTPError as error:
            raise _unreached(error) from error
        if len(response.content) > core_limits.http_body_bytes_max:
            raise InputError(ROOM_ANSWER, "服务器的回答过长")
        if response.status_code != httpx2.codes.OK:
            raise _refusal(response.status_code, response.content)
        try:
            return decode_body(response.content, kind)
        except InputError as error:
            raise InputError(ROOM_ANSWER, "服务器的回答格式不对", path=path) from error


def _unreached(error: httpx2.HTTPError) -> ExamError:
    """What it means that a request failed: a server that is not ours, or none that answers."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return IntegrityError(ROOM_STRANGER, "服务器证书不属于本场次")
        cause = cause.__cause__ or cause.__context__
    return TransportError(ROOM_AWAY, "连不上服务器", kind=type(error).__name__)


def _refusal(status: int, content: bytes) -> ExamError:
    """The room's refusal as an error of the family that its status names."""
    family = next((kind for kind, code in STATUS_OF.items() if code == status), StateError)
    try:
        problem = decode_body(content, Problem)
    except InputError:
        # No answer of the room's own: something between, or a server that is just starting.
        return TransportError(ROOM_AWAY, "服务器暂时不能回答", status=status)
    return family(problem.code, problem.message, status=status)
