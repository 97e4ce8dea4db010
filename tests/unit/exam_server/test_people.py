"""Accounts, passwords, browser sessions and the slowing of guesses."""

from pathlib import Path

import pytest

from exam_core.errors import ExamError, InputError, StateError
from exam_server import limits
from exam_server.accounts import people as people_module
from exam_server.accounts.passwords import STANDARD, hash_password, password_matches
from exam_server.accounts.people import People
from exam_server.accounts.roles import ROOM_ROLES, Role, parse_roles, write_roles
from exam_server.accounts.throttle import Throttle
from exam_server.store.engine import Store, sqlite_url
from exam_server.store.migrations import migrate
from tests.support.fake_clock import FakeClock
from tests.support.room_world import CHEAP, PASSWORD

PROCTOR = frozenset({Role.PROCTOR})


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands."""
    return FakeClock()


@pytest.fixture
def people(tmp_path: Path, clock: FakeClock) -> People:
    """One account, wang."""
    store = Store(sqlite_url(tmp_path / "people.db"))
    migrate(store, "accounts")
    group = People(store, clock, CHEAP)
    group.add("wang", PASSWORD, PROCTOR)
    return group


def test_a_person_signs_in_and_is_known_by_the_token(people: People) -> None:
    """The token names the person until log-out."""
    person, token = people.sign_in("wang", PASSWORD, "here")

    assert person.roles == PROCTOR
    assert people.person_of(token) == person
    people.sign_out(token)
    assert people.person_of(token) is None


@pytest.mark.parametrize(("name", "password"), [("wang", "wrong"), ("nobody", PASSWORD)])
def test_wrong_password_and_unknown_name_get_the_same_answer(
    people: People, name: str, password: str
) -> None:
    """Nothing tells which of the two was wrong."""
    with pytest.raises(InputError) as refusal:
        people.sign_in(name, password, "here")
    assert (refusal.value.code, refusal.value.message) == ("access.refused", "账号或密码不对")


def test_guessing_is_slowed_and_never_locked_for_good(people: People, clock: FakeClock) -> None:
    """After five failures each try waits longer; after the wait the right password works."""
    for _ in range(5):
        with pytest.raises(InputError):
            people.sign_in("wang", "wrong", "here")
    with pytest.raises(StateError) as refusal:
        people.sign_in("wang", PASSWORD, "elsewhere")
    assert refusal.value.code == "access.wait"
    clock.advance(refusal.value.facts["wait_ms"])
    people.sign_in("wang", PASSWORD, "here")


def test_the_wait_doubles_up_to_its_limit() -> None:
    """1 s, 2 s, 4 s … 15 min."""
    throttle = Throttle()
    waits = []
    for _ in range(20):
        throttle.failed("key", 0)
        waits.append(throttle.wait_ms("key", 0))
    assert waits[:8] == [0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000]
    assert waits[-1] == limits.throttle_wait_ms_max
    assert throttle.wait_ms("other", 0) == 0


def test_the_throttle_remembers_a_limited_number_of_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A guesser who changes names does not fill the memory."""
    monkeypatch.setattr(limits, "throttle_entries_max", 3)
    throttle = Throttle()
    for name in range(10):
        throttle.failed(str(name), 0)
    assert len(throttle._tallies) == 3


def test_an_idle_session_ends(people: People, clock: FakeClock) -> None:
    """Half an hour without a request; use keeps it alive."""
    _, token = people.sign_in("wang", PASSWORD, "here")
    for _ in range(5):
        clock.advance(limits.browser_session_idle_ms_max)
        assert people.person_of(token)
    clock.advance(limits.browser_session_idle_ms_max + 1)
    assert people.person_of(token) is None


def test_a_session_ends_after_a_working_day(people: People, clock: FakeClock) -> None:
    """However busy it is."""
    _, token = people.sign_in("wang", PASSWORD, "here")
    for _ in range(41):
        clock.advance(limits.browser_session_life_ms_max // 40)
        people.person_of(token)
    assert people.person_of(token) is None


def test_the_oldest_session_goes_when_there_are_too_many(
    people: People, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded."""
    monkeypatch.setattr(limits, "browser_sessions_max", 2)
    tokens = []
    for _ in range(3):
        clock.advance(1)
        tokens.append(people.sign_in("wang", PASSWORD, "here")[1])
    assert [people.person_of(token) is not None for token in tokens] == [False, True, True]


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "甲<乙"])
def test_names_that_could_confuse_are_refused(people: People, name: str) -> None:
    """Letters, digits, Chinese characters, dot and dash only."""
    with pytest.raises(InputError, match=r"account\.name"):
        people.add(name, PASSWORD, PROCTOR)


def test_a_name_is_given_once(people: People) -> None:
    """The second account of a name is refused."""
    with pytest.raises(InputError, match=r"account\.name"):
        people.add("wang", PASSWORD, PROCTOR)


@pytest.mark.parametrize("password", ["short", "x" * 2_000])
def test_passwords_too_short_or_too_long_are_refused(people: People, password: str) -> None:
    """And an account is not made."""
    with pytest.raises(InputError, match=r"account\.password"):
        people.add("li", password, PROCTOR)


def test_the_standard_hash_is_argon2id_with_its_parameters() -> None:
    """RFC 9106, second recommended option: 3 passes, 4 lanes, 64 MiB."""
    phc = hash_password(PASSWORD, STANDARD)

    assert phc.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert password_matches(PASSWORD, phc)
    assert not password_matches("x" * 2_000, phc)


@pytest.mark.parametrize("text", ["", "king", "chief,king", "lead", "auditor,proctor"])
def test_roles_outside_the_program_are_refused(text: str) -> None:
    """Unknown ones, the grading site's, none, and an auditor who would also act."""
    with pytest.raises(InputError, match=r"account\.role"):
        parse_roles(text, ROOM_ROLES)


def test_roles_are_written_in_one_order() -> None:
    """Whatever order they were given in."""
    roles = parse_roles("proctor, chief", ROOM_ROLES)
    assert write_roles(roles) == "chief,proctor"


def test_tries_at_the_same_time_are_counted_before_the_slow_check(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try that comes while five others are being checked has to wait."""
    depth = 0

    def check_while_another_comes(_password: str, _phc: str) -> bool:
        nonlocal depth
        depth += 1
        assert depth <= 5
        with pytest.raises(ExamError):
            people.sign_in("wang", "wrong", "here")
        return False

    monkeypatch.setattr(people_module, "password_matches", check_while_another_comes)
    with pytest.raises(InputError):
        people.sign_in("wang", "wrong", "here")
    assert depth == 5


def test_who_has_an_account_clears_no_guesses_at_others(people: People) -> None:
    """Signing in between guesses does not give the address new ones."""
    for number in range(5):
        with pytest.raises(InputError):
            people.sign_in(f"other{number}", "wrong", "here")
        if number < 4:
            people.sign_in("wang", PASSWORD, "here")
    with pytest.raises(StateError, match=r"access\.wait"):
        people.sign_in("other", "wrong", "here")
