from __future__ import annotations

from gateway.services.copies import Copies


class Changes:
    """A source that counts how often it was asked."""

    def __init__(self, good: bool = True) -> None:
        self.now = good
        self.asked = 0

    @property
    def good(self) -> bool:
        self.asked += 1
        return self.now


def made(**bounds: int) -> tuple[Copies[str], Changes]:
    copies: Copies[str] = Copies("gw:s:", **bounds)
    source = Changes()
    copies.source = source
    return copies, source


def keep(copies: Copies[str], member: str, weight: int = 1) -> None:
    copies.finish(copies.begin(member), f"record {member}", weight)


def test_without_a_source_nothing_is_kept_and_nothing_served():
    copies: Copies[str] = Copies("gw:s:")
    keep(copies, "a")
    assert copies.get("a") is None
    assert len(copies) == 0


def test_a_copy_serves_only_while_the_source_is_good():
    copies, source = made()
    keep(copies, "a")
    assert copies.get("a") == "record a"
    source.now = False
    assert copies.get("a") is None
    source.now = True
    assert copies.get("a") == "record a"


def test_what_is_read_while_the_source_is_not_good_is_not_kept():
    copies, source = made()
    source.now = False
    keep(copies, "a")
    source.now = True
    assert copies.get("a") is None


def test_the_clock_is_read_once_for_a_hit_and_not_at_all_without_a_copy():
    copies, source = made()
    assert copies.get("a") is None
    assert source.asked == 0
    keep(copies, "a")
    source.asked = 0
    assert copies.get("a") == "record a"
    assert source.asked == 1


def test_a_change_while_a_record_is_read_is_not_lost():
    copies, _ = made()
    for change in (["gw:s:a"], None):
        first, second = copies.begin("a"), copies.begin("a")
        copies.changed(change)
        later = copies.begin("a")
        copies.finish(first, "stale")
        copies.finish(second, "stale")
        assert copies.get("a") is None
        copies.finish(later, "new")
        assert copies.get("a") == "new"


def test_an_own_write_while_a_record_is_read_is_not_lost_either():
    copies, _ = made()
    mark = copies.begin("a")
    copies.drop("a")
    copies.finish(mark, "stale")
    assert copies.get("a") is None


def test_a_change_drops_its_copy_and_no_other():
    copies, _ = made()
    keep(copies, "a")
    keep(copies, "b")
    copies.changed(["gw:s:a", "gw:s:unknown", "elsewhere"])
    assert copies.get("a") is None
    assert copies.get("b") == "record b"


def test_that_a_record_is_missing_is_not_kept_and_takes_its_copy_along():
    copies, _ = made()
    keep(copies, "a")
    copies.finish(copies.begin("a"), None)
    assert copies.get("a") is None
    assert len(copies) == 0


def test_reads_that_are_over_leave_nothing_behind():
    copies, _ = made()
    for number in range(100):
        keep(copies, str(number))
        copies.finish(copies.begin(str(number)), None)
    assert copies._reading == {}


def test_what_was_used_longest_ago_makes_room():
    copies, _ = made(most=2)
    keep(copies, "a")
    keep(copies, "b")
    assert copies.get("a") == "record a"
    keep(copies, "c")
    assert [copies.get(member) for member in "abc"] == ["record a", None, "record c"]


def test_copies_are_bounded_in_bytes_too():
    copies, _ = made(most_bytes=100)
    keep(copies, "a", 40)
    keep(copies, "b", 40)
    assert copies.get("a") == "record a"
    keep(copies, "c", 60)
    assert [copies.get(member) for member in "abc"] == ["record a", None, "record c"]
    assert copies.bytes == 100
    keep(copies, "d", 101)
    assert copies.get("d") is None
    assert copies.get("a") == "record a", "what never fits pushes nothing out"
    keep(copies, "a", 10)
    assert copies.bytes == 70, "a newer copy weighs instead of the older one"
    copies.changed(["gw:s:c"])
    assert copies.bytes == 10
    copies.changed(None)
    assert copies.bytes == 0


def test_what_is_counted():
    copies, source = made()
    keep(copies, "a")
    copies.get("a")
    copies.get("a")
    copies.get("b")
    source.now = False
    copies.get("a")
    copies.changed(["gw:s:a", "gw:s:b"])
    copies.changed(None)
    keep(copies, "a")
    source.now = True
    keep(copies, "a")
    copies.changed(None)
    assert (copies.hits, copies.misses, copies.invalidations, copies.flushes) == (2, 3, 2, 1)
