"""The time window that sorts messages."""

from __future__ import annotations

from reid_tracker.central.window import TimeWindow


def test_window_orders_by_time() -> None:
    window: TimeWindow[str] = TimeWindow(2.0)
    assert not any([window.add(5.0, "b", 0.0), window.add(4.0, "a", 0.1), window.add(5.0, "c", 0)])
    assert window.take(0.2) == []
    assert not window.add(7.0, "d", 0.3)  # two seconds newer
    assert window.take(0.3) == ["a", "b", "c"]
    assert window.take(2.2) == []
    assert window.take(2.3) == ["d"]  # it has waited long enough
    assert window.horizon_s == 7.0


def test_late_items_are_returned_next() -> None:
    window: TimeWindow[str] = TimeWindow(2.0)
    window.add(10.0, "a", 0.0)
    assert window.take(2.0) == ["a"]
    assert window.add(9.0, "late", 2.1)
    assert not window.add(11.0, "b", 2.1)
    assert window.take(2.1) == ["late"]
    assert window.drain() == ["b"]
    assert len(window) == 0


def test_window_returns_at_most_the_given_number() -> None:
    window: TimeWindow[int] = TimeWindow(1.0)
    for number in range(10):
        window.add(float(number), number, 0.0)
    assert window.take(0.0, 4) == [0, 1, 2, 3]
    assert window.take(0.0, 4) == [4, 5, 6, 7]
    assert window.take(0.0, 4) == [8]
    assert window.take(1.0, 4) == [9]
