"""Two people: nothing happens by one alone, and nothing else than both saw."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from exam_core.errors import ExamError
from exam_server import limits
from exam_server.accounts.pairs import Pair, PairDesk, PairRequest
from exam_server.accounts.people import People, Person
from exam_server.accounts.roles import Role
from exam_server.room.serve import open_store
from tests.support.fake_clock import FakeClock
from tests.support.room_world import CHEAP, PASSWORD, RoomWorld

CONFIRMERS = frozenset({Role.CHIEF, Role.PROCTOR})


@dataclass
class Desk:
    """A desk with the accounts of a room, in browser sessions of their own."""

    desk: PairDesk
    people: People
    clock: FakeClock

    def person(self, name: str) -> Person:
        """Signed in now, in a session of their own."""
        return self.people.sign_in(name, PASSWORD, "test")[0]

    def ask(self, person: Person, password: str = PASSWORD, **details: str) -> PairRequest:
        """Ask for more time."""
        return self.desk.ask(
            person,
            password,
            source="test",
            action="extend",
            subject="S1",
            details=details or {"minutes": "10"},
            confirmers=CONFIRMERS,
        )

    def confirm(
        self, person: Person, request: PairRequest, *, password: str = PASSWORD, digest: str = ""
    ) -> Pair:
        """Confirm it."""
        return self.desk.confirm(
            person,
            password,
            source="test",
            request_id=request.request_id,
            digest=digest or request.digest,
        )


@pytest.fixture
def desk(world: RoomWorld) -> Iterator[Desk]:
    """A desk of the prepared room."""
    store = open_store(world.folder)
    clock = FakeClock()
    people = People(store, clock, CHEAP)
    yield Desk(PairDesk(people, clock), people, clock)
    store.close()


def refused(code: str, desk: Desk, person: Person, request: PairRequest, **words: str) -> None:
    """Confirming is refused with this code, and the request waits on."""
    with pytest.raises(ExamError) as caught:
        desk.confirm(person, request, **words)
    assert caught.value.code == code
    assert request in desk.desk.waiting()


def test_two_people_agree_once(desk: Desk) -> None:
    """The second person's confirmation gives the pair, and the request is gone."""
    request = desk.ask(desk.person("wang"))
    assert desk.desk.waiting() == (request,)

    pair = desk.confirm(desk.person("zhang"), request)

    assert pair.actors == ("wang", "zhang")
    assert pair.request.details == {"minutes": "10"}
    assert desk.desk.waiting() == ()
    with pytest.raises(ExamError, match=r"pair\.gone"):
        desk.confirm(desk.person("zhang"), request)


def test_one_person_is_not_two(desk: Desk) -> None:
    """Neither in the same browser session, nor in another one."""
    wang = desk.person("wang")
    request = desk.ask(wang)

    refused("pair.same_person", desk, wang, request)
    refused("pair.same_person", desk, desk.person("wang"), request)


def test_two_accounts_in_one_browser_session_are_one(desk: Desk) -> None:
    """Whoever shares a session did not come as two."""
    wang, zhang = desk.person("wang"), desk.person("zhang")
    request = desk.ask(wang)
    shared = Person(
        account_id=zhang.account_id,
        name=zhang.name,
        roles=zhang.roles,
        session_key=wang.session_key,
        csrf_token="",
    )

    refused("pair.same_person", desk, shared, request)


def test_only_the_named_roles_confirm(desk: Desk) -> None:
    """Another colleague is told who can."""
    refused("pair.role", desk, desk.person("li"), desk.ask(desk.person("wang")))


def test_both_enter_their_password(desk: Desk) -> None:
    """A wrong password asks for nothing and confirms nothing."""
    with pytest.raises(ExamError, match=r"access\.refused"):
        desk.ask(desk.person("wang"), password="not the password")
    assert desk.desk.waiting() == ()

    refused(
        "access.refused",
        desk,
        desk.person("zhang"),
        desk.ask(desk.person("wang")),
        password="not the password",
    )


def test_what_is_confirmed_is_what_was_asked(desk: Desk) -> None:
    """The digest of other contents, or of the same by another person, confirms nothing."""
    former = desk.ask(desk.person("wang"), minutes="5")
    request = desk.ask(desk.person("wang"), minutes="10")

    refused("pair.changed", desk, desk.person("zhang"), request, digest=former.digest)
    assert former.digest != request.digest
    assert desk.ask(desk.person("zhang"), minutes="10").digest != request.digest


def test_a_new_request_takes_the_formers_place(desk: Desk) -> None:
    """Of one thing only the newest request waits."""
    former = desk.ask(desk.person("wang"), minutes="5")
    request = desk.ask(desk.person("wang"), minutes="10")

    assert desk.desk.waiting() == (request,)
    with pytest.raises(ExamError, match=r"pair\.gone"):
        desk.confirm(desk.person("zhang"), former)


def test_a_request_expires(desk: Desk) -> None:
    """After ten minutes it is asked anew."""
    request = desk.ask(desk.person("wang"))
    desk.clock.advance(limits.pair_request_life_ms)
    assert desk.desk.waiting() == (request,)
    desk.clock.advance(1)

    with pytest.raises(ExamError, match=r"pair\.gone"):
        desk.confirm(desk.person("zhang"), request)


def test_a_request_can_be_withdrawn(desk: Desk) -> None:
    """Once."""
    request = desk.ask(desk.person("wang"))

    assert desk.desk.withdraw(request.request_id) == request
    assert desk.desk.withdraw(request.request_id) is None
    assert desk.desk.waiting() == ()


def test_requests_are_not_heaped_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script gone wild is stopped."""
    monkeypatch.setattr(limits, "pair_requests_max", 1)
    wang = desk.person("wang")
    desk.ask(wang)
    with pytest.raises(ExamError, match=r"pair\.many"):
        desk.desk.ask(
            wang,
            PASSWORD,
            source="test",
            action="other",
            subject="S1",
            details={},
            confirmers=CONFIRMERS,
        )
