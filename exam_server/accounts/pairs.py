"""Acts that need two people: one asks, another one with the right role confirms.

Both enter their password again for it, in two browser sessions of two accounts. Both see the same
digest of what is asked, so nobody confirms something else than was asked. A request is kept in
memory, for ten minutes, and taken once; whatever went wrong, it is asked anew.
"""

import hashlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from exam_core.errors import StateError, declare
from exam_core.formats.canonical import encode_canonical
from exam_server import limits
from exam_server.accounts.people import People, Person
from exam_server.accounts.roles import TITLES_ZH, Role
from exam_server.clock import Clock

PAIR_SAME_PERSON = declare("pair.same_person", "此事须两人：请另一位同事用自己的账号和浏览器确认。")
PAIR_GONE = declare("pair.gone", "申请已过 10 分钟、已撤回或已办结；需要时请重新提出。")
PAIR_CHANGED = declare("pair.changed", "申请内容与您看到的不一致；请刷新页面，看清后再确认。")
PAIR_ROLE = declare("pair.role", "请由有此角色的同事确认。")
PAIR_MANY = declare("pair.many", "等待确认的申请过多；请先确认或撤回。")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRequest:
    """What one person asks for; `digest` covers all of it and is shown to both."""

    request_id: str
    action: str
    subject: str
    details: Mapping[str, str]
    first: Person
    confirmers: frozenset[Role]
    asked_at_ms: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two people who agreed, and to what; made by `PairDesk.confirm` only."""

    request: PairRequest
    second: Person

    @property
    def actors(self) -> tuple[str, str]:
        """Both names, for the one line of the log."""
        return self.request.first.name, self.second.name


class PairDesk:
    """The requests of one program; safe to use from several threads."""

    def __init__(self, people: People, clock: Clock) -> None:
        self._people = people
        self._clock = clock
        self._requests: dict[str, PairRequest] = {}
        self._turn = threading.Lock()

    def ask(
        self,
        person: Person,
        password: str,
        *,
        source: str,
        action: str,
        subject: str,
        details: Mapping[str, str],
        confirmers: frozenset[Role],
    ) -> PairRequest:
        """The first person's part; slow. A request for the same thing takes the former's place.

        Raises:
            InputError: `access.refused`.
            StateError: `access.wait`, `pair.many`.
        """
        self._people.confirm(person, password, source)
        content = {"action": action, "subject": subject, "details": dict(details)}
        asked = encode_canonical(content | {"first": person.name})
        request = PairRequest(
            request_id=secrets.token_urlsafe(16),
            action=action,
            subject=subject,
            details=dict(details),
            first=person,
            confirmers=confirmers,
            asked_at_ms=self._clock.monotonic_ms(),
            digest=hashlib.sha256(asked).hexdigest(),
        )
        with self._turn:
            self._forget_old()
            for other in list(self._requests.values()):
                if (other.action, other.subject) == (action, subject):
                    del self._requests[other.request_id]
            if len(self._requests) >= limits.pair_requests_max:
                raise StateError(PAIR_MANY, "等待确认的申请过多")
            self._requests[request.request_id] = request
        return request

    def confirm(
        self, person: Person, password: str, *, source: str, request_id: str, digest: str
    ) -> Pair:
        """The second person's part; slow. The request is taken, whatever the act then does.

        Raises:
            InputError: `access.refused`.
            StateError: `pair.gone`, `pair.changed`, `pair.same_person`, `pair.role`,
                `access.wait`; the request waits on, for who may confirm it.
        """
        self._check(person, request_id, digest)
        self._people.confirm(person, password, source)
        with self._turn:  # it may have been taken meanwhile
            self._check_unlocked(person, request_id, digest)
            return Pair(request=self._requests.pop(request_id), second=person)

    def withdraw(self, request_id: str) -> PairRequest | None:
        """Take a request off; None when it was not there."""
        with self._turn:
            self._forget_old()
            return self._requests.pop(request_id, None)

    def waiting(self) -> tuple[PairRequest, ...]:
        """The requests that can be confirmed now, oldest first."""
        with self._turn:
            self._forget_old()
            return tuple(self._requests.values())

    def _check(self, person: Person, request_id: str, digest: str) -> None:
        with self._turn:
            self._check_unlocked(person, request_id, digest)

    def _check_unlocked(self, person: Person, request_id: str, digest: str) -> None:
        self._forget_old()
        request = self._requests.get(request_id)
        if request is None:
            raise StateError(PAIR_GONE, "没有这项申请，或已超过 10 分钟")
        if request.digest != digest:
            raise StateError(PAIR_CHANGED, "申请内容对不上")
        check_two(request.first, person)
        if not person.roles & request.confirmers:
            names = "、".join(TITLES_ZH[role] for role in Role if role in request.confirmers)
            raise StateError(PAIR_ROLE, f"只有{names}可以确认")

    def _forget_old(self) -> None:
        oldest = self._clock.monotonic_ms() - limits.pair_request_life_ms
        for request in list(self._requests.values()):
            if request.asked_at_ms < oldest:
                del self._requests[request.request_id]


def check_two(first: Person, second: Person) -> None:
    """Refuse one person in two places, and two accounts in one browser session.

    Raises:
        StateError: `pair.same_person`.
    """
    if first.account_id == second.account_id or first.session_key == second.session_key:
        raise StateError(PAIR_SAME_PERSON, "两步不能由同一人完成")
