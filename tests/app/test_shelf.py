from __future__ import annotations

import weakref

import pytest

from ssrl_ecg.app.shelf import Shelf
from ssrl_ecg.errors import InputError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_thing_is_found_under_its_own_name_only(clock):
    shelf = Shelf(10, 5, clock)
    one, two = shelf.keep("one"), shelf.keep("two")
    assert (shelf.find(one), shelf.find(two)) == ("one", "two")
    assert min(len(one), len(two)) >= 20
    assert one != two
    with pytest.raises(InputError, match="not kept any more"):
        shelf.find("guessed")


def test_things_go_when_their_time_is_up_or_too_many_are_there(clock):
    shelf = Shelf(10, 2, clock)
    first = shelf.keep("first")
    clock.now = 9
    second, third = shelf.keep("second"), shelf.keep("third")
    with pytest.raises(InputError):
        shelf.find(first)
    clock.now = 18
    assert shelf.find(second) == "second"
    assert shelf.keep("third again", third) == third
    clock.now = 20
    with pytest.raises(InputError):
        shelf.find(second)
    assert shelf.find(third) == "third again"


def test_what_is_taken_is_gone(clock):
    shelf = Shelf(10, 2, clock)
    token = shelf.keep("once")
    assert shelf.take(token) == "once"
    with pytest.raises(InputError):
        shelf.take(token)


def test_a_sweep_lets_go_what_is_too_old_though_nobody_asks(clock):
    class Thing:
        pass

    shelf, kept = Shelf(10, 2, clock), Thing()
    held = weakref.ref(kept)
    shelf.keep(kept)
    del kept
    clock.now = 10
    shelf.sweep()
    assert held() is not None
    clock.now = 11
    shelf.sweep()
    assert held() is None
