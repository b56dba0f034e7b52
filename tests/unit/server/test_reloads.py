from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.server.reading import LONGEST
from gateway.server.supervisor.loop import Loop
from gateway.server.supervisor.reloads import PATIENCE, Reloads


class Reader:
    """A worker that keeps what it was told."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.told: list[Mapping[str, Any]] = []

    def say(self, order: Mapping[str, Any]) -> None:
        self.told.append(order)

    @property
    def round(self) -> int:
        return int([order for order in self.told if order["do"] == "read"][-1]["round"])


class Room:
    """Two workers and whoever lets them read."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.readers = [Reader(0), Reader(1)]
        self.reloads = Reloads(self.loop, lambda: self.readers)

    def read(self, number: int, state: str | None) -> None:
        reader = self.readers[number]
        self.reloads.heard(reader, {"round": reader.round, "state": state})

    def taken(self) -> list[tuple[bool, bool]]:
        """What each was told last: to take it, to tell about it."""
        return [(reader.told[-1]["take"], reader.told[-1]["tell"]) for reader in self.readers]


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    made.loop.close()


def test_all_take_what_all_have_read_and_one_tells(room):
    room.reloads.begin()
    room.read(1, "a")
    assert [order["do"] for order in room.readers[1].told] == ["read"], "the other one has not read yet"
    room.read(0, "a")
    assert room.taken() == [(True, True), (True, False)]


def test_nobody_takes_what_one_refuses_and_that_one_tells(room):
    room.reloads.begin()
    room.read(0, "a")
    room.read(1, None)
    assert room.taken() == [(False, False), (False, True)]
    room.reloads.begin()
    room.read(0, None)
    room.read(1, None)
    assert room.taken() == [(False, True), (False, False)]


def test_files_that_were_being_written_are_read_again(room):
    room.reloads.begin()
    room.read(0, "a")
    room.read(1, "b")
    assert [reader.round for reader in room.readers] == [1, 1]
    room.loop.later(0.6, room.loop.stop)  # after the pause
    room.loop.run()
    assert [reader.round for reader in room.readers] == [2, 2]
    room.read(0, "b")
    room.read(1, "b")
    assert room.taken() == [(True, True), (True, False)]


def test_what_is_noticed_while_others_read_is_read_once(room):
    for number in (0, 1):
        room.reloads.heard(room.readers[number], {"changed": True})
    room.read(0, "a")
    room.read(1, "a")
    assert [reader.round for reader in room.readers] == [1, 1]


def test_a_change_after_the_reading_is_read_in_another_round(room):
    room.reloads.begin()
    room.read(0, "a")
    room.reloads.heard(room.readers[0], {"changed": True})
    room.read(1, "b")
    assert [reader.round for reader in room.readers] == [1, 1], "they differ: after a pause they read again"
    room.loop.later(0.6, room.loop.stop)
    room.loop.run()
    assert [reader.round for reader in room.readers] == [2, 2]


def test_one_that_ends_while_it_reads_is_not_waited_for_and_one_that_is_late_begins_anew(room):
    room.reloads.begin()
    room.read(0, "a")
    gone = room.readers.pop()
    room.reloads.gone()
    assert room.taken() == [(True, True)]
    room.readers.append(gone)
    room.reloads.heard(gone, {"round": 1, "state": "a"})
    assert [reader.round for reader in room.readers] == [2, 2]


def test_every_reading_that_may_be_is_waited_for():
    """Who is late begins another round: with thousands of routes all would be, and read for ever without taking anything."""
    assert PATIENCE > LONGEST
