"""The people of one program: accounts in the store, browser sessions in memory.

A restart of the program ends all browser sessions: whoever acts after it has said again who they
are. Tokens are 256 bits and kept only as hashes; a session ends by idling, by age or by log-out.
"""

import hashlib
import secrets
import threading
from dataclasses import dataclass

from exam_core.errors import InputError, StateError, declare
from exam_server import limits
from exam_server.accounts.passwords import (
    STANDARD,
    PasswordProfile,
    check_password_shape,
    hash_password,
    password_matches,
)
from exam_server.accounts.roles import Role, write_roles
from exam_server.accounts.throttle import Throttle
from exam_server.clock import Clock
from exam_server.store.accounts import AccountRow, find_account, list_accounts
from exam_server.store.engine import Store

ACCOUNT_NAME = declare(
    "account.name", "账号名用 1 到 32 个字母、数字、汉字、点或短横，且不能重复。"
)
SIGN_IN_REFUSED = declare("access.refused", "账号或密码不对，请重新输入。")
SIGN_IN_WAIT = declare("access.wait", "连续输错，请稍候再试；忘记密码请找主考。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who makes a request: the account, its roles, and which browser session.

    `session_key` tells two sessions of one person apart; it is no secret.
    """

    account_id: int
    name: str
    roles: frozenset[Role]
    session_key: str
    csrf_token: str


@dataclass(slots=True)
class _BrowserSession:
    person: Person
    begun_ms: int
    seen_ms: int


class People:
    """Accounts and browser sessions; safe to use from several threads."""

    def __init__(self, store: Store, clock: Clock, profile: PasswordProfile = STANDARD) -> None:
        self._store = store
        self._clock = clock
        self._profile = profile
        self._throttle = Throttle()
        self._sessions: dict[str, _BrowserSession] = {}
        self._turn = threading.Lock()
        self._decoy_phc = ""

    def add(self, name: str, password: str, roles: frozenset[Role]) -> None:
        """Make an account; slow.

        Raises:
            InputError: `account.name`, `account.password`.
        """
        if not _name_is_valid(name):
            raise InputError(ACCOUNT_NAME, "账号名为空、过长或含有不允许的字符")
        check_password_shape(password)
        phc = hash_password(password, self._profile)
        with self._store.transaction() as db:
            if find_account(db, name):
                raise InputError(ACCOUNT_NAME, f"账号 {name} 已存在")
            db.add(
                AccountRow(
                    name=name,
                    roles=write_roles(roles),
                    password_phc=phc,
                    created_utc_ms=self._clock.utc_ms(),
                )
            )

    def sign_in(self, name: str, password: str, source: str) -> tuple[Person, str]:
        """Begin a browser session; slow. An unknown name costs as much as a wrong password.

        Returns:
            The person, and the token for the cookie.

        Raises:
            InputError: `access.refused`.
            StateError: `access.wait`.
        """
        account_id, known_name, roles = self._authenticate(name, password, source)
        with self._turn:
            return self._begin(account_id, known_name, roles)

    def confirm(self, person: Person, password: str, source: str) -> None:
        """Refuse who cannot enter their own password again, for an act that asks for it; slow.

        Raises:
            InputError: `access.refused`.
            StateError: `access.wait`.
        """
        self._authenticate(person.name, password, source)

    def knows(self, name: str) -> bool:
        """Whether there is an account of this name."""
        with self._store.transaction() as db:
            return find_account(db, name) is not None

    def count_with(self, roles: frozenset[Role]) -> int:
        """How many accounts have one of these roles."""
        with self._store.transaction() as db:
            held = [frozenset(row.roles.split(",")) for row in list_accounts(db)]
        return sum(bool(one & roles) for one in held)

    def person_of(self, token: str) -> Person | None:
        """Who holds this token; using it keeps the session alive."""
        key = _key_of(token)
        now = self._clock.monotonic_ms()
        with self._turn:
            session = self._sessions.get(key)
            if session is None:
                return None
            is_idle = now - session.seen_ms > limits.browser_session_idle_ms_max
            if is_idle or now - session.begun_ms > limits.browser_session_life_ms_max:
                del self._sessions[key]
                return None
            session.seen_ms = now
            return session.person

    def sign_out(self, token: str) -> None:
        """End a browser session, if there is one."""
        with self._turn:
            self._sessions.pop(_key_of(token), None)

    def _authenticate(self, name: str, password: str, source: str) -> tuple[int, str, str]:
        """Number, name and roles of the account whose password this is; slow."""
        keys = (f"name:{name}", f"source:{source}")
        self._begin_try(keys)
        with self._store.transaction() as db:
            row = find_account(db, name)
            account = (row.account_id, row.name, row.roles, row.password_phc) if row else None
        is_match = password_matches(password, account[3] if account else self._decoy())
        with self._turn:
            if account is None or not is_match:
                raise InputError(SIGN_IN_REFUSED, "账号或密码不对")
            # Of the source only this try: who has an account clears no guesses at others'.
            self._throttle.passed(keys[0])
            self._throttle.take_back(keys[1])
        return account[:3]

    def _begin_try(self, keys: tuple[str, ...]) -> None:
        """Counted before the slow check: tries at the same time are not free."""
        with self._turn:
            now = self._clock.monotonic_ms()
            wait = max(self._throttle.wait_ms(key, now) for key in keys)
            if not wait:
                for key in keys:
                    self._throttle.failed(key, now)
        if wait:
            seconds = -(-wait // 1000)
            raise StateError(SIGN_IN_WAIT, f"请 {seconds} 秒后再试", wait_ms=wait)

    def _begin(self, account_id: int, name: str, roles: str) -> tuple[Person, str]:
        if len(self._sessions) >= limits.browser_sessions_max:
            oldest = min(self._sessions, key=lambda key: self._sessions[key].seen_ms)
            del self._sessions[oldest]
        token = secrets.token_urlsafe(32)
        person = Person(
            account_id=account_id,
            name=name,
            roles=frozenset(Role(role) for role in roles.split(",")),
            session_key=_key_of(token),
            csrf_token=secrets.token_urlsafe(32),
        )
        now = self._clock.monotonic_ms()
        self._sessions[person.session_key] = _BrowserSession(person, now, now)
        return person, token

    def _decoy(self) -> str:
        if not self._decoy_phc:
            self._decoy_phc = hash_password(secrets.token_urlsafe(32), self._profile)
        return self._decoy_phc


def _key_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _name_is_valid(name: str) -> bool:
    is_short = 1 <= len(name) <= limits.account_name_chars_max
    return is_short and all(char.isalnum() or char in "-._" for char in name)
