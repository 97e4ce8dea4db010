"""How often somebody may do something."""

from exam_server import limits
from exam_server.pacing import Pace, Pacer

_PACE = Pace("test", 3, 2.0)


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_free_and_then_so_many_a_second() -> None:
    """Three at once, then two a second; refused tries are not held against who makes them."""
    clock = _Clock()
    pacer = Pacer(clock)
    assert [pacer.take("A01", _PACE) for _ in range(5)] == [True] * 3 + [False] * 2
    clock.now_s = 0.5
    assert [pacer.take("A01", _PACE) for _ in range(2)] == [True, False]
    clock.now_s = 100
    assert [pacer.take("A01", _PACE) for _ in range(4)] == [True] * 3 + [False]


def test_others_and_other_kinds_are_counted_apart() -> None:
    """One seat's haste is not another's."""
    pacer = Pacer(_Clock())
    for _ in range(4):
        pacer.take("A01", _PACE)
    assert pacer.take("A02", _PACE)
    assert pacer.take("A01", Pace("other", 1, 1.0))


def test_the_memory_is_bounded() -> None:
    """Whoever was seen least lately is forgotten."""
    pacer = Pacer(_Clock())
    for _ in range(4):
        pacer.take("A01", _PACE)
    assert not pacer.take("A01", _PACE)
    for number in range(limits.paced_max):
        pacer.take(f"10.{number}", _PACE)
    assert pacer.take("A01", _PACE)
