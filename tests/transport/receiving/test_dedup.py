"""Copies and gaps, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.transport.receiving.dedup import GapCounter, IdWindow


def test_the_window_is_bounded() -> None:
    window = IdWindow(3)
    for name in "abcd":
        window.add(name)
    window.add("b")
    window.add("e")
    assert [name in window for name in "abcde"] == [False, True, False, True, True]
    assert len(window) == 3


@pytest.mark.parametrize("seed", range(5))
def test_the_window_equals_a_set(seed: int) -> None:
    """Compare with a plain set, for copies, gaps and similar ids."""
    random = np.random.default_rng(seed)
    window, plain = IdWindow(), set()
    heads = ["e1/b1/", "e1/b2/", "e1/b1", "e1/b1/0", "e1/b1/host-", ""]
    names = [f"{head}{number}" for head in heads for number in range(40)] + ["9" * 30, "a/", "/"]
    for index in random.integers(0, len(names), 300):
        window.add(names[index])
        plain.add(names[index])
        assert [name in window for name in names] == [name in plain for name in names]


def test_messages_without_a_gap_take_no_memory() -> None:
    window = IdWindow(capacity=10)
    for number in range(10_000):
        window.add(f"e1/b1/{number}")
        # Another sender whose messages come late, in pairs.
        window.add(f"e2/b1/{number ^ 1}")
    assert len(window) == 2
    assert "e1/b1/0" in window
    assert "e2/b1/9999" in window
    assert "e1/b1/10000" not in window


def test_gaps_in_the_window_are_bounded() -> None:
    window = IdWindow(capacity=10)
    for number in range(0, 100, 2):
        window.add(f"e1/b1/{number}")
    window.add("e2/b1/5")
    assert len(window) == 10
    assert [f"e1/b1/{number}" in window for number in (80, 82, 83, 98)] == [
        *(False, True, False, True)
    ]
    assert "e2/b1/5" in window


def test_gaps_in_bounded_memory() -> None:
    gaps = GapCounter(capacity=2)
    for source in "abc":
        gaps.add(source, "b", 1)
    assert gaps.add("b", "b", 4) == 2
    assert gaps.add("a", "b", 9) == 0  # forgotten
    assert gaps.missing == 2
