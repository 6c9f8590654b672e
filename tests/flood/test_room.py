"""How many are let in."""

from __future__ import annotations

from wherefrom.web.room import LEAST, Room


class Hand:
    """A clock moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_full_when_as_many_as_may_are_under_way_and_has_room_when_one_has_ended() -> None:
    room = Room(70)
    began = [room.enter() for _ in range(70)]
    assert room.is_full
    room.leave(began[0])
    assert not room.is_full


def test_fewer_are_let_in_while_they_are_slow_and_more_when_they_are_quick() -> None:
    hand = Hand()
    room = Room(512, now=hand)
    for _ in range(1000):
        began = room.enter()
        hand.now += 2
        room.leave(began)
    assert room.size == LEAST
    began_at = []
    while room.size < 512:
        while not room.is_full:
            began_at.append(room.enter())
        room.leave(began_at.pop())


def test_quick_ones_in_an_empty_room_do_not_make_it_larger() -> None:
    room = Room(512)
    before = room.size
    for _ in range(1000):
        room.leave(room.enter())
    assert room.size == before < 512


def test_a_small_room_is_not_made_larger_by_being_slow() -> None:
    hand = Hand()
    room = Room(8, now=hand)
    began = room.enter()
    hand.now += 2
    room.leave(began)
    assert room.size == 8
