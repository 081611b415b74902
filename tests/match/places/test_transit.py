"""Transit times learned from sightings, and the topology made of them."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.config import MatchConfig
from reid_tracker.match import CrossCameraMatcher, Sighting, learn_topology, transits
from tests.match.worlds import Visit, run


def walk(identity: int, wait_s: float, start_s: float = 0.0) -> list[Sighting]:
    """Somebody who is seen by the door, waits, and is seen in the hall."""
    return [
        Sighting("hall", identity, start_s + 10 + wait_s, start_s + 20 + wait_s),
        Sighting("door", identity, start_s, start_s + 10),
    ]


def test_ways_are_collected_person_by_person() -> None:
    sightings = [*walk(1, 4), *walk(2, 6, 3.0), Sighting("yard", 0, 0, 99)]
    (found,) = transits(sightings)
    assert (found.source, found.target) == ("door", "hall")
    assert found.waits_s.tolist() == [4, 6]
    counts, edges = found.histogram(1.0)
    assert counts.tolist() == [1, 0, 1]
    assert edges.tolist() == [4, 5, 6, 7]


def test_being_seen_by_both_at_once_is_less_than_no_time() -> None:
    (found,) = transits([Sighting("a", 1, 0, 10), Sighting("b", 1, 4, 12)])
    assert found.waits_s.tolist() == [-6]
    (inside,) = transits([Sighting("a", 1, 0, 10), Sighting("b", 1, 4, 6)])
    assert inside.waits_s.tolist() == [-2]


def test_a_topology_is_learned_from_enough_people() -> None:
    rng = np.random.default_rng(0)
    sightings = [item for k in range(1, 60) for item in walk(k, float(rng.uniform(6, 12)))]
    sightings += [Sighting("hall", 1, 90, 95), Sighting("yard", 1, 99, 120)]
    passage = learn_topology(transits(sightings)).passages[0]
    assert passage.between == ("door", "hall")
    assert not passage.overlap
    assert 3 < passage.min_s < 6
    assert passage.max_s is not None
    assert 12 < passage.max_s < 20
    times = learn_topology(transits(sightings)).travel_times(["hall", "yard"])
    assert times.max_s[0, 1] == np.inf  # one person is not enough


def test_overlapping_views_are_learned() -> None:
    sightings = [item for k in range(1, 9) for item in walk(k, -3.0)]
    (passage,) = learn_topology(transits(sightings)).passages
    assert passage.overlap
    assert (passage.min_s, passage.max_s) == (0, 0)


def test_a_matcher_tells_its_sightings() -> None:
    matcher = CrossCameraMatcher(MatchConfig(min_hits=2, patience_s=1.0))
    run(matcher, [Visit("a", 1, 0, 0, 5), Visit("b", 4, 0, 9, 12), Visit("b", 5, 1, 12, 12)])
    assert matcher.sightings() == [Sighting("a", 1, 0, 5), Sighting("b", 1, 9, 12)]
    (found,) = transits(matcher.sightings())
    assert (found.source, found.target, found.waits_s.tolist()) == ("a", "b", [4])


@pytest.mark.parametrize("sightings", [[], [Sighting("a", 1, 0, 5)]])
def test_nobody_went_anywhere(sightings: list[Sighting]) -> None:
    assert transits(sightings) == []
    assert learn_topology(transits(sightings)).passages == ()
