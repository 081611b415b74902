"""Limits learned from what was seen: never tighter than that, and only when there is enough."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.match import (
    CrossCameraMatcher,
    Sighting,
    Topology,
    confident_links,
    final_identities,
    supported_topology,
)
from tests.examples import examples
from tests.match.worlds import Visit, run

some = settings(max_examples=examples(60), deadline=None, derandomize=True)


def walks(waits: list[float], every_s: float = 10.0, score: float = 0.9) -> list[Sighting]:
    """People who are seen by the door for 3 s and by the hall after a wait, one after the other."""
    found = []
    for number, wait_s in enumerate(waits):
        start_s = number * every_s
        found.append(Sighting("door", number + 1, start_s, start_s + 3, score))
        found.append(Sighting("hall", number + 1, start_s + 3 + wait_s, start_s + 99, score))
    return found


def learned(waits: list[float], now_s: float = 1e6, least: int = 5) -> Topology:
    return supported_topology(confident_links(walks(waits), 0.75), now_s, least)


@some
@given(st.lists(st.floats(-2.5, 500), min_size=5, max_size=40), st.floats(0, 2e3))
def test_nothing_that_was_seen_is_forbidden(waits: list[float], now_s: float) -> None:
    times = learned(waits, now_s).travel_times(["door", "hall"])
    for wait_s in waits:
        if wait_s <= 0:
            assert times.overlap[0, 1]
        else:
            assert times.min_s[0, 1] <= wait_s
        assert wait_s <= times.max_s[0, 1]
    assert np.isposinf(times.max_s.diagonal()).all()


def test_limits_are_half_the_shortest_and_double_the_longest() -> None:
    (passage,) = learned([6, 8, 9, 10, 12]).passages
    assert (passage.min_s, passage.max_s, passage.overlap) == (3.0, 24.0, False)


def test_too_few_ways_leave_the_pair_open() -> None:
    assert learned([6, 8, 9, 10]).passages == ()


def test_unsure_ways_do_not_count() -> None:
    assert confident_links(walks([6] * 9, score=0.7), 0.75) == []
    nobody = [Sighting("door", 0, 0, 1), Sighting("hall", 0, 5, 6)]
    assert confident_links(nobody, 0.75) == []


def test_a_longest_time_needs_ways_that_could_have_taken_longer() -> None:
    """The last of six people left 53 s after the start; the limit would be 24 s."""
    waits: list[float] = [6, 8, 9, 10, 12, 7]
    assert learned(waits, now_s=60.0).passages[0].max_s is None  # three left 24 s ago or more
    assert learned(waits, now_s=77.0).passages[0].max_s == 24.0


def test_who_is_seen_by_both_or_steps_over_keeps_both_at_once_allowed() -> None:
    for waits in ([-2.0, 8, 9, 10, 12], [0.4, 8, 9, 10, 12], [1.9, 8, 9, 10, 12]):
        (passage,) = learned(waits).passages
        assert passage.overlap
        assert passage.min_s == 0


def world(people: int) -> list[Visit]:
    """People who pass door and hall, 6 to 8 s apart, one every 15 s."""
    return [
        visit
        for k in range(people)
        for visit in (
            Visit("door", k + 1, k, 15.0 * k, 15.0 * k + 4),
            Visit("hall", k + 1, k, 15.0 * k + 10 + k % 3, 15.0 * k + 14 + k % 3),
        )
    ]


def test_a_matcher_learns_and_is_deterministic() -> None:
    topologies, events = [], []
    for _ in range(2):
        matcher = CrossCameraMatcher(MatchConfig(min_hits=2, patience_s=1.0, learn_links=5))
        run(matcher, world(9))
        matcher.finish()
        topologies.append(matcher.topology)
        events.append(matcher.events())
    assert topologies[0] == topologies[1]
    assert events[0] == events[1]
    (passage,) = topologies[0].passages
    assert passage.between == ("door", "hall")
    assert passage.min_s == pytest.approx(3.0)
    assert passage.max_s == pytest.approx(16.0)


@pytest.mark.parametrize(("links", "same"), [(5, False), (0, True)])
@pytest.mark.slow
def test_what_was_learned_parts_two_who_look_alike(links: int, same: bool) -> None:
    """After nine people, two who look alike are at the door and in the hall at the same time."""
    late = [Visit("door", 50, 20, 200, 206), Visit("hall", 50, 20, 202, 208)]
    config = MatchConfig(min_hits=2, patience_s=1.0, learn_links=links)
    matcher = CrossCameraMatcher(config)
    run(matcher, [*world(9), *late])
    matcher.finish()
    final = final_identities(matcher.events())
    assert (final["door", 50] == final["hall", 50]) == same


def test_a_given_topology_is_not_learned_over() -> None:
    given = Topology(returning_s=500.0)
    matcher = CrossCameraMatcher(MatchConfig(min_hits=2, patience_s=1.0, learn_links=5), given)
    run(matcher, world(9))
    matcher.finish()
    assert matcher.topology is given


def test_pairs_nobody_walked_stay_open() -> None:
    times = learned([6, 8, 9, 10, 12]).travel_times(["door", "yard"])
    assert times.max_s[0, 1] == math.inf
    assert times.overlap[0, 1]
