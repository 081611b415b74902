"""Who followed whom: a hand-made case, and as many events as trackeval counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.evaluate.mot import (
    ScoredFrames,
    Stretch,
    Switch,
    evaluate_mot,
    follow,
    read_result,
    read_truth,
    scored_frames,
)
from tests.evaluate.mot.worlds import write_sequence


def one_person(found: list[int | None], person: int = 1) -> ScoredFrames:
    """A person who is always there, followed by an id of each frame; another box is elsewhere."""
    ids = [np.array([99] if one is None else [one, 99]) for one in found]
    return ScoredFrames(
        np.arange(1, len(found) + 1),
        [np.array([person])] * len(found),
        ids,
        [np.array([[0.0] if one is None else [0.8, 0.0]]) for one in found],
    )


def test_switches_fragments_and_losses_of_one_person() -> None:
    (person,) = follow(one_person([None, 5, 5, None, None, 5, 7, None, 8, None]))
    assert person.stretches == [
        Stretch(1, 1, None),
        Stretch(2, 3, 5),
        Stretch(4, 5, None),
        Stretch(6, 6, 5),
        Stretch(7, 7, 7),
        Stretch(8, 8, None),
        Stretch(9, 9, 8),
        Stretch(10, 10, None),
    ]
    assert person.switches == [Switch(1, 6, 7, 5, 7), Switch(1, 7, 9, 7, 8)]
    assert person.fragments == [6, 9]
    assert person.losses == [Stretch(4, 5, None), Stretch(8, 8, None), Stretch(10, 10, None)]


def test_who_was_never_followed_was_never_lost() -> None:
    (person,) = follow(one_person([None, None]))
    assert (person.stretches, person.losses) == ([Stretch(1, 2, None)], [])


def test_a_match_goes_on_while_it_overlaps_by_half() -> None:
    """A better fitting box does not take over; only below an IoU of 0.5 does it."""
    overlaps = [[0.9, 0.1], [0.5, 0.9], [0.49, 0.9]]
    frames = ScoredFrames(
        np.arange(3), [np.array([1])] * 3, [np.array([5, 6])] * 3, [np.array([x]) for x in overlaps]
    )
    (person,) = follow(frames)
    assert person.stretches == [Stretch(0, 1, 5), Stretch(2, 2, 6)]


def test_people_come_in_order_of_their_first_frame() -> None:
    frames = ScoredFrames(
        np.array([3, 8]), [np.array([9, 4]), np.array([1])], [np.array([], np.int64)] * 2,
        [np.zeros((2, 0)), np.zeros((1, 0))],
    )  # fmt: skip
    assert [one.person for one in follow(frames)] == [4, 9, 1]
    assert follow(ScoredFrames(np.array([], np.int64), [], [], [])) == []


@pytest.mark.parametrize("seed", range(6))
def test_events_are_as_many_as_trackeval_counts(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("trackeval")
    sequence, result = write_sequence(tmp_path, "one", 50 + seed, length=25)
    frames = scored_frames(read_truth(sequence / "gt" / "gt.txt"), read_result(result), "MOT17")
    people, scores = follow(frames), evaluate_mot({"one": frames}).combined
    assert sum(len(one.switches) for one in people) == scores.switches > 0
    assert sum(len(one.fragments) for one in people) == scores.fragments > 0
